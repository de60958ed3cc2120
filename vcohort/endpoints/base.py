"""What an endpoint is: a value folded along a patient's path, step by step.

An endpoint is a frozen dataclass with ``init``, ``update`` and ``final``, written for one
patient; the engine maps it over patients and carries it through its time loop, so that
a million patients cost outcomes, not trajectories.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from vcohort.arrays import Number, Value
from vcohort.endpoints.segment import TCellSegment, TumourSegment
from vcohort.errors import VcohortError

Carry: TypeAlias = Any
"""A pytree of arrays."""

# The flag of a patient whose equations could not be followed.
MISSING = -1


class Start(NamedTuple):
    """What an endpoint may know before the first step. Cell numbers are natural logs."""

    log_normal: Number
    log_car: Number
    log_tumour: Number
    log_progression: Number
    horizon: Number


@dataclass(frozen=True)
class Variable:
    """How one result of an endpoint is called, stored and read.

    ``attrs``: more that the variable of a dataset has; of a flag, its ``flag_values`` and
    ``flag_meanings``; -1, missing, is added to them.
    """

    name: str
    long_name: str
    units: str
    dtype: str = "float"
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if np.dtype(self.dtype).kind not in "fi":
            raise VcohortError(
                f"Variable {self.name!r} has the dtype {self.dtype!r}, which has no value for a "
                "patient that is missing. Use 'float', or 'int8' and flags."
            )
        if not self.is_flag:
            return
        given = dict(zip(self.attrs["flag_values"], self._words, strict=True))
        if given.get(MISSING, "missing") != "missing":
            raise VcohortError(
                f"Variable {self.name!r} calls the flag {MISSING} {given[MISSING]!r}, but that "
                "number stands for patients that are missing. Take another one."
            )
        if MISSING not in given:
            flags = [*self.attrs["flag_values"], MISSING]
            meanings = f"{self.attrs['flag_meanings']} missing"
            full = {**self.attrs, "flag_values": flags, "flag_meanings": meanings}
            object.__setattr__(self, "attrs", full)

    @property
    def is_flag(self) -> bool:
        """Whether it is one of few meanings, and not a number."""
        return "flag_values" in self.attrs

    @property
    def meanings(self) -> dict[str, int]:
        """The flags of a patient that is not missing, by their meanings."""
        pairs = zip(self._words, self.attrs["flag_values"], strict=True)
        return {meaning: int(flag) for meaning, flag in pairs if flag != MISSING}

    @property
    def _words(self) -> list[str]:
        return self.attrs["flag_meanings"].split()


class Endpoint(ABC):
    """What all endpoints have. ``required_days`` are days that must be points of the time grid."""

    @property
    def required_days(self) -> tuple[float, ...]:
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
    def final(self, carry: Carry) -> tuple[Value, ...]:
        """Return one value per variable."""


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


def check_detection_limit(who: str, limit: float) -> None:
    """Refuse a limit that no cell reaches, such as one in the unit of a measurement."""
    if not (math.isfinite(limit) and limit >= 1.0):
        raise VcohortError(
            f"{who}(detection_limit={limit:g}): it is in cells in the body, at least 1. "
            "vc.units.tumour_cells(ml) and vc.units.t_cells(per_ul) convert."
        )
