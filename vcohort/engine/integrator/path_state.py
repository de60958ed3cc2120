"""The deterministic path of one patient, with the integral that gives its cure probability.

Where no rate depends on the tumour, the tumour is a linear birth-death process. With
W(t) = int_0^t mu(s) / B(s) ds along the deterministic path, all of B0 lineages are extinct
by t with probability exp(-Lambda(t)), Lambda = B0 ln(1 + 1 / (B0 W)), which is 1 / W for
large B0 (Kendall 1948; the theory page derives it).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Numbers
from vcohort.endpoints import Cubic
from vcohort.endpoints.accrual import Accrual
from vcohort.endpoints.quadratic import Quadratic
from vcohort.engine.integrator.clones import first_clones, mean_paths, whole_tumour
from vcohort.engine.integrator.jumps import Jump, treat
from vcohort.engine.integrator.step import (
    Compartments,
    Integrated,
    cells_of,
    first_compartments,
    integrate,
)
from vcohort.models import Cells, Model, Values

# exp(-exp(7)) is 0 even in float64; a cap keeps its derivative 0 rather than infinite times 0.
_LARGEST_LOG_LAMBDA = 7.0


class PathState(NamedTuple):
    """The state of one patient on the deterministic path: logs of clones, and W of B."""

    compartments: Compartments
    clones: dict[str, Numbers]
    w: Numbers

    @property
    def log_tumour(self) -> Numbers:
        """Log of the cells of B, the clone that all tumours have."""
        return self.clones["B"]


class PathStep(NamedTuple):
    """One step along the path: compartments, clones, the whole tumour, how W grows, its end."""

    moved: Integrated
    clones: dict[str, Cubic]
    tumour: Cubic
    growth: Accrual
    w: Numbers

    @property
    def after(self) -> PathState:
        """The path at the end of the step."""
        clones = {name: path.end for name, path in self.clones.items()}
        return PathState(self.moved.compartments, clones, self.w)


def first_path_state(model: Model, values: Values) -> PathState:
    """Return the path of one patient on day 0."""
    clones = first_clones(model, values)
    return PathState(first_compartments(model, values), clones, jnp.zeros_like(clones["B"]))


def cells_on(model: Model, state: PathState) -> Cells:
    """Return all cells of one patient."""
    return cells_of(model, state.compartments, state.clones)


def path_step(model: Model, values: Values, state: PathState, days: Numbers) -> PathStep:
    """Step one patient along the deterministic path."""
    moved = integrate(model, values, state.compartments, state.clones, days)
    clones = mean_paths(model, moved.rates, state.clones)
    tumour = whole_tumour(model, moved.rates, clones)
    growth = moved.rates.own["B"].accrual(clones["B"])
    return PathStep(moved, clones, tumour, growth, state.w + growth.total())


def treat_path_state(model: Model, values: Values, jump: Jump, state: PathState) -> PathState:
    """Return the path of one patient after a treatment, which spares the tumour."""
    return state._replace(compartments=treat(model, values, jump, state.compartments))


def log_lambda(w: Numbers, log_start: Numbers) -> Numbers:
    """Return ln Lambda from W and ln B0."""
    tiny = jnp.finfo(w.dtype).tiny
    # The logarithm of the smallest number has slopes that no number holds.
    spared = w <= tiny
    log_w = jnp.where(spared, jnp.log(tiny), jnp.log(jnp.where(spared, 1.0, w)))
    log_odds = -(log_w + log_start)
    # For rare survival ln(1 + x) is x, to rounding.
    rare = log_odds < -15.0
    log_each = jnp.log(jax.nn.softplus(jnp.where(rare, 0.0, log_odds)))
    return log_start + jnp.where(rare, log_odds, log_each)


def extinct(w: Numbers, log_start: Numbers) -> Numbers:
    """Return the probability that no lineage is left, exp(-Lambda)."""
    log_integral = jnp.minimum(log_lambda(w, log_start), _LARGEST_LOG_LAMBDA)
    return jnp.exp(-jnp.exp(log_integral))


def w_at_lambda(value: Numbers, log_start: Numbers) -> Numbers:
    """Return W at which Lambda has fallen to ``value``: 1 / (B0 (e^(value / B0) - 1))."""
    per_cell = value * jnp.exp(-log_start)
    return per_cell / (value * jnp.expm1(per_cell))


class CureCrossing(NamedTuple):
    """A step in which W reaches a value: its days, how W grows in it, the log of what it needs."""

    day: Numbers
    end: Numbers
    growth: Accrual
    log_needed: Numbers

    @classmethod
    def none(cls, like: Numbers) -> CureCrossing:
        """Return one that stands for no step so far."""
        zero = jnp.zeros_like(like)
        still = Accrual(Cubic(zero, zero, zero, zero), Quadratic(zero, zero, zero), zero)
        return cls(zero, zero, still, zero)

    def crossing_day(self) -> Numbers:
        """Return the day on which W reaches the value."""
        return self.day + self.growth.reaching(self.log_needed) * (self.end - self.day)
