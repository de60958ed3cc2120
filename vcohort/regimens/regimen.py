"""Treatment schedules: infusions of CAR T cells and lymphodepletions, at their exact days."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from vcohort.engine.integrator.jumps import Schedule
from vcohort.errors import VcohortError, unknown
from vcohort.given import check_labels
from vcohort.models.shared import C0
from vcohort.populations.cohort import Cohort, whole_cells
from vcohort.records import plain, reading, restored
from vcohort.regimens.nonmem import doses
from vcohort.regimens.treatments import Field, Infusion, Lymphodepletion, Treatment, select

# One cell is left of 1e18 at the least: of a smaller share, which has a logarithm, no less.
_LEAST_SURVIVAL = 1e-30


class Regimen:
    """Treatments of a cohort, in any order: ``Regimen(Infusion(100), Lymphodepletion(95, 0.01))``.

    The first infusion, of C0 cells on day 0, is always there: ``Regimen()`` is that alone, and an
    ``Infusion`` on day 0 replaces it.

    :raises VcohortError: for a negative day, a fraction outside 0 … 1, two treatments of one
        kind at the same time.
    """

    def __init__(self, *treatments: Treatment) -> None:
        self._hold(treatments)
        _advise(treatments)

    def _hold(self, treatments: tuple[Treatment, ...]) -> None:
        for each in treatments:
            if not isinstance(each, Infusion | Lymphodepletion):
                raise VcohortError(
                    f"{each!r} is no treatment. Give vc.Infusion(day) or "
                    "vc.Lymphodepletion(day, survival)."
                )
        self.treatments = treatments
        for kind in (Infusion, Lymphodepletion):
            _refuse_doubles([each for each in treatments if isinstance(each, kind)])

    @classmethod
    def from_nonmem(cls, rows: Any) -> Regimen:
        """Return the doses of a NONMEM data set: TIME in days, AMT in cells.

        ``rows``: a CSV file's path, or columns by name (a data frame, a dict of lists). Rows with
        EVID 1 (or without the column EVID, AMT above 0) are doses; II and ADDL repeat them; EVID 0
        and 2 are passed over. With ID there is one schedule a patient, in the order in which the
        IDs first come. The first dose of each must be at TIME 0. A blank, NaN and a dot are 0.

        Every dose of which the rows speak is given, or the rows are refused, where NONMEM stops
        too. Other columns that would change a dose are read to refuse what is not known here: SS,
        RATE, DUR, TINF, CONT, DATE (DAT1, DAT2, DAT3), MDV, a DOSE other than AMT, a second CMT or
        ADM, and rows that C, EXCLUDE (EXCL, OMIT, IGNORE) or a mark (#, @) take out. All others,
        such as DV and covariates, change no dose, and are not read.

        :raises VcohortError: for missing columns, a dose whose EVID and AMT contradict each other,
            ADDL without II and II without ADDL, resets (EVID 3 and 4), text in place of numbers,
            days that fall, an ID that comes back after another, and what else is not known here.
        """
        return cls(*doses(rows))

    @classmethod
    def from_record(
        cls, record: str | Sequence[Any], variables: Mapping[str, Any] | None = None
    ) -> Regimen:
        """Return the regimen of a record, such as a dataset's attribute ``regimen_record``.

        ``variables``: the dataset, where fields differ between its patients.

        :raises VcohortError: for what is no record of a regimen.
        """
        with reading("regimen"):
            found = json.loads(record) if isinstance(record, str) else record
            if not isinstance(found, list | tuple):
                raise TypeError(f"a {type(found).__name__}, where a list is needed")
            return cls(*(restored(each, variables) for each in found))

    def to_record(self, *, by_variable: bool = False) -> list[Any]:
        """Return the regimen as what JSON can hold, each number to its last bit.

        ``by_variable``: in place of one number per patient, the name of the variable (of
        :meth:`named_fields`) under which a dataset holds them.
        """
        arrays = {id(value): name for name, value, _ in self.named_fields() if np.ndim(value)}
        return [plain(each, arrays if by_variable else {}) for each in self.treatments]

    @property
    def later(self) -> list[Treatment]:
        """The treatments that somebody is given after day 0."""
        return [each for each in self.treatments if not _never_comes_later(each.day)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Regimen):
            return NotImplemented
        mine, others = list(self.named_fields()), list(other.named_fields())
        return [name for name, _, _ in mine] == [name for name, _, _ in others] and all(
            np.array_equal(value, value_of_other)
            for (_, value, _), (_, value_of_other, _) in zip(mine, others, strict=True)
        )

    def __hash__(self) -> int:
        return hash(tuple(self.field_names))

    def __repr__(self) -> str:
        return f"Regimen({', '.join(repr(each) for each in self.treatments)})"

    @property
    def is_traced(self) -> bool:
        """Whether a field is being traced, by ``jax.jit`` or ``jax.grad``."""
        fields = (value for _, value, _ in self.named_fields())
        return any(isinstance(value, jax.core.Tracer) for value in fields)

    def named_fields(self) -> Iterator[tuple[str, Field, str]]:
        """Return name, value and unit of every field: ``infusion_1_day`` and so on."""
        for prefix, each in self.named_treatments():
            for name, (value, unit) in each.fields.items():
                yield f"{prefix}_{name}", value, unit

    def replace(self, **fields: Field) -> Regimen:
        """Return the regimen with other fields, by names such as ``infusion_1_day``.

        Fields: ``day`` and ``cells`` of an infusion; ``day``, ``survival``, ``normal_survival``
        and ``car_survival`` of a lymphodepletion. Treatments of a kind are counted from 1.

        :raises VcohortError: for a name that the regimen does not have, impossible values.
        """
        found = self.at(**fields)
        _advise([each for prefix, each in found.named_treatments() if f"{prefix}_cells" in fields])
        return found

    def at(self, **fields: Field) -> Regimen:
        """Return the regimen of a cell: :meth:`replace`, but without a word on units.

        What is said of an axis is said once, by those who lay it out.
        """
        known = dict(self._settable())
        changed: dict[int, dict[str, Field]] = {}
        for name, value in fields.items():
            if name not in known:
                raise unknown("field of the regimen", name, known)
            index, field = known[name]
            changed.setdefault(index, {})[field] = value
        return self._of(
            each.replace(**changed.get(i, {})) for i, each in enumerate(self.treatments)
        )

    def plus(self, *treatments: Treatment) -> Regimen:
        """Return the regimen with more treatments."""
        _advise(treatments)
        return self._of((*self.treatments, *treatments))

    def select(self, patients: Any) -> Regimen:
        """Return the regimen of some of the patients: an index array or a mask (patient,)."""
        return self._of(select(each, patients) for each in self.treatments)

    def keep(self, chosen: Iterable[bool]) -> Regimen:
        """Return the regimen with those of its treatments that are chosen (treatment,)."""
        pairs = zip(self.treatments, chosen, strict=True)
        return self._of(each for each, is_kept in pairs if is_kept)

    def _of(self, treatments: Iterable[Treatment]) -> Regimen:
        """Return a regimen of treatments of whose doses the user has been told."""
        new = Regimen.__new__(Regimen)
        new._hold(tuple(treatments))
        return new

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names that :meth:`replace` knows."""
        return tuple(name for name, _ in self._settable())

    def _settable(self) -> Iterator[tuple[str, tuple[int, str]]]:
        for index, (prefix, each) in enumerate(self.named_treatments()):
            for name in each.settable:
                yield f"{prefix}_{name}", (index, name)

    def named_treatments(self) -> Iterator[tuple[str, Treatment]]:
        """Return each treatment with its name, ``infusion_1`` and so on."""
        seen = {Infusion: 0, Lymphodepletion: 0}
        for each in self.treatments:
            seen[type(each)] += 1
            yield f"{type(each).__name__.lower()}_{seen[type(each)]}", each

    def check(self, patients: int, horizon: float) -> None:
        """Refuse a regimen that does not fit a cohort or ends after its horizon."""
        for name, value, _ in self.named_fields():
            if np.ndim(value) and np.shape(value) != (patients,):
                raise VcohortError(
                    f"{name} has the shape {np.shape(value)}, the cohort {patients} patients: "
                    f"give one number, or an array of shape ({patients},)."
                )
            if name.endswith("_day") and not isinstance(value, jax.core.Tracer):
                days = np.asarray(value, float)
                late = days[np.isfinite(days) & (days > horizon)]
                if late.size:
                    raise VcohortError(
                        f"{name} = {late.flat[0]:g} is past the horizon of {horizon:g} days. Give "
                        "an earlier day, or a longer horizon."
                    )

    def shared_days(self) -> Any | None:
        """Return the days (treatment,) after day 0 where all patients share them, else None."""
        days = [each.day for each in self.later]
        if any(np.ndim(day) for day in days):
            return None
        return _numpy_of(days).asarray(days, dtype=float)

    def later_days(self, patients: int) -> np.ndarray:
        """Return the days (patient, treatment) of :attr:`later`; infinite where none comes."""
        days = [np.broadcast_to(_later(np, each.day), (patients,)) for each in self.later]
        return np.stack(days, axis=1)

    def schedule(self, cohort: Cohort) -> Schedule | None:
        """Return the treatments after day 0, arrays (patient, treatment); None without any."""
        if not self.later:
            return None
        rows = [_row(each, cohort) for each in self.later]
        xp = _numpy_of(jax.tree.leaves(rows))

        def column(*parts: Any) -> Any:
            return xp.stack([xp.broadcast_to(part, (len(cohort),)) for part in parts], axis=1)

        return jax.tree.map(column, *rows)

    def first_values(self, cohort: Cohort) -> dict[str, Any]:
        """Return the cohort's values with what happens on day 0, tumours of whole cells.

        :raises VcohortError: for a treatment that names other patients.
        """
        for prefix, each in self.named_treatments():
            check_labels(prefix, each.labels, cohort.patient)
        given = cohort.values
        xp = _numpy_of([*given.values(), *(value for _, value, _ in self.named_fields())])
        # JAX would take up again what it traced of the same arrays in another precision.
        in_force = xp.result_type(float)
        values = {
            name: xp.asarray(value, in_force) if isinstance(value, np.ndarray) else value
            for name, value in given.items()
        }
        species = cohort.model.species
        for each in self.treatments:
            today = xp.equal(each.day, 0.0)
            if isinstance(each, Lymphodepletion):
                # CAR T cells come later on that day.
                for name, share in each.survivals(species).items():
                    if name in species.grown and name != "C":
                        before = values[f"{name}0"]
                        left = xp.maximum(before * share, xp.minimum(before, 1.0))
                        values[f"{name}0"] = xp.where(today, left, before)
            elif each.cells is not None:
                values["C0"] = xp.where(today, each.cells, values["C0"])
        first = {f"{name}0": whole_cells(values[f"{name}0"]) for name in species.tumour}
        return values | first


def _row(each: Treatment, cohort: Cohort) -> Schedule:
    """Return one treatment; where it falls on day 0 it never comes later."""
    species = cohort.model.species
    survival: dict[str, Any] = dict.fromkeys((*species.grown, *species.fed), 1.0)
    cells: Any = 0.0
    if isinstance(each, Lymphodepletion):
        survival = each.survivals(species)
    else:
        cells = cohort["C0"] if each.cells is None else each.cells
    xp = _numpy_of([each.day, *survival.values(), cells])
    day = _later(xp, each.day)
    logs = {name: xp.log(xp.maximum(share, _LEAST_SURVIVAL)) for name, share in survival.items()}
    return Schedule(day, logs, cells)


def _later(xp: Any, day: Field) -> Any:
    """Return a day of treatment; infinite where it is day 0, which is done at the start."""
    return xp.where(xp.equal(day, 0.0), np.inf, day)


def _advise(treatments: Iterable[Treatment]) -> None:
    """Warn, once for all, of doses for which another unit was probably meant."""
    given = [each.cells for each in treatments if isinstance(each, Infusion)]
    known = [np.ravel(cells) for cells in given
             if cells is not None and not isinstance(cells, jax.core.Tracer)]  # fmt: skip
    if known:
        C0.advise(np.concatenate(known), "Infusion: cells")


def _numpy_of(values: Any) -> Any:
    """Return ``jax.numpy`` where a value is being traced, else ``numpy``, in double precision."""
    return jnp if any(isinstance(value, jax.core.Tracer) for value in values) else np


def _never_comes_later(day: Field) -> bool:
    """Whether a treatment is given on day 0 or never, to everyone."""
    return not isinstance(day, jax.core.Tracer) and bool(np.isin(day, (0.0, np.inf)).all())


def _refuse_doubles(treatments: list[Any]) -> None:
    """Refuse two treatments of one kind on the same day of a patient."""
    known = [each for each in treatments if not isinstance(each.day, jax.core.Tracer)]
    for index, first in enumerate(known):
        for second in known[index + 1 :]:
            days = np.asarray(first.day, float), np.asarray(second.day, float)
            if any(day.ndim for day in days) and len({day.size for day in days if day.ndim}) > 1:
                continue  # The cohort can have one size at most: its check will say so.
            same = np.atleast_1d((days[0] == days[1]) & np.isfinite(days[0]))
            if same.any():
                day = np.broadcast_to(days[0], same.shape)[same].flat[0]
                raise VcohortError(
                    f"There are two of {type(first).__name__} on day {day:g}. Make them one, or "
                    "give them different days."
                )
