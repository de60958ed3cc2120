"""One deterministic step of one patient: what every backend traces.

Four stages of order four, in which what is stiff is solved exactly, so that late steps may be
weeks long: of logs the return to capacity (``own_path``), of compartments that others feed, which
go along in numbers, their turnover (``fed``), and so of what others hand over to a compartment
that grows by itself (``arrivals``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.endpoints.quadratic import Quadratic
from vcohort.engine.integrator.arrivals import Arrivals, per_cell
from vcohort.engine.integrator.clones import CloneRates
from vcohort.engine.integrator.fed import Fed
from vcohort.engine.integrator.own_path import CoxMatthews, Lawson
from vcohort.engine.integrator.possible import or_nan
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


def _per_cell(inflow: Mapping[str, Number], cells: Cells) -> dict[str, Number]:
    """Return what flows into grown compartments, per day and cell that is there."""
    grown = [(name, rate, cells.logs[name]) for name, rate in inflow.items() if name in cells.logs]
    return {name: rate * per_cell(log) for name, rate, log in grown}


class _Stage(NamedTuple):
    """The rates at one stage of a step.

    ``slope``: of the logs of grown compartments, per day. ``inflow``: to each compartment, in cells
    per day. ``net``: growth less what is handed over, per cell of each.
    """

    slope: dict[str, Number]
    inflow: dict[str, Number]
    net: dict[str, Number]
    rates: Rates

    def drift(self, taker: str) -> Number:
        """Return the rate at which those who hand over to a compartment dwindle, if they do."""
        givers = [giver for giver, other in self.rates.transfer if other == taker]
        rates = [self.slope.get(giver, self.net[giver]) for giver in givers]
        return jnp.minimum(reduce(jnp.maximum, rates), 0.0)


def _stage(model: Model, values: Values, cells: Cells) -> _Stage:
    rates = model.rates(values, cells)
    if not model.is_built_in:
        rates = or_nan(rates)
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
    half = 0.5 * days
    grown, nothing = before.logs, jnp.zeros_like(days)
    start = cells_of(model, before, clones)
    first = _stage(model, values, start)
    rate = model.relaxation(values, start)
    kind = CoxMatthews if first.inflow else Lawson
    own = {name: kind.of(first.net[name], rate[name], days) for name in grown}
    fed = {name: Fed.of(before.numbers[name], first.net[name], days) for name in before.numbers}
    joined = {
        name: Arrivals.of(log, first.net[name], first.drift(name), days)
        for name, log in grown.items() if name in first.inflow
    }  # fmt: skip
    counted = fed | {name: one.added for name, one in joined.items()}

    def risen(rise: dict[str, Number], numbers: dict[str, Number], passed: Number) -> dict:
        """Return the rises of all logs: of their own paths, and by what arrived."""
        gains = {name: one.gain(numbers[name], passed) for name, one in joined.items()}
        return {name: own + gains[name] if name in gains else own for name, own in rise.items()}

    def stage(
        rise: dict[str, Number], numbers: dict[str, Number], before_it: _Stage, passed: Number
    ) -> tuple[dict[str, Number], dict[str, Number], _Stage]:
        """Return the remainders, the sources and all rates at a stage."""
        moved = {name: log + passed * _net(before_it.rates, name) for name, log in clones.items()}
        logs = {name: grown[name] + up for name, up in risen(rise, numbers, passed).items()}
        held = {name: numbers[name] for name in fed}
        now = _stage(model, values, Cells(logs | moved, held, model.species))
        left = {name: own[name].source(now.net[name], rise[name]) for name in grown}
        source = {
            name: one.source(now.inflow.get(name, nothing), now.net[name], numbers[name])
            for name, one in fed.items()
        }
        source |= {
            name: one.source(now.inflow[name], rise[name], passed) for name, one in joined.items()
        }
        return left, source, now

    s1 = {name: first.inflow.get(name, nothing) for name in fed}
    s1 |= {name: one.source(first.inflow[name], nothing, nothing) for name, one in joined.items()}
    middle = {name: one.in_the_middle(s1[name]) for name, one in counted.items()}
    rise = {name: each.at_first() for name, each in own.items()}
    f2, s2, second = stage(rise, middle, first, half)
    rise = {name: each.in_the_middle(f2[name]) for name, each in own.items()}
    numbers = {name: one.in_the_middle(s2[name]) for name, one in counted.items()}
    f3, s3, third = stage(rise, numbers, second, half)
    rise = {name: each.at_the_end(f3[name]) for name, each in own.items()}
    numbers = {n: one.at_the_end(middle[n], s1[n], s3[n]) for n, one in counted.items()}
    f4, s4, fourth = stage(rise, numbers, third, days)
    rise = {name: each.after(f2[name], f3[name], f4[name]) for name, each in own.items()}
    # Of those who arrived late most are there: they are counted along the path as it is now known.
    s4 |= {name: one.source(fourth.inflow[name], rise[name], days) for name, one in joined.items()}
    ended = {
        name: one.after(s1[name], s2[name], s3[name], s4[name]) for name, one in counted.items()
    }
    rise, numbers = risen(rise, ended, days), {name: ended[name] for name in fed}
    stages = tuple(each.rates for each in (first, second, third, fourth))
    rates = _clone_rates(model, days, *stages)
    bends = [jnp.abs(f2[name] - f3[name]) for name in grown]
    bends += [jnp.abs(s2[name] - s3[name]) / jnp.maximum(numbers[name], LEAST) for name in fed]
    bends += [jnp.abs(s2[name] - s3[name]) / (1.0 + ended[name]) for name in joined]
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
