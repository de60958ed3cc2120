"""One deterministic step of one patient: what every backend traces.

Logs of cell numbers are stepped by the classical fourth-order Runge-Kutta method. The
normal T cells' return to their capacity, d ln N/dt = -r_N (ln N - ln K_N) + remainder,
is taken out by an integrating factor (Lawson 1967, SIAM J. Numer. Anal. 4:372): the
only stiff part is then exact, and late steps may be weeks long.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from vcohort.engine.passage import Passage, Quadratic
from vcohort.models import Cells, Model, Values


class Drift(NamedTuple):
    """The T cells after a step, their slopes per day at both ends, and the tumour's passage."""

    log_normal: Array
    log_car: Array
    car_slope_start: Array
    car_slope_end: Array
    passage: Passage


def drift(model: Model, values: Values, cells: Cells, days: Array) -> Drift:
    """Step one patient's T cells over ``days``; say what its tumour cells go through."""
    relaxation, log_capacity = values["r_N"], jnp.log(values["K_N"])
    half = 0.5 * days
    decay = jnp.exp(-relaxation * half)

    def stage(distance: Array, log_car: Array, log_tumour: Array):
        rates = model.rates(values, Cells(distance + log_capacity, log_car, log_tumour))
        remainder = rates.normal + relaxation * distance
        return remainder, rates.car, rates.birth, rates.death

    u, y, z = cells.log_normal - log_capacity, cells.log_car, cells.log_tumour
    f1, g1, birth1, death1 = stage(u, y, z)
    f2, g2, birth2, death2 = stage(
        decay * (u + half * f1), y + half * g1, z + half * (birth1 - death1)
    )
    f3, g3, birth3, death3 = stage(
        decay * u + half * f2, y + half * g2, z + half * (birth2 - death2)
    )
    f4, g4, birth4, death4 = stage(
        decay * (decay * u + days * f3), y + days * g3, z + days * (birth3 - death3)
    )
    sixth = days / 6.0
    normal = decay * (decay * (u + sixth * f1) + 2.0 * sixth * (f2 + f3)) + sixth * f4
    birth = Quadratic(birth1, 0.5 * (birth2 + birth3), birth4)
    death = Quadratic(death1, 0.5 * (death2 + death3), death4)
    return Drift(
        normal + log_capacity,
        y + sixth * (g1 + 2.0 * (g2 + g3) + g4),
        g1,
        g4,
        Passage(days, birth, death),
    )
