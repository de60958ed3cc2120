"""The probability that no clone of the tumour is left, where one springs from another.

Backwards in time: p, the probability that a lineage of one cell has survivors at the end, begins at
1 there, and obeys

    -dp/ds = p (lambda (1 - u) - mu) - lambda (1 - u) p^2 + lambda u p' (1 - p),

with p' that of the clone that mutants join (the theory page derives it). Of a clone from which no
other springs a closed form along each step is known. Of the others two numerical solutions are
taken, with and without mutation, and their difference is added to the closed form without: no
mutation leaves what one clone has, to the last bit.

:class:`RatesOnThePath` keeps the rates of the steps; :class:`Extinction` goes back over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.endpoints.accrual import Accrual
from vcohort.engine.integrator.clones import CloneRates, exponential_mean, sum_of
from vcohort.engine.integrator.grid import Step
from vcohort.engine.integrator.jumps import Jump
from vcohort.engine.integrator.path_state import (
    PathState,
    first_path_state,
    log_lambda,
    path_step,
    treat_path_state,
)
from vcohort.engine.integrator.step import strain_of
from vcohort.engine.integrator.tumour_rates import TumourRates
from vcohort.engine.programs.base import LaterProgram, Patient, PatientProgram
from vcohort.engine.programs.cure import Cured
from vcohort.models import Model

# Parts of a step in each of which rates are taken for constant.
_PARTS = 4

# exp(-1000) is 0 even in float64; a cap keeps its derivative 0 rather than infinite times 0.
_LARGEST_LAMBDA = 1000.0


@dataclass(frozen=True)
class RatesOnThePath(PatientProgram[PathState, CloneRates, PathState]):
    """The deterministic path, keeping what the clones go through in each step."""

    model: Model
    keeps: bool = True

    def init(self, patient: Patient) -> PathState:
        return first_path_state(self.model, patient.values)

    def step(self, patient: Patient, state: PathState, step: Step) -> tuple[PathState, CloneRates]:
        moved = path_step(self.model, patient.values, state, step.days)
        return moved.after, moved.moved.rates

    def treat(self, patient: Patient, state: PathState, step: Step, jump: Jump) -> PathState:
        return treat_path_state(self.model, patient.values, jump, state)

    def final(self, patient: Patient, state: PathState) -> PathState:
        return state


class Lineage(NamedTuple):
    """A lineage of one cell: P(it has survivors at the end), and P(it has none).

    ``own``: the same without mutants. ``with_mutants``, ``without``: the numerical solutions.
    """

    own: Number
    own_lost: Number
    with_mutants: Number
    without: Number

    @property
    def survives(self) -> Number:
        """P(it has survivors, mutants among them)."""
        return jnp.clip(self.own + (self.with_mutants - self.without), 0.0, 1.0)


@dataclass(frozen=True)
class Extinction(LaterProgram[dict[str, Lineage], None, Cured]):
    """P(no tumour cell is left at the end), back from the end to day 0."""

    model: Model
    backwards: bool = True

    def init(self, patient: Patient) -> dict[str, Lineage]:
        one = jnp.ones_like(patient.before.w)
        lineage = Lineage(one, jnp.zeros_like(one), one, one)
        return dict.fromkeys(self.model.species.tumour, lineage)

    def step(
        self, patient: Patient, state: dict[str, Lineage], step: Step
    ) -> tuple[dict[str, Lineage], None]:
        rates: CloneRates = step.stored
        for part in reversed(range(_PARTS)):
            first, last = (jnp.asarray(k / _PARTS, step.days.dtype) for k in (part, part + 1))
            state = self._part(rates, first, last, state)
        return state, None

    def _part(
        self, rates: CloneRates, first: Number, last: Number, late: dict[str, Lineage]
    ) -> dict[str, Lineage]:
        """Return the lineages at the start of a part of a step, from those at its end."""
        early: dict[str, Lineage] = {}
        # Children come before their parents.
        for name in reversed(self.model.species.tumour):
            own = rates.own[name].between(first, last)
            source = jnp.zeros_like(first)
            for (parent, child), rate in rates.mutation.items():
                if parent == name:
                    mean = exponential_mean(early[child].survives, late[child].survives)
                    source = source + rate.between(first, last).mean() * mean
            early[name] = _earlier(own, source, late[name])
        return early

    def final(self, patient: Patient, state: dict[str, Lineage]) -> Cured:
        path: PathState = patient.before
        first, *others = self.model.species.tumour
        cells = patient.values[f"{first}0"]
        root = state[first]
        # Of the first clone alone the path tells; mutants are added.
        alone = 1.0 / (1.0 + cells * path.w)
        more = (root.with_mutants - root.without) / jnp.maximum(1.0 - alone, _tiny(alone))
        total = jnp.exp(jnp.minimum(log_lambda(path.w, jnp.log(cells)), jnp.log(_LARGEST_LAMBDA)))
        total = total - cells * jnp.log1p(jnp.maximum(-more, -1.0 + _tiny(more)))
        for name in others:
            total = total - patient.values[f"{name}0"] * _log_lost(state[name])
        probability = jnp.exp(-jnp.clip(total, 0.0, _LARGEST_LAMBDA))
        return Cured(probability, strain_of(path.compartments, sum_of(path.clones)))


def _tiny(like: Number) -> float:
    return float(jnp.finfo(like.dtype).tiny)


def _log_lost(lineage: Lineage) -> Number:
    """Return ln P(no survivors), with all its digits where that is rare, and where it is usual."""
    survives = lineage.survives
    rare = survives > 0.5
    lost = lineage.own_lost - (lineage.with_mutants - lineage.without)
    by_loss = jnp.log(jnp.maximum(jnp.where(rare, lost, 1.0), _tiny(lost)))
    return jnp.where(rare, by_loss, jnp.log1p(-jnp.where(rare, 0.0, survives)))


def _earlier(own: TumourRates, source: Number, late: Lineage) -> Lineage:
    """Return a lineage at the start of a part of a step."""
    days, birth, death = own.days, own.birth.mean(), own.death.mean()
    path = own.path(jnp.zeros_like(days))
    shrunk = jnp.exp(-jnp.maximum(path.end, -80.0))
    born, died = (Accrual(path, rate, days).total() for rate in (own.birth, own.death))
    scale = shrunk + born * late.own
    lost = (shrunk * late.own_lost + died * late.own) / scale
    net = birth - death
    return Lineage(
        late.own / scale,
        lost,
        _riccati(late.with_mutants, net - source, birth, source, days),
        _riccati(late.without, net, birth, jnp.zeros_like(source), days),
    )


def _riccati(p: Number, linear: Number, square: Number, source: Number, days: Number) -> Number:
    """Solve -dp/ds = source + linear p - square p^2 with constant rates, back over some days."""
    least = 1e-6 / jnp.maximum(days, 1e-6)
    spread = 4.0 * source * square + least**2
    root = jnp.sqrt(linear**2 + spread)
    # root + |linear| and root - |linear|, with all its digits.
    more = root + jnp.abs(linear)
    less = spread / more
    decay = jnp.exp(-root * days)
    turned = -2.0 * jnp.expm1(-root * days)
    up, down = more + decay * less, less + decay * more
    rises = linear >= 0.0
    above = p * jnp.where(rises, up, down) + turned * source
    return above / (jnp.where(rises, down, up) + turned * square * p)
