"""Whether rates can be: those of a user's own laws are looked at in every step."""

from __future__ import annotations

from functools import reduce
from operator import add, and_

import jax
import jax.numpy as jnp

from vcohort.arrays import Flag
from vcohort.models import Rates

# Shares of all that are told from the law's own rounding.
_ROUNDING = 1e-5


def or_nan(rates: Rates) -> Rates:
    """Return rates as they are; all of them no number where one is impossible.

    So that its patient has no number either, is missing, and is told of and counted.
    """
    possible = are_possible(rates)
    return jax.tree.map(lambda rate: jnp.where(possible, rate, jnp.nan), rates)


def are_possible(rates: Rates) -> Flag:
    """Whether all rates are numbers, none but growth is below 0, and no share more than all."""
    least = [*rates.transfer.values(), *rates.birth.values(), *rates.death.values()]
    least += rates.mutation.values()
    told = [jnp.isfinite(rate) for rate in (*rates.growth.values(), *least)]
    told += [rate >= 0.0 for rate in least]
    for clone in rates.birth:
        shares = [share for (parent, _), share in rates.mutation.items() if parent == clone]
        told += [reduce(add, shares) <= 1.0 + _ROUNDING] if shares else []
    return reduce(and_, told)
