"""What an endpoint is: a value folded along a patient's path, step by step.

An endpoint is a frozen dataclass with ``init``, ``update`` and ``final``, written for one
patient; the engine maps it over patients and carries it through its time loop, so that
a million patients cost outcomes, not trajectories.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from jax import Array

from vcohort.endpoints.segment import TCellSegment, TumourSegment

Carry: TypeAlias = Any
"""A pytree of arrays."""


class Start(NamedTuple):
    """What an endpoint may know before the first step. Cell numbers are natural logs."""

    log_normal: Array
    log_car: Array
    log_tumour: Array
    log_progression: Array
    horizon: Array


@dataclass(frozen=True)
class Variable:
    """How one result of an endpoint is called, stored and read."""

    name: str
    long_name: str
    units: str
    dtype: str = "float"
    attrs: Mapping[str, Any] = field(default_factory=dict)


class Endpoint(ABC):
    """What all endpoints have. ``knots`` are days that must be points of the time grid."""

    @property
    def knots(self) -> tuple[float, ...]:
        """Days that must be points of the time grid."""
        return ()

    @property
    @abstractmethod
    def variables(self) -> tuple[Variable, ...]:
        """What ``final`` returns, in its order."""

    @abstractmethod
    def init(self, start: Start) -> Carry:
        """Return the carry at day 0."""

    @abstractmethod
    def final(self, carry: Carry) -> tuple[Array, ...]:
        """Return one value a variable."""


class TCellEndpoint(Endpoint):
    """An endpoint that follows the T cells."""

    @abstractmethod
    def update(self, carry: Carry, segment: TCellSegment) -> Carry:
        """Return the carry after one more step."""


class TumourEndpoint(Endpoint):
    """An endpoint that follows the tumour."""

    @abstractmethod
    def update(self, carry: Carry, segment: TumourSegment) -> Carry:
        """Return the carry after one more step."""
