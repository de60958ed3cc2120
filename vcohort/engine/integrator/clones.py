"""The tumour's clones along one step of one patient: their means, one springing from another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Number, Numbers
from vcohort.endpoints import Cubic
from vcohort.endpoints.accrual import Accrual
from vcohort.endpoints.quadratic import Quadratic
from vcohort.engine.integrator.tumour_rates import TumourRates
from vcohort.models import Model, Values

# The log of no cells: nothing that grows for years from so few is ever seen.
LOG_NONE = -1e4

# (1 - e^-x) / x is 1/2 at this x.
_HALF_ON_AVERAGE = 1.5936

# exp of this is finite in float32.
_LARGEST_LOG = 80.0


class CloneRates(NamedTuple):
    """What happens to the tumour's cells along one step, by clone, in the order of the model.

    ``own``: births of the clone's own cells, and deaths. ``mutation``: births of one clone's cells
    by another's divisions, per cell of the parent and day, by (parent, child).
    """

    own: dict[str, TumourRates]
    mutation: dict[tuple[str, str], Quadratic]

    def parents(self, clone: str) -> dict[str, Quadratic]:
        """Return the rates at which others bear cells of a clone."""
        return {mother: rate for (mother, child), rate in self.mutation.items() if child == clone}


def first_clones(model: Model, values: Values) -> dict[str, Number]:
    """Return the logs of one patient's tumour cells on day 0, by clone."""
    first, *others = model.species.tumour
    return {first: jnp.log(values[f"{first}0"])} | {
        name: _log_of_any(values[f"{name}0"]) for name in others
    }


def first_cells(model: Model, values: Values) -> Number:
    """Return how many tumour cells one patient has on day 0."""
    return sum_of({name: values[f"{name}0"] for name in model.species.tumour})


def sum_of(numbers: Mapping[str, Number]) -> Number:
    """Return the sum over clones."""
    return reduce(add, numbers.values())


def _log_of_any(cells: Number) -> Number:
    some = cells > 0.0
    return jnp.where(some, jnp.log(jnp.where(some, cells, 1.0)), LOG_NONE)


def mean_paths(model: Model, rates: CloneRates, logs: Mapping[str, Number]) -> dict[str, Cubic]:
    """Return the logs of the clones' mean numbers along the step."""
    paths: dict[str, Cubic] = {}
    for name in model.species.tumour:
        path = rates.own[name].path(logs[name])
        for parent, rate in rates.parents(name).items():
            path = fed(path, paths[parent], rate, rates.own[name])
        paths[name] = path
    return paths


def fed(path: Cubic, parent: Cubic, rate: Quadratic, own: TumourRates) -> Cubic:
    """Return the path of a clone to which another one, on its path, adds cells at a rate.

    ``own``: what befalls the clone's own cells, those of other parents too.
    """
    parent, days = _arisen(parent), own.days
    growth = own.path(jnp.zeros_like(days))
    # The integral of rate e^parent e^(growth to the end).
    against = Cubic(*(mine - theirs for mine, theirs in zip(growth, parent, strict=True)))
    inflow = growth.end + Accrual(against, rate, days).log_total()
    # Nothing has a smallest log too, which a clone that grows for years would make much of.
    some = rate.largest() > 0.0
    end = jnp.where(some, jnp.logaddexp(path.end, inflow), path.end)
    steepest = 3.0 * (end - path.start)

    def slope(own: Number, at: Number, gap: Number) -> Number:
        """Return the slope with the inflow; limited, so that no path overshoots."""
        each = days * at * jnp.exp(jnp.minimum(gap, _LARGEST_LOG))
        return jnp.minimum(own + each, jnp.maximum(own, steepest))

    return Cubic(
        path.start,
        end,
        slope(path.slope_start, rate.start, parent.start - path.start),
        slope(path.slope_end, rate.end, parent.end - end),
    )


def _arisen(path: Cubic) -> Cubic:
    """Return a path that begins within the step as one on which its mean number is half the last.

    So it is of a clone that others have borne at a steady rate.
    """
    arises = path.start < 0.5 * LOG_NONE
    begun = arises & (path.end > 0.5 * LOG_NONE)
    rise = jnp.full_like(path.end, _HALF_ON_AVERAGE)
    straight = Cubic(path.end - rise, path.end, rise, rise)
    return jax.tree.map(lambda one, other: jnp.where(begun, one, other), straight, path)


def whole_tumour(model: Model, rates: CloneRates, paths: Mapping[str, Cubic]) -> Cubic:
    """Return the log of the number of all tumour cells along the step."""
    names = model.species.tumour
    if len(names) == 1:
        return paths[names[0]]

    def end_of(logs: Mapping[str, Number], pick: str) -> tuple[Number, Number]:
        """Return the log of all cells at one end of the step, and its slope per step."""
        total = log_sum(logs, names)
        shares = {name: jnp.exp(logs[name] - total) for name in names}
        rise = jnp.zeros_like(total)
        for name, own in rates.own.items():
            net = getattr(own.birth, pick) - getattr(own.death, pick)
            rise = rise + shares[name] * net * own.days
        for (parent, _), rate in rates.mutation.items():
            rise = rise + shares[parent] * getattr(rate, pick) * rates.own[parent].days
        return total, rise

    start, slope_start = end_of({name: paths[name].start for name in names}, "start")
    end, slope_end = end_of({name: paths[name].end for name in names}, "end")
    return Cubic(start, end, slope_start, slope_end)


def log_sum(logs: Mapping[str, Number], names: tuple[str, ...]) -> Number:
    """Return the log of the number of all cells."""
    return reduce(jnp.logaddexp, (logs[name] for name in names))


def exponential_mean(first: Numbers, last: Numbers) -> Numbers:
    """Return the mean of what goes exponentially from one number to another."""
    least = float(jnp.finfo(first.dtype).tiny)
    gap = jnp.log(jnp.maximum(first, least)) - jnp.log(jnp.maximum(last, least))
    near = jnp.abs(gap) < 1e-2
    return jnp.where(near, 0.5 * (first + last), (first - last) / jnp.where(near, 1.0, gap))
