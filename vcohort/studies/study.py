"""A study: everything that a run is made of, as one checked record."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import tomli_w
from pydantic import BaseModel, Field, ValidationError, create_model

import vcohort as vc
from vcohort.errors import VcohortError, did_you_mean, one_of
from vcohort.given import whole
from vcohort.populations.designs import DESIGNS
from vcohort.populations.distributions import varies
from vcohort.populations.population import Population
from vcohort.populations.shipped import shipped_names
from vcohort.simulation.limits import numbers_within
from vcohort.simulation.run import DEFAULTS, PLAIN, Run
from vcohort.studies.endpoint_names import parse_endpoint
from vcohort.studies.entries import (
    AS_WRITTEN,
    InfusionEntry,
    Laws,
    LymphodepletionEntry,
    SweepEntry,
)
from vcohort.studies.notation import parse_value
from vcohort.studies.uses import DEFAULT_PRESET, PAPER, unread_by

if TYPE_CHECKING:
    import xarray as xr

    from vcohort.populations.cohort import Cohort


_SETTINGS: dict[str, Any] = {name: (type(DEFAULTS[name]), DEFAULTS[name]) for name in PLAIN}

_OfARun = create_model("_OfARun", __config__=AS_WRITTEN, **_SETTINGS)


class Study(_OfARun):
    """A cohort and its run. Each field is a key of the TOML file and a flag of the command line.

    The settings of a run are those of :class:`vcohort.Run` that are a number or a text. ``set``
    overrides parameters, in cells and days, by a number or a distribution as text. ``endpoints``
    are what to read off, ``["Escaped", "Kinetics(auc_until=60)"]``. ``infusion``
    and ``lymphodepletion`` are the regimen; ``sweep`` is for ``vcohort sweep`` alone. What a
    command does not read is refused: :mod:`vcohort.studies.uses`.
    """

    preset: str = DEFAULT_PRESET
    patients: int = 1000
    sigma: float = 0.0
    design: str = "random"
    save_at: list[float] | None = None
    endpoints: list[str] | None = None
    set: dict[str, float | str] = Field(default_factory=dict)
    infusion: list[InfusionEntry] = Field(default_factory=list)
    lymphodepletion: list[LymphodepletionEntry] = Field(default_factory=list)
    model: Laws = Laws()
    sweep: SweepEntry | None = None

    def check_names(self, parameters: Iterable[str] = ()) -> None:
        """Refuse names that are not known and values out of bounds, in a moment.

        ``parameters``: further names that must be the model's.
        """
        one_of("design", self.design, DESIGNS)
        whole("n", self.patients, least=1)
        numbers_within(self._plain)
        population = self.population()
        for name in parameters:
            population.model.param(name)
        for entry in self._treatments:
            entry.treatment()
        if self.sweep is not None:
            self.sweep.arguments()

    def check(self) -> None:
        """Refuse an impossible study before any work."""
        self.check_names()
        self.regimen.check(self.patients, self.run.horizon)

    @cached_property
    def run(self) -> Run:
        """The settings of the run."""
        endpoints = [parse_endpoint(text) for text in self.endpoints or ()]
        return Run(**self._plain, save_at=self.save_at, regimen=self.regimen, endpoints=endpoints)

    def simulate(self, *, progress: bool | None = None) -> xr.Dataset:
        """Sample the cohort and run it; the study itself goes into the attribute ``study``."""
        self.check()
        ds = vc.simulate(self.cohort(), run=self.run, progress=progress)
        return ds.assign_attrs(study=self.to_toml())

    def cohort(self) -> Cohort:
        """Sample the cohort, by its seed and design.

        :raises VcohortError: for a design of patients who do not differ.
        """
        population = self.population()
        if self.design != "random" and not any(map(varies, population.distributions.values())):
            raise VcohortError(
                f"design = {self.design!r} lays out patients who differ, and here nothing varies. "
                "Give --sigma, or a parameter a distribution, or leave the design out."
            )
        return population.sample(self.patients, self.run.seed, design=self.design)

    def sweep_arguments(self) -> dict[str, Any]:
        """Return all that :func:`vcohort.sweep` takes, but where to write and who computes."""
        if self.sweep is None:
            raise VcohortError(
                "Nothing is swept. Give --axis K_C=6e10:8e10:21, or [sweep.axes] in the study."
            )
        return {
            "population": self.population(), "n": self.patients, "design": self.design,
            "run": self.run, **self.sweep.arguments(),
        }  # fmt: skip

    def given(self, *names: str) -> dict[str, Any]:
        """Return those of the fields that were given, and are not left to a default."""
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}

    def settings(self, *but: str) -> dict[str, Any]:
        """Return the settings of the run that were given, but for some.

        All that were given are read: what a command does not read has been refused by then, as
        :mod:`vcohort.studies.uses` says.
        """
        return self.given(*(name for name in PLAIN if name not in but))

    def to_toml(self) -> str:
        """Return the study as the text of a study file, without what its method does not read."""
        unread = {*unread_by(self.run.method), *(["model"] if self._has_own_laws else [])}
        return tomli_w.dumps(self.model_dump(exclude_none=True, exclude=unread))

    @cached_property
    def regimen(self) -> vc.Regimen:
        """The treatments; what is said of their units is said once."""
        return vc.Regimen(*(entry.treatment() for entry in self._treatments))

    @property
    def _treatments(self) -> list[InfusionEntry | LymphodepletionEntry]:
        return [*self.infusion, *self.lymphodepletion]

    @property
    def _plain(self) -> dict[str, Any]:
        """The settings of the run that are a number or a text."""
        return {name: getattr(self, name) for name in PLAIN}

    @property
    def _has_own_laws(self) -> bool:
        """Whether the laws are those of a population that comes with the package."""
        return self.preset in shipped_names() and "model" not in self.model_fields_set

    def population(self) -> Population:
        """Return how the patients vary."""
        model = Population(self.preset).model if self._has_own_laws else self.model.compose()
        overrides = {name: parse_value(value) for name, value in self.set.items()}
        for name in overrides:
            model.param(name)
        chosen: Any = {"model": model, **overrides}
        return Population(self.preset, self.sigma, **chosen)


# What pydantic calls the types of a field that takes several.
_TRIED = re.compile(r"float|str|list\[.*\]|constrained-.*")

_TABLES: dict[str, type[BaseModel]] = {
    "model": Laws,
    "infusion": InfusionEntry,
    "lymphodepletion": LymphodepletionEntry,
    "sweep": SweepEntry,
}


def make_study(fields: dict[str, Any]) -> Study:
    """Return a study from its fields, or one clear error.

    Where laws are named and no preset, they are joined to the values of the paper: those of the
    default population are its own.
    """
    try:
        return Study.model_validate(PAPER | fields if "model" in fields else fields)
    except ValidationError as error:
        raise VcohortError(_explain(error)) from None


def _parts(error: Any) -> list[str]:
    """Return where a mistake is, without the names of the types that were tried."""
    return [str(part) for part in error["loc"] if not _TRIED.fullmatch(str(part))]


def _explain(error: ValidationError) -> str:
    """Say the first mistake in a study in the user's terms."""
    # A misspelt key is also a missing one: the first tells more.
    errors = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    # Where several types are possible, that which came furthest says most.
    start = _parts(errors[0])[:2]
    alike = [each for each in errors if _parts(each)[:2] == start]
    first = max(alike, key=lambda each: (len(each["loc"]), not each["type"].endswith("_type")))
    parts = _parts(first)
    place = ".".join(parts)
    if first["type"] == "extra_forbidden":
        known = _TABLES.get(parts[0], Study).model_fields if len(parts) > 1 else Study.model_fields
        return f"Unknown key {place!r} in the study. {did_you_mean(parts[-1], known)}"
    if first["type"] == "missing":
        return f"In the study, {place} is missing."
    given, why = reprlib.repr(first["input"]), first["msg"].lower()
    return f"In the study, {place} = {given} is impossible: {why}."
