"""One deterministic step of one patient: what every backend traces.

Logs of cell numbers are stepped by a fourth-order Runge-Kutta method. Whichever T cells
dominate return fast to their capacity: x' = f(x) with f' near -L. This, the only stiff part, is
taken out: x' = f(x_0) - L (x - x_0) is solved exactly, what remains by the classical method
under the integrating factor e^(L t) (Lawson 1967, SIAM J. Numer. Anal. 4:372). Late steps may
then be weeks long.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.endpoints.quadratic import Quadratic
from vcohort.engine.integrator.tumour_rates import TumourRates
from vcohort.models import Cells, Model, Values


class TCells(NamedTuple):
    """Logs of normal and CAR T cells of one patient, with what rounding has lost of each.

    Hundreds of float32 additions to a log of 25 would cost a thousandth of ln B later on;
    compensated (Kahan 1965, Commun. ACM 8:40) they cost nothing that can be seen. ``strain``: by
    how much the two slopes in the middle of each step differed, times the step, summed. It tells
    whether this patient's steps were short enough: NaN where they ended in no number.
    """

    log_normal: Number
    log_car: Number
    lost_normal: Number
    lost_car: Number
    strain: Number


class Integrated(NamedTuple):
    """The T cells after a step, the CAR T cells' slopes per day at both ends, the rates."""

    t_cells: TCells
    car_slope_start: Number
    car_slope_end: Number
    rates: TumourRates


def first_t_cells(cells: Cells) -> TCells:
    """Return the T cells at day 0."""
    nothing = jnp.zeros_like(cells.log_normal)
    return TCells(cells.log_normal, cells.log_car, nothing, nothing, nothing)


def initial_cells(values: Values) -> Cells:
    """Return one patient's cells at day 0."""
    return Cells(*(jnp.log(values[name]) for name in ("N0", "C0", "B0")))


def strain_of(t_cells: TCells, log_tumour: Number) -> Number:
    """Return the strain of a patient at the end of its run; NaN where no number is left."""
    logs = t_cells.log_normal + t_cells.log_car + log_tumour
    return jnp.where(jnp.isfinite(logs), t_cells.strain, jnp.nan)


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


def integrate(
    model: Model, values: Values, t_cells: TCells, log_tumour: Number, days: Number
) -> Integrated:
    """Step one patient's T cells over ``days``; say what its tumour cells go through."""
    half, sixth = 0.5 * days, days / 6.0
    x, y, z = t_cells.log_normal, t_cells.log_car, log_tumour
    start = Cells(x, y, z)
    first = model.rates(values, start)
    normal_rate, car_rate = model.relaxation(values, start)
    n = _relaxation(first.normal, normal_rate, days)
    c = _relaxation(first.car, car_rate, days)

    def stage(normal_rise: Number, car_rise: Number, log_tumour: Number):
        rates = model.rates(values, Cells(x + normal_rise, y + car_rise, log_tumour))
        normal = n.remainder(rates.normal, normal_rise)
        return normal, c.remainder(rates.car, car_rise), rates

    f2, g2, second = stage(n.half, c.half, z + half * (first.birth - first.death))
    f3, g3, third = stage(
        n.half + half * f2, c.half + half * g2, z + half * (second.birth - second.death)
    )
    f4, g4, fourth = stage(
        n.whole + days * n.decay * f3,
        c.whole + days * c.decay * g3,
        z + days * (third.birth - third.death),
    )
    normal_rise = n.whole + sixth * (2.0 * n.decay * (f2 + f3) + f4)
    car_rise = c.whole + sixth * (2.0 * c.decay * (g2 + g3) + g4)
    birth = Quadratic(first.birth, 0.5 * (second.birth + third.birth), fourth.birth)
    death = Quadratic(first.death, 0.5 * (second.death + third.death), fourth.death)
    growth = (second.birth - second.death) - (third.birth - third.death)
    strain = days * jnp.maximum(jnp.maximum(jnp.abs(f2 - f3), jnp.abs(g2 - g3)), jnp.abs(growth))
    after = _rise(t_cells, normal_rise, car_rise, jax.lax.stop_gradient(strain))
    return Integrated(after, first.car, fourth.car, TumourRates(days, birth, death))


def _rise(t_cells: TCells, normal: Number, car: Number, strain: Number) -> TCells:
    """Add to both logs, minding what rounding loses."""
    log_normal, lost_normal = _add(t_cells.log_normal, normal, t_cells.lost_normal)
    log_car, lost_car = _add(t_cells.log_car, car, t_cells.lost_car)
    return TCells(log_normal, log_car, lost_normal, lost_car, t_cells.strain + strain)


def _add(total: Number, term: Number, lost: Number) -> tuple[Number, Number]:
    """Return the sum and what it lost."""
    owed = term + lost
    new = total + owed
    return new, jax.lax.stop_gradient(owed - (new - total))
