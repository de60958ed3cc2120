"""Births and deaths one by one, while rates change within a step.

Events are proposed at a rate that bounds them in the step and accepted in proportion (thinning:
Lewis & Shedler 1979, Nav. Res. Logist. Q. 26:403): exact, and without any of the closed forms of
``birth_death``.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Counter, Flag, Number
from vcohort.engine.chance.random import Key, uniforms
from vcohort.engine.integrator.tumour_rates import TumourRates


class Clock(NamedTuple):
    """Cells and the fraction of the step that has passed, after ``events`` proposals.

    ``reached``: the fraction at which there were ``limits.progression`` cells; 2 if never.
    """

    cells: Number
    fraction: Number
    reached: Number
    events: Counter


def play(
    rates: TumourRates, cells: Number, fraction: Number, most: Number, progression: Number, key: Key
) -> Clock:
    """Play events until the step ends, the tumour dies out or has more than ``most`` cells."""
    bound = rates.birth.largest() + rates.death.largest()
    never = jnp.full_like(fraction, 2.0)
    reached = jnp.where(cells >= progression, fraction, never)

    def running(clock: Clock) -> Flag:
        return (clock.cells > 0.0) & (clock.cells <= most) & (clock.fraction < 1.0)

    def propose(clock: Clock) -> Clock:
        first, second = uniforms(key, clock.events, 1, clock.cells.dtype)
        wait = -jnp.log(first) / (clock.cells * bound * rates.days)
        now = jnp.minimum(clock.fraction + wait, 1.0)
        birth = jnp.maximum(rates.birth.at(now), 0.0)
        death = jnp.maximum(rates.death.at(now), 0.0)
        mark = second * bound
        change = jnp.where(mark < birth, 1.0, jnp.where(mark < birth + death, -1.0, 0.0))
        cells = clock.cells + jnp.where(now < 1.0, change, 0.0)
        first_time = (cells >= progression) & (clock.reached > 1.0)
        reached = jnp.where(first_time, now, clock.reached)
        return Clock(cells, now, reached, clock.events + 1)

    return jax.lax.while_loop(running, propose, Clock(cells, fraction, reached, jnp.uint32(0)))
