"""One deterministic step of one patient: what every backend traces.

Logs of cell numbers are stepped by a fourth-order Runge-Kutta method. Whichever T cells
dominate return fast to their capacity: x' = f(x) with f' near -L. This, the only stiff part, is
taken out: x' = f(x_0) - L (x - x_0) is solved exactly, what remains by the classical method
under the integrating factor e^(L t) (Lawson 1967, SIAM J. Numer. Anal. 4:372). Late steps may
then be weeks long. Compartments that others feed go along in numbers (``fed``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.endpoints.quadratic import Quadratic
from vcohort.engine.integrator.clones import CloneRates
from vcohort.engine.integrator.fed import Fed
from vcohort.engine.integrator.tumour_rates import TumourRates
from vcohort.models import Cells, Model, Rates, Values

# A grown compartment is never smaller than this, in cells: its law means nothing below.
LEAST = 1.0


class Compartments(NamedTuple):
    """The compartments of one patient: logs of those that grow, numbers of those that are fed.

    ``lost``: what rounding has lost of each log. Hundreds of float32 additions to a log of 25 would
    cost a thousandth of ln B later on; compensated (Kahan 1965, Commun. ACM 8:40) they cost nothing
    that can be seen. ``strain``: by how much the two slopes in the middle of each step differed,
    times the step, summed. It tells whether this patient's steps were short enough: NaN where they
    ended in no number.
    """

    logs: dict[str, Number]
    lost: dict[str, Number]
    numbers: dict[str, Number]
    strain: Number


class Integrated(NamedTuple):
    """The compartments after a step, slopes of ln(CAR T cells) at its ends, rates by clone."""

    compartments: Compartments
    car_slope_start: Number
    car_slope_end: Number
    rates: CloneRates


def first_compartments(model: Model, values: Values) -> Compartments:
    """Return one patient's compartments on day 0, the product infused."""
    species, infused = model.species, model.infused(values)
    logs = {name: jnp.log(values[f"{name}0"]) for name in species.grown}
    if infused:
        rest = 1.0 - sum(infused.values())
        logs["C"] = jnp.log(jnp.maximum(rest * values["C0"], LEAST))
    nothing = jnp.zeros_like(logs["N"])
    numbers = {name: infused.get(name, nothing) * values["C0"] for name in species.fed}
    return Compartments(logs, dict.fromkeys(logs, nothing), numbers, nothing)


def cells_of(model: Model, compartments: Compartments, clones: Mapping[str, Number]) -> Cells:
    """Return all cells of one patient, as laws and observables see them."""
    return Cells(compartments.logs | dict(clones), compartments.numbers, model.species)


def strain_of(compartments: Compartments, log_tumour: Number) -> Number:
    """Return the strain of a patient at the end of its run; NaN where no number is left."""
    logs = sum([*compartments.logs.values(), *compartments.numbers.values()], log_tumour)
    return jnp.where(jnp.isfinite(logs), compartments.strain, jnp.nan)


class _Relaxation(NamedTuple):
    """The exact part of a step: x' = f - L (x - x_0)."""

    rate: Number
    slope: Number
    decay: Number
    half: Number
    whole: Number

    def remainder(self, slope: Number, rise: Number) -> Number:
        """Return what the exact part leaves of a slope, at a rise since the start."""
        return slope - self.slope + self.rate * rise


def _relaxation(slope: Number, rate: Number, days: Number) -> _Relaxation:
    """Return decay and rise of the exact part over half a step, and its rise over all of it."""
    scaled = 0.5 * days * rate
    tiny = scaled < 1e-6
    # e^-x - 1, in half the time that expm1 takes.
    slow = jnp.tanh(0.5 * scaled)
    lost = -2.0 * slow / (1.0 + slow)
    mean_decay = jnp.where(tiny, 1.0 - 0.5 * scaled, -lost / jnp.where(tiny, 1.0, scaled))
    half = 0.5 * days * mean_decay * slope
    return _Relaxation(rate, slope, 1.0 + lost, half, half * (2.0 + lost))


def _per_cell(inflow: Mapping[str, Number], cells: Cells) -> dict[str, Number]:
    """Return what flows into grown compartments, per day and cell that is there: one, at least."""
    grown = [(name, rate, cells.logs[name]) for name, rate in inflow.items() if name in cells.logs]
    return {name: rate * jnp.exp(-jnp.maximum(log, 0.0)) for name, rate, log in grown}


class _Stage(NamedTuple):
    """The rates at one stage of a step.

    ``slope``: of the logs of grown compartments, per day. ``inflow``: to each compartment, in cells
    per day. ``net``: growth less what is handed over, per cell of each.
    """

    slope: dict[str, Number]
    inflow: dict[str, Number]
    net: dict[str, Number]
    rates: Rates


def _stage(model: Model, values: Values, cells: Cells) -> _Stage:
    rates = model.rates(values, cells)
    net = dict(rates.growth)
    inflow: dict[str, Number] = {}
    for (giver, taker), rate in rates.transfer.items():
        net[giver] = net[giver] - rate
        inflow[taker] = inflow.get(taker, 0.0) + rate * cells[giver]
    slope = {name: net[name] for name in model.species.grown}
    slope |= {name: slope[name] + risen for name, risen in _per_cell(inflow, cells).items()}
    return _Stage(slope, inflow, net, rates)


def integrate(
    model: Model,
    values: Values,
    before: Compartments,
    clones: Mapping[str, Number],
    days: Number,
) -> Integrated:
    """Step one patient's compartments over ``days``; say what its tumour cells go through."""
    half, sixth = 0.5 * days, days / 6.0
    grown, nothing = before.logs, jnp.zeros_like(days)
    start = cells_of(model, before, clones)
    first = _stage(model, values, start)
    rate = model.relaxation(values, start)
    rate |= {name: rate[name] + risen for name, risen in _per_cell(first.inflow, start).items()}
    exact = {name: _relaxation(first.slope[name], rate[name], days) for name in grown}
    fed = {name: Fed.of(before.numbers[name], first.net[name], days) for name in before.numbers}

    def stage(
        rise: dict[str, Number], numbers: dict[str, Number], before_it: _Stage, passed: Number
    ) -> tuple[dict[str, Number], dict[str, Number], _Stage]:
        """Return the remainders, the sources and all rates at a stage."""
        moved = {name: log + passed * _net(before_it.rates, name) for name, log in clones.items()}
        logs = {name: log + rise[name] for name, log in grown.items()}
        now = _stage(model, values, Cells(logs | moved, numbers, model.species))
        left = {name: exact[name].remainder(now.slope[name], rise[name]) for name in grown}
        source = {
            name: one.source(now.inflow.get(name, nothing), now.net[name], numbers[name])
            for name, one in fed.items()
        }
        return left, source, now

    s1 = {name: first.inflow.get(name, nothing) for name in fed}
    middle = {name: one.in_the_middle(s1[name]) for name, one in fed.items()}
    f2, s2, second = stage({name: e.half for name, e in exact.items()}, middle, first, half)
    f3, s3, third = stage(
        {name: e.half + half * f2[name] for name, e in exact.items()},
        {name: one.in_the_middle(s2[name]) for name, one in fed.items()},
        second, half,
    )  # fmt: skip
    f4, s4, fourth = stage(
        {name: e.whole + days * e.decay * f3[name] for name, e in exact.items()},
        {name: one.at_the_end(middle[name], s1[name], s3[name]) for name, one in fed.items()},
        third, days,
    )  # fmt: skip
    rise = {
        name: e.whole + sixth * (2.0 * e.decay * (f2[name] + f3[name]) + f4[name])
        for name, e in exact.items()
    }
    numbers = {name: one.after(s1[name], s2[name], s3[name], s4[name]) for name, one in fed.items()}
    stages = tuple(each.rates for each in (first, second, third, fourth))
    rates = _clone_rates(model, days, *stages)
    bends = [jnp.abs(f2[name] - f3[name]) for name in grown]
    bends += [jnp.abs(s2[name] - s3[name]) / jnp.maximum(numbers[name], LEAST) for name in fed]
    bends += [jnp.abs(_net(second.rates, name) - _net(third.rates, name)) for name in clones]
    strain = days * reduce(jnp.maximum, bends)
    after = _after(before, rise, numbers, jax.lax.stop_gradient(strain))
    end = cells_of(model, after, clones)
    return Integrated(after, _car_slope(first, start), _car_slope(fourth, end), rates)


def _net(rates: Rates, clone: str) -> Number:
    return _own_birth(rates, clone) - rates.death[clone]


def _clone_rates(model: Model, days: Number, *stages: Rates) -> CloneRates:
    """Return the rates of the clones along the step: in its middle, the mean of two stages."""

    def over(pick: Callable[[Rates], Number]) -> Quadratic:
        first, second, third, fourth = (pick(each) for each in stages)
        return Quadratic(first, 0.5 * (second + third), fourth)

    own = {
        name: TumourRates(
            days, over(partial(_own_birth, clone=name)), over(lambda each, n=name: each.death[n])
        )
        for name in model.species.tumour
    }
    mutation = {
        pair: over(lambda each, pair=pair: each.mutation[pair] * each.birth[pair[0]])
        for pair in stages[0].mutation
    }
    return CloneRates(own, mutation)


def _own_birth(rates: Rates, clone: str) -> Number:
    """Return the births of a clone's own cells: its divisions, but for those that mutate."""
    birth = rates.birth[clone]
    mutated = [share for (parent, _), share in rates.mutation.items() if parent == clone]
    return birth * (1.0 - sum(mutated)) if mutated else birth


def _car_slope(stage: _Stage, cells: Cells) -> Number:
    """Return the slope of the log of all CAR T cells, per day."""
    kinds = cells.species.car
    if len(kinds) == 1:
        return stage.slope[kinds[0]]
    nothing = jnp.zeros_like(cells.total)
    risen = (stage.net[name] * cells[name] + stage.inflow.get(name, nothing) for name in kinds)
    return sum(risen, nothing) / cells.car


def _after(
    before: Compartments, rise: dict[str, Number], numbers: dict[str, Number], strain: Number
) -> Compartments:
    """Add to all logs, minding what rounding loses."""
    added = {name: _add(log, rise[name], before.lost[name]) for name, log in before.logs.items()}
    logs = {name: log for name, (log, _) in added.items()}
    lost = {name: owed for name, (_, owed) in added.items()}
    return Compartments(logs, lost, numbers, before.strain + strain)


def _add(total: Number, term: Number, lost: Number) -> tuple[Number, Number]:
    """Return the sum and what it lost."""
    owed = term + lost
    new = total + owed
    return new, jax.lax.stop_gradient(owed - (new - total))
