"""A cohort: the parameter values of its patients, as arrays."""

from __future__ import annotations

import reprlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.core
import numpy as np

from vcohort.errors import VcohortError, VcohortWarning, refuse_other, unknown
from vcohort.given import check_labels, check_unit, floats, labels_of, refuse_narrow, unit_of
from vcohort.models import Model
from vcohort.populations.defaults import model_of, preset_values

_COUNTED = 2.0**24


@dataclass(frozen=True)
class Cohort:
    """Virtual patients: arrays by position, whatever labels a table has.

    ``values``: parameter name to array (patient,), in the units of ``model.parameters``.
    ``patient``: the patients' numbers (patient,); random draws depend on them.
    ``origin``: where the values come from, as (key, text) pairs for the record.

    A pytree: ``jax.jit`` and ``jax.vmap`` see its arrays. The patients' numbers have no derivative:
    ``jax.grad(..., allow_int=True)`` of a cohort returns a cohort of slopes; for ``jax.jacfwd``
    and ``jax.hessian`` give its ``values`` alone, ``lambda v: f(cohort.replace(**v))``.
    """

    values: Mapping[str, Any]
    patient: Any
    model: Model
    origin: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        # JAX builds cohorts of what it likes: only what comes from elsewhere is looked at.
        if _is_foreign(self.patient):
            object.__setattr__(self, "patient", np.asarray(self.patient))
        if isinstance(self.values, Mapping):
            for name, value in self.values.items():
                if unit_of(value) is not None:
                    check_unit(name, value, self.model.param(name).unit)
                check_labels(name, labels_of(value), self.patient)
            wide = {name: _wide(name, value) for name, value in self.values.items()}
            object.__setattr__(self, "values", wide)

    @classmethod
    def from_values(
        cls, preset: str = "kimmel2021", *, model: Model | None = None, **values: Any
    ) -> Cohort:
        """Build a cohort from arrays (patient,) or numbers; what is not given, the preset gives.

        Series and labelled arrays are read by position; those of xarray that name their patients
        must all name the same, in one order.
        """
        model = model_of(model)
        defaults = preset_values(preset, model)
        for name, value in values.items():
            model.param(name).check(value)
        labelled = [labels for value in values.values() if (labels := labels_of(value)) is not None]
        for name, value in values.items():
            check_labels(name, labels_of(value), labelled[0] if labelled else None)
            model.param(name).advise(value, stacklevel=3)
        arrays = {name: floats(name, values.get(name, defaults[name])) for name in defaults}
        try:
            shape = np.broadcast_shapes((1,), *(array.shape for array in arrays.values()))
        except ValueError:
            sizes = {name: array.shape for name, array in arrays.items() if array.shape}
            raise VcohortError(
                f"The arrays of a cohort must have one length, not {sizes}."
            ) from None
        if len(shape) != 1 or shape[0] == 0:
            raise VcohortError(
                "A cohort is made of arrays of shape (patient,), at least one patient."
            )
        filled = {name: np.broadcast_to(array, shape).copy() for name, array in arrays.items()}
        return cls(filled, np.arange(shape[0]), model, (("preset", preset),))

    def __len__(self) -> int:
        return int(np.size(self.patient))

    def __getitem__(self, name: str) -> Any:
        if name not in self.values:
            raise unknown("parameter", name, self.values)
        return self.values[name]

    def replace(self, **values: Any) -> Cohort:
        """Return the cohort with other values: arrays (patient,), or numbers for all patients.

        Series and labelled arrays are read by position; those of xarray that name their patients
        must name the cohort's, in its order.
        """
        for name, value in values.items():
            check_unit(name, value, self.model.param(name).unit)
            check_labels(name, labels_of(value), self.patient)
        full = {name: _filled(name, value, len(self)) for name, value in values.items()}
        for name, value in full.items():
            if not _traced(value):
                # Of what was there before the user has been told.
                there = self.values.get(name, np.nan)
                new = value if _traced(there) else value[value != there]
                self.model.param(name).advise(new, stacklevel=3)
        # What drew the cohort would not draw these values again.
        origin = dict(self.origin)
        before = origin["replaced"].split(", ") if "replaced" in origin else []
        origin["replaced"] = ", ".join(dict.fromkeys([*before, *full]))
        return replace(self, values={**self.values, **full}, origin=tuple(origin.items()))

    def select(self, patients: Any) -> Cohort:
        """Return some of the patients: a slice, an index array or a mask over (patient,).

        :raises VcohortError: for what chooses nobody, patients that are not there, a mask of
            another length.
        """
        chosen = patients if isinstance(patients, slice) else self._places(patients)
        parts = {name: value[chosen] for name, value in self.values.items()}
        number = self.patient[chosen]
        if not np.shape(number)[0]:
            raise VcohortError(f"{reprlib.repr(patients)} selects no patient of {len(self)}.")
        return replace(self, values=parts, patient=number)

    def _places(self, patients: Any) -> Any:
        """Return an index array or a mask (patient,), checked unless it is traced."""
        if _traced(patients):
            return patients
        check_labels("The mask", labels_of(patients), self.patient)
        places = np.asarray(patients)
        # What pandas can leave open, such as a nullable truth value, comes as objects.
        if places.dtype == object and all(
            isinstance(each, bool | np.bool_) for each in places.flat
        ):
            places = places.astype(bool)
        is_mask = places.dtype == bool and places.shape == (len(self),)
        is_index = places.dtype.kind in "iu" and places.ndim == 1
        if is_mask or (is_index and (np.abs(places + 0.5) < len(self)).all()):
            return places
        raise VcohortError(
            f"{reprlib.repr(patients)} selects no patients of a cohort of {len(self)}: give a "
            "slice, a list of their places from 0, or a mask with one truth value per patient."
        )

    def renumbered(self) -> Cohort:
        """Return the cohort with its patients numbered from 0, so that each has its own chance."""
        return replace(self, patient=np.arange(len(self)))


def whole_cells(tumour: Any) -> Any:
    """Return tumours (patient,) rounded up to whole cells, the same for every method.

    From 2^24 cells on float32 knows no fractions. Traced values keep their derivative.
    """
    if not _traced(tumour):
        cells = np.asarray(tumour, np.float64)
        return np.where(cells < _COUNTED, np.ceil(cells), cells)
    rounded = jax.numpy.where(tumour < _COUNTED, jax.numpy.ceil(tumour), tumour)
    return tumour + jax.lax.stop_gradient(rounded - tumour)


def _filled(name: str, value: Any, patients: int) -> Any:
    full = value if _traced(value) else floats(name, value)
    if np.shape(full) not in {(), (patients,)}:
        raise VcohortError(
            f"An array of shape {np.shape(full)} does not fit a cohort of {patients}: "
            f"give one number, or an array of shape ({patients},)."
        )
    if np.ndim(full):
        return full
    return jax.numpy.full(patients, full) if _traced(full) else np.full(patients, full)


def _is_foreign(value: Any) -> bool:
    """Whether a value is a list or an array, and none of JAX nor what JAX puts in its place."""
    is_array = hasattr(value, "__array__") and not isinstance(value, jax.Array)
    return is_array or isinstance(value, list | tuple)


def _wide(name: str, value: Any) -> Any:
    """Return a list, or an array of any library, of whole numbers too, as numpy's of float64.

    JAX's own arrays pass, and what JAX puts in their place while it takes a cohort apart; what is
    no number waits for :func:`check_values`.
    """
    if not _is_foreign(value) or isinstance(value, np.ma.MaskedArray):
        return value
    if isinstance(value, list | tuple):
        return floats(name, value)
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind in "iu" else array


def _traced(value: Any) -> bool:
    return isinstance(value, jax.core.Tracer)


def check_cohort(cohort: Any) -> None:
    """Refuse what is no cohort, such as the population that one is drawn from."""
    example = "vc.Population('kimmel2021', sigma=0.1).sample(1000)"
    refuse_other("cohort", cohort, Cohort, example)


def is_traced(cohort: Cohort) -> bool:
    """Whether the cohort's values are being traced, by ``jax.jit`` or ``jax.grad``."""
    return any(_traced(value) for value in cohort.values.values())


def check_values(cohort: Cohort) -> None:
    """Refuse a cohort with impossible values; of traced values only their type can be seen.

    Warns of fractions of a cell that matter, and, in a cohort made by hand, of values for which
    another unit was probably meant.
    """
    _check_patients(cohort)
    for name, value in cohort.values.items():
        param = cohort.model.param(name)
        if _traced(value):
            refuse_narrow(name, value)
        else:
            param.check(value)
        _check_shape(name, value, len(cohort))
        if not (cohort.origin or _traced(value)):
            param.advise(value)
    for name in (f"{clone}0" for clone in cohort.model.species.tumour):
        if _traced(cohort[name]):
            continue
        cells = np.asarray(cohort[name], np.float64)
        broken = whole_cells(cells) > cells * (1.0 + 1e-3)
        if broken.any():
            warnings.warn(
                f"{name} = {cells[broken][0]:g} is no whole number of cells, and is rounded up.",
                VcohortWarning,
                stacklevel=3,
            )


def _check_patients(cohort: Cohort) -> None:
    """Refuse a cohort that lacks a parameter, or whose patients have no whole numbers."""
    missing = [name for name in cohort.model.parameters if name not in cohort.values]
    if missing:
        raise VcohortError(
            f"The cohort has no values of {', '.join(missing)}. Give each parameter of its model "
            "an array (patient,), or build it with vc.Cohort.from_values."
        )
    number = cohort.patient
    if np.ndim(number) != 1 or np.dtype(number.dtype).kind not in "iu" or not np.size(number):
        raise VcohortError(
            f"patient = {reprlib.repr(number)} is impossible: give the patients whole numbers, "
            "such as np.arange(10)."
        )
    if not _traced(number) and np.min(number) < 0:
        raise VcohortError(
            f"patient = {np.min(number)} is impossible: a patient's number must be at least 0."
        )


def _check_shape(name: str, value: Any, patients: int) -> None:
    if np.shape(value) != (patients,):
        raise VcohortError(
            f"{name} has the shape {np.shape(value)}, the cohort numbers of {patients} patients: "
            f"give an array of shape ({patients},)."
        )


jax.tree_util.register_dataclass(
    Cohort, data_fields=["values", "patient"], meta_fields=["model", "origin"]
)
