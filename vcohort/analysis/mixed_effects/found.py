"""What the methods of estimation have in common: where they begin, and what they find."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vcohort.errors import VcohortError

Told = Callable[[str], None]
"""Is told, step by step, where a method stands."""


class Found(NamedTuple):
    """Candidates, the best first: arrays with the candidate first.

    ``vectors`` (…, number), ``deviance`` (…,), ``whitened`` (…, patient, random): modes;
    ``trace`` (…, turn, number): vectors on the way; ``bend`` (number, number): of the best one's
    deviance; ``converged``: whether the best is a maximum of the likelihood; ``draws`` (chain, …,
    number): from the posterior, of which the best is then the mean, and how many are ``diverging``.
    """

    vectors: np.ndarray
    deviance: np.ndarray
    whitened: np.ndarray
    trace: np.ndarray
    bend: np.ndarray
    converged: bool
    draws: np.ndarray | None = None
    diverging: int = 0


def lost() -> VcohortError:
    """Return what is told where no start has a likelihood."""
    return VcohortError(
        "From no start can all patients be followed: the likelihood is no number. Check the "
        "data's units, or give first values nearer to them: typical={...}."
    )
