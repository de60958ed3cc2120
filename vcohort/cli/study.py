"""A study: everything that a run is made of, as one checked record; read from TOML."""

from __future__ import annotations

import os
import re
import reprlib
import tomllib
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

import vcohort as vc
from vcohort.cli.notation import parse_axis, parse_value
from vcohort.cli.uses import unread_by
from vcohort.errors import VcohortError, did_you_mean, one_of
from vcohort.files import read_plain
from vcohort.given import whole
from vcohort.models import Model, car_t
from vcohort.populations.designs import DESIGNS
from vcohort.populations.distributions import varies
from vcohort.populations.population import Population
from vcohort.regimens.treatments import Infusion, Lymphodepletion, Treatment
from vcohort.simulation.run import DEFAULTS, PLAIN, Run

if TYPE_CHECKING:
    import xarray as xr

# A study is a page of text.
_MOST_BYTES = 10 << 20

# A value of another type is a mistake, and is not turned into one of this type.
_AS_WRITTEN = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Laws(BaseModel):
    """The laws of the model, by name."""

    model_config = _AS_WRITTEN

    growth: str = "gompertz"
    feedback: str = "T"
    killing: str = "saturating"
    proliferation: str = "exponential"

    def compose(self) -> Model:
        """Return the model."""
        return car_t(self.growth, self.feedback, self.killing, self.proliferation)


class InfusionEntry(BaseModel):
    """An ``[[infusion]]``; see :class:`vcohort.Infusion`."""

    model_config = _AS_WRITTEN

    day: float
    cells: float | None = None

    def treatment(self) -> Treatment:
        """Return the infusion."""
        return Infusion(self.day, self.cells)


class LymphodepletionEntry(BaseModel):
    """A ``[[lymphodepletion]]``; see :class:`vcohort.Lymphodepletion`."""

    model_config = _AS_WRITTEN

    day: float
    survival: float | Annotated[list[float], Field(min_length=2, max_length=2)]

    def treatment(self) -> Treatment:
        """Return the lymphodepletion."""
        both = self.survival
        return Lymphodepletion(self.day, (both[0], both[1]) if isinstance(both, list) else both)


class SweepEntry(BaseModel):
    """The table ``[sweep]``; see :func:`vcohort.sweep`.

    ``axes``: a list of values by name, or text: ``6e10:8e10:21`` (LOW:HIGH:COUNT, ``:log`` after it
    for even ratios), in a design ``6e10:8e10`` or a distribution.
    """

    model_config = _AS_WRITTEN

    axes: dict[str, list[float] | str]
    layout: str = "grid"
    cells: int | None = None
    independent: bool = False
    days: list[float] | None = None
    until: float | None = None
    quantiles: list[float] | None = None
    keep_patients: bool = False
    chunk: int | None = None

    def arguments(self) -> dict[str, Any]:
        """Return what :func:`vcohort.sweep` takes."""
        axes = {
            name: parse_axis(name, value) if isinstance(value, str) else value
            for name, value in self.axes.items()
        }
        for name, value in axes.items():
            if isinstance(value, tuple) and self.layout in {"grid", "table"}:
                raise VcohortError(
                    f"The axis {name} = {self.axes[name]!r} is a range, for a design. Say how many "
                    f"values: {self.axes[name]}:21, or which: {value[0]:g},{value[1]:g}."
                )
        return {**self.model_dump(exclude_none=True), "axes": axes}


_SETTINGS: dict[str, Any] = {name: (type(DEFAULTS[name]), DEFAULTS[name]) for name in PLAIN}

_OfARun = create_model("_OfARun", __config__=_AS_WRITTEN, **_SETTINGS)


class Study(_OfARun):
    """A cohort and its run. Each field is a key of the TOML file and a flag of the command line.

    The settings of a run are those of :class:`vcohort.Run` that are a number or a text. ``set``
    overrides parameters, in cells and days, by a number or a distribution as text. ``infusion``
    and ``lymphodepletion`` are the regimen; ``sweep`` is for ``vcohort sweep`` alone. What a
    command does not read is refused: :mod:`vcohort.cli.uses`.
    """

    preset: str = "kimmel2021"
    patients: int = 1000
    sigma: float = 0.0
    design: str = "random"
    save_at: list[float] | None = None
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
        self.population()
        for name in parameters:
            self.model.compose().param(name)
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
        plain = {name: getattr(self, name) for name in PLAIN}
        return Run(**plain, save_at=self.save_at, regimen=self.regimen)

    def simulate(self, *, progress: bool | None = None) -> xr.Dataset:
        """Sample the cohort and run it; the study itself goes into the attribute ``study``."""
        self.check()
        population = self.population()
        if self.design != "random" and not any(map(varies, population.distributions.values())):
            raise VcohortError(
                f"design = {self.design!r} lays out patients who differ, and here nothing varies. "
                "Give --sigma, or a parameter a distribution, or leave the design out."
            )
        cohort = population.sample(self.patients, self.run.seed, design=self.design)
        ds = vc.simulate(cohort, run=self.run, progress=progress)
        return ds.assign_attrs(study=self.to_toml())

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
        :mod:`vcohort.cli.uses` says.
        """
        return self.given(*(name for name in PLAIN if name not in but))

    def to_toml(self) -> str:
        """Return the study as the text of a study file, without what its method does not read."""
        return tomli_w.dumps(
            self.model_dump(exclude_none=True, exclude={*unread_by(self.run.method)})
        )

    @cached_property
    def regimen(self) -> vc.Regimen:
        """The treatments; what is said of their units is said once."""
        return vc.Regimen(*(entry.treatment() for entry in self._treatments))

    @property
    def _treatments(self) -> list[InfusionEntry | LymphodepletionEntry]:
        return [*self.infusion, *self.lymphodepletion]

    def population(self) -> Population:
        """Return how the patients vary."""
        overrides = {name: parse_value(value) for name, value in self.set.items()}
        for name in overrides:
            self.model.compose().param(name)
        chosen: Any = {"model": self.model.compose(), **overrides}
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
    """Return a study from its fields, or one clear error."""
    try:
        return Study.model_validate(fields)
    except ValidationError as error:
        raise VcohortError(_explain(error)) from None


def read_fields(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the fields of a study file."""
    try:
        fields = tomllib.loads(read_plain(path, _MOST_BYTES).decode("utf-8-sig"))
        _check_numbers(fields)
    except FileNotFoundError:
        raise VcohortError(f"There is no study file {path}.") from None
    except OSError as error:
        raise VcohortError(f"Cannot read the study file {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise VcohortError(f"Cannot read the study file {path}: it is not text in UTF-8.") from None
    except RecursionError:
        raise VcohortError(
            f"The study file {path} is no study: its brackets are nested too deeply."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise VcohortError(
            f"The study file {path} is not TOML: {error}. Texts stand in quotes: "
            'preset = "kimmel2021".'
        ) from None
    except ValueError:
        raise VcohortError(
            f"The study file {path} holds a whole number of more than 64 bits."
        ) from None
    return fields


def _check_numbers(part: Any) -> None:
    """Refuse whole numbers of more bits than the largest seed has."""
    if isinstance(part, dict | list):
        for each in part.values() if isinstance(part, dict) else part:
            _check_numbers(each)
    elif isinstance(part, int) and abs(part) >= 2**64:
        raise ValueError(part.bit_length())


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
