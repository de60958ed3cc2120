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


class TCells(NamedTuple):
    """Logs of normal and CAR T cells of one patient, with what rounding has lost of each.

    Hundreds of float32 additions to a log of 25 would cost a thousandth of ln B later on;
    compensated (Kahan 1965, Commun. ACM 8:40) they cost nothing that can be seen.
    """

    log_normal: Array
    log_car: Array
    lost_normal: Array
    lost_car: Array


class Drift(NamedTuple):
    """The T cells after a step, the CAR T cells' slopes per day at both ends, the passage."""

    t_cells: TCells
    car_slope_start: Array
    car_slope_end: Array
    passage: Passage


def first_t_cells(cells: Cells) -> TCells:
    """Return the T cells at day 0."""
    nothing = jnp.zeros_like(cells.log_normal)
    return TCells(cells.log_normal, cells.log_car, nothing, nothing)


def drift(model: Model, values: Values, t_cells: TCells, log_tumour: Array, days: Array) -> Drift:
    """Step one patient's T cells over ``days``; say what its tumour cells go through."""
    relaxation, log_capacity = values["r_N"], jnp.log(values["K_N"])
    half, sixth = 0.5 * days, days / 6.0
    decay = jnp.exp(-relaxation * half)

    def stage(distance: Array, log_car: Array, log_tumour: Array):
        rates = model.rates(values, Cells(distance + log_capacity, log_car, log_tumour))
        remainder = rates.normal + relaxation * distance
        return remainder, rates.car, rates.birth, rates.death

    u, y, z = t_cells.log_normal - log_capacity, t_cells.log_car, log_tumour
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
    relaxed = u * jnp.expm1(-relaxation * days)
    normal_rise = relaxed + sixth * (decay * (decay * f1 + 2.0 * (f2 + f3)) + f4)
    car_rise = sixth * (g1 + 2.0 * (g2 + g3) + g4)
    birth = Quadratic(birth1, 0.5 * (birth2 + birth3), birth4)
    death = Quadratic(death1, 0.5 * (death2 + death3), death4)
    return Drift(_rise(t_cells, normal_rise, car_rise), g1, g4, Passage(days, birth, death))


def _rise(t_cells: TCells, normal: Array, car: Array) -> TCells:
    """Add to both logs, minding what rounding loses."""
    log_normal, lost_normal = _add(t_cells.log_normal, normal, t_cells.lost_normal)
    log_car, lost_car = _add(t_cells.log_car, car, t_cells.lost_car)
    return TCells(log_normal, log_car, lost_normal, lost_car)


def _add(total: Array, term: Array, lost: Array) -> tuple[Array, Array]:
    """Return the sum and what it lost."""
    owed = term + lost
    new = total + owed
    return new, owed - (new - total)
