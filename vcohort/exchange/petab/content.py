"""What a problem of PEtab says, in either version: models, parameters, observables, data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from vcohort.populations.distributions import Distribution


@dataclass(frozen=True)
class Parameter:
    """A number by its name; ``bounds``: of one that is estimated.

    ``prior``: None is log-uniform between the bounds.
    """

    name: str
    value: float
    bounds: tuple[float, float] | None = None
    prior: Distribution | None = None


@dataclass(frozen=True)
class Observed:
    """An observable: its formula, that of the standard deviation, and on which scale it scatters.

    ``scale``: ``"lin"``, ``"log"`` or ``"log10"``. ``placeholders``: names in the formula of the
    standard deviation, for which each measurement has its own.
    """

    name: str
    called: str
    formula: str
    deviation: str
    scale: str
    placeholders: tuple[str, ...] = ()


class Measurement(NamedTuple):
    """A measurement; ``instead``: what stands for the observable's placeholders."""

    observable: str
    patient: str
    day: float
    value: float
    instead: tuple[str, ...]


class Change(NamedTuple):
    """What becomes of species on a day, by formulas of what there is before."""

    day: float
    cells: dict[str, str]


@dataclass(frozen=True)
class Patient:
    """A patient: an experiment, or a condition; ``values``: of its own, formulas by name."""

    name: str
    label: str
    values: dict[str, str]
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Content:
    """A problem, but for its model."""

    parameters: tuple[Parameter, ...]
    observables: tuple[Observed, ...]
    measurements: tuple[Measurement, ...]
    patients: tuple[Patient, ...]
