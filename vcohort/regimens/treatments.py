"""The two treatments: an infusion of CAR T cells, a lymphodepletion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np

from vcohort.errors import VcohortError, unknown
from vcohort.given import check_labels, check_unit, floats, labels_of, refuse_narrow
from vcohort.late import is_traced, jnp
from vcohort.models import Species
from vcohort.records import recordable
from vcohort.tables.days import in_days

Field: TypeAlias = Any
"""A number, or one per patient: an array (patient,)."""


@recordable
@dataclass(frozen=True, eq=False)
class Infusion:
    """An infusion of CAR T cells.

    ``day``: days since the first infusion; infinite where a patient gets none. ``cells``: by
    default C0, whatever an infusion on day 0 says. Each a number or an array (patient,), by
    position; patients that an xarray array names must be the cohort's, in its order. Days may carry
    their unit (the attribute ``units``, spans of time), and cells that of cells alone.
    The infusion on day 0 is the first, and replaces C0; later ones add to what is there.

    Of traced values (``jax.jit``, ``jax.grad``) those that would be refused, such as a negative
    day, cannot be: they are taken for NaN, and so is the probability of each patient that has one.
    A traced day after the horizon never comes.
    """

    day: Field
    cells: Field | None = None

    settable: ClassVar[tuple[str, ...]] = ("day", "cells")
    labels: ClassVar[Any] = None

    def __post_init__(self) -> None:
        _take_labels(self, self.day, self.cells)
        object.__setattr__(self, "day", _field("Infusion", "day", self.day, np.inf))
        if self.cells is not None:
            object.__setattr__(self, "cells", _field("Infusion", "cells", self.cells, 1e18))

    @property
    def fields(self) -> dict[str, tuple[Field, str]]:
        """The values by name, each with its unit; without those left to the default."""
        given = {"day": (self.day, "day")}
        return given if self.cells is None else given | {"cells": (self.cells, "cells")}

    def replace(self, **fields: Field) -> Infusion:
        """Return the infusion with other ``settable`` fields."""
        _check_names(self, fields)
        return _keep_labels(replace(self, **fields), self)

    def __repr__(self) -> str:
        cells = "" if self.cells is None else f", cells={_text(self.cells)}"
        return f"Infusion(day={_text(self.day)}{cells})"


@recordable
@dataclass(frozen=True, eq=False)
class Lymphodepletion:
    """Chemotherapy that kills T cells at once.

    ``day``: days since the first infusion; infinite where a patient gets none. ``survival``:
    the fraction of T cells that lives through it, or a pair, of the normal and of the CAR
    T cells, or fractions by compartment, ``{"N": 0.01, "C": 0.1, "M": 0.5}``: what is not named
    is spared. Each a number or an array (patient,), as of :class:`Infusion`. On the day of an
    infusion it comes first.
    Of a population that is cut below it, one cell is left: the laws of growth have no meaning
    for less. Traced values as for :class:`Infusion`.
    """

    day: Field
    survival: Field | tuple[Field, Field] | Mapping[str, Field]

    labels: ClassVar[Any] = None

    def __post_init__(self) -> None:
        given: Any = self.survival
        if isinstance(given, tuple) and len(given) != 2:
            raise VcohortError(
                f"Lymphodepletion(survival={given}): give one fraction, or two: of the "
                "normal T cells and of the CAR T cells. One a patient is an array."
            )
        if isinstance(given, Mapping) and not given:
            raise VcohortError("Lymphodepletion(survival={}): name a compartment, {'N': 0.01}.")
        # In an order of their own: records have none.
        is_named = isinstance(given, Mapping)
        named = (
            {name: given[name] for name in sorted(given, key=str)} if is_named else _by_kind(given)
        )
        _take_labels(self, self.day, *named.values())
        object.__setattr__(self, "day", _field("Lymphodepletion", "day", self.day, np.inf))
        checked = {
            str(name): _field("Lymphodepletion", "survival", each, 1.0)
            for name, each in named.items()
        }
        pair = tuple(checked.values())
        kept = (
            checked if isinstance(given, Mapping) else pair if isinstance(given, tuple) else pair[0]
        )
        object.__setattr__(self, "survival", kept)

    @property
    def _named(self) -> dict[str, Field]:
        """The fractions by what they are of: kinds of T cells, or compartments."""
        given: Any = self.survival
        return dict(given) if isinstance(given, Mapping) else _by_kind(given)

    @property
    def fractions(self) -> tuple[Field, ...]:
        """The fractions that survive: of normal and CAR T cells, or of the compartments named."""
        return tuple(self._named.values())

    def survivals(self, species: Species) -> dict[str, Field]:
        """Return the fraction of each compartment that survives.

        :raises VcohortError: for a compartment that the model does not have.
        """
        named = self._named
        if not isinstance(self.survival, Mapping):
            return {
                each.name: named["car" if each.car else "normal"] for each in species.compartments
            }
        known = [each.name for each in species.compartments]
        for name in named:
            if name not in known:
                raise unknown("compartment of a lymphodepletion", name, known)
        return {name: named.get(name, 1.0) for name in known}

    @property
    def settable(self) -> tuple[str, ...]:
        """The names that :meth:`replace` knows."""
        return ("day", "survival", *(f"{name}_survival" for name in self._named))

    @property
    def fields(self) -> dict[str, tuple[Field, str]]:
        """The values by name, each with its unit."""
        shares = {f"{name}_survival": (each, "1") for name, each in self._named.items()}
        return {"day": (self.day, "day"), **shares}

    def replace(self, **fields: Field) -> Lymphodepletion:
        """Return the lymphodepletion with other ``settable`` fields."""
        _check_names(self, fields)
        survival = fields.get("survival", self.survival)
        named = dict(survival) if isinstance(survival, Mapping) else _by_kind(survival)
        changed = {name: fields.get(f"{name}_survival", each) for name, each in named.items()}
        new = changed if isinstance(survival, Mapping) else tuple(changed.values())
        return _keep_labels(Lymphodepletion(fields.get("day", self.day), new), self)

    def __repr__(self) -> str:
        told = {name: _text(fraction) for name, fraction in self._named.items()}
        if isinstance(self.survival, Mapping):
            survival = f"{{{', '.join(f'{name!r}: {text}' for name, text in told.items())}}}"
        else:
            normal, car = told.values()
            survival = f"({normal}, {car})" if isinstance(self.survival, tuple) else normal
        return f"Lymphodepletion(day={_text(self.day)}, survival={survival})"


def _by_kind(survival: Any) -> dict[str, Field]:
    """Return the fractions of normal and of CAR T cells, given as one or as a pair."""
    normal, car = survival if isinstance(survival, tuple) else (survival, survival)
    return {"normal": normal, "car": car}


Treatment: TypeAlias = Infusion | Lymphodepletion


def select(treatment: Treatment, patients: Any) -> Treatment:
    """Return a treatment of some of the patients: an index array or a mask (patient,)."""
    fields = treatment.fields.items()
    own = {name: value[patients] for name, (value, _) in fields if np.ndim(value)}
    if not own:
        return treatment
    new = treatment.replace(**own)
    if treatment.labels is not None:
        object.__setattr__(new, "labels", treatment.labels[patients])
    return new


_Kind = TypeVar("_Kind", Infusion, Lymphodepletion)


def _check_names(treatment: Treatment, fields: Mapping[str, Any]) -> None:
    for name in fields:
        if name not in treatment.settable:
            raise unknown(f"field of {type(treatment).__name__}", name, treatment.settable)


def _take_labels(treatment: Treatment, *fields: Field) -> None:
    """Keep which patients the fields name, one and the same, until the cohort is known."""
    named = [labels for each in fields if (labels := labels_of(each)) is not None]
    for labels in named:
        check_labels(f"A field of {type(treatment).__name__}", labels, named[0])
        object.__setattr__(treatment, "labels", labels)


def _keep_labels(new: _Kind, old: _Kind) -> _Kind:
    """Return a treatment with what it was made of: fields that it kept name patients as before."""
    if old.labels is not None:
        check_labels(f"A field of {type(new).__name__}", new.labels, old.labels)
        object.__setattr__(new, "labels", old.labels)
    return new


def _text(value: Field) -> str:
    if np.ndim(value):
        return f"one of {np.size(value)}"
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _field(kind: str, name: str, value: Field, high: float) -> Field:
    """Return a number or an array, in float64; refuse what is none, or not in 0 … ``high``.

    Traced values cannot be looked at, but for their type: impossible ones become NaN.
    """
    if is_traced(value):
        if name != "day":
            refuse_narrow(f"{kind}({name})", value)
        # A product, so that the derivative is NaN too. Rounding may lift a share of all above 1.
        is_possible = (value >= 0.0) & (value <= high * (1.0 + 1e-6))
        return value * jnp.where(is_possible, 1.0, jnp.nan)
    if name == "day":
        array = in_days(f"{kind}: day", value)
    else:
        check_unit(f"{kind}: {name}", value, "cells" if name == "cells" else "1")
        array = floats(f"{kind}: {name}", value)
    if array.ndim > 1:
        raise VcohortError(
            f"{kind}({name}) has the shape {array.shape}: give one number, or an array (patient,)."
        )
    wrong = array[~((array >= 0.0) & (array <= high))]
    if wrong.size:
        bound = "at least 0" if high == np.inf else f"between 0 and {high:g}"
        raise VcohortError(f"{kind}({name}={wrong.flat[0]:g}) is impossible: it must be {bound}.")
    return array if array.ndim else float(array)
