"""A cohort: the parameter values of its patients, as arrays."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.core
import numpy as np

from vcohort.errors import VcohortError, VcohortWarning, unknown
from vcohort.given import floats, refuse_narrow
from vcohort.models import Model, car_t, find_preset

_COUNTED = 2.0**24


@dataclass(frozen=True)
class Cohort:
    """Virtual patients. A pytree: ``jax.grad`` and ``jax.jit`` see its arrays.

    ``values``: parameter name to array (patient,), in the units of ``model.parameters``.
    ``patient``: the patients' numbers (patient,); random draws depend on them.
    ``origin``: where the values come from, as (key, text) pairs for the record.
    """

    values: Mapping[str, Any]
    patient: Any
    model: Model
    origin: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.values, Mapping):
            wide = {name: _wide(value) for name, value in self.values.items()}
            object.__setattr__(self, "values", wide)

    @classmethod
    def from_values(
        cls, preset: str = "kimmel2021", *, model: Model | None = None, **values: Any
    ) -> Cohort:
        """Build a cohort from arrays (patient,) or numbers; what is not given, the preset gives."""
        model = model or car_t()
        defaults = preset_values(preset, model)
        for name, value in values.items():
            model.param(name).check(value)
            model.param(name).advise(value)
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
        return int(np.shape(self.patient)[0])

    def __getitem__(self, name: str) -> Any:
        if name not in self.values:
            raise unknown("parameter", name, self.values)
        return self.values[name]

    def replace(self, **values: Any) -> Cohort:
        """Return the cohort with other values: arrays (patient,), or numbers for all patients."""
        for name in values:
            self.model.param(name)
        full = {name: _filled(name, value, len(self)) for name, value in values.items()}
        # What drew the cohort would not draw these values again.
        origin = dict(self.origin)
        before = origin["replaced"].split(", ") if "replaced" in origin else []
        origin["replaced"] = ", ".join(dict.fromkeys([*before, *full]))
        return replace(self, values={**self.values, **full}, origin=tuple(origin.items()))

    def select(self, patients: Any) -> Cohort:
        """Return some of the patients: a slice, an index array or a mask over (patient,)."""
        chosen = {name: value[patients] for name, value in self.values.items()}
        return replace(self, values=chosen, patient=self.patient[patients])

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


def _wide(value: Any) -> Any:
    """Return an array of any library, of whole numbers too, as numpy's of float64.

    JAX's own arrays pass, and what JAX puts in their place while it takes a cohort apart.
    """
    if isinstance(value, jax.Array) or not hasattr(value, "__array__"):
        return value
    array = np.asanyarray(value)
    return array.astype(np.float64) if array.dtype.kind in "iu" else array


def _traced(value: Any) -> bool:
    return isinstance(value, jax.core.Tracer)


def is_traced(cohort: Cohort) -> bool:
    """Whether the cohort's values are being traced, by ``jax.jit`` or ``jax.grad``."""
    return any(_traced(value) for value in cohort.values.values())


def check_values(cohort: Cohort) -> None:
    """Refuse a cohort with impossible values; of traced values only their type can be seen.

    Warns of fractions of a cell that matter.
    """
    for name, value in cohort.values.items():
        if _traced(value):
            refuse_narrow(name, value)
        else:
            cohort.model.param(name).check(value)
    if _traced(cohort["B0"]):
        return
    tumours = np.asarray(cohort["B0"], np.float64)
    broken = whole_cells(tumours) > tumours * (1.0 + 1e-3)
    if broken.any():
        warnings.warn(
            f"B0 = {tumours[broken][0]:g} is no whole number of cells, and is rounded up.",
            VcohortWarning,
            stacklevel=3,
        )


def preset_values(preset: str, model: Model) -> dict[str, float]:
    """Return a value for each parameter of ``model``: the preset's, or the law's own default.

    A preset speaks of the paper's parameters; a law that gives a name another
    meaning keeps its own default.
    """
    published, paper = find_preset(preset).values, car_t().parameters
    return {
        name: published[name] if paper.get(name) == param else param.default
        for name, param in model.parameters.items()
    }


jax.tree_util.register_dataclass(
    Cohort, data_fields=["values", "patient"], meta_fields=["model", "origin"]
)
