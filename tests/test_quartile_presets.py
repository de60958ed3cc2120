"""The fits to the quartiles: an independent minimisation, by scipy, ends where they are."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

import vcohort as vc

FREE = ("r_N", "rho_C", "K_C", "a", "b", "gamma_B", "k_2")
COUNTS = vc.data.t_cell_counts()
DAYS = COUNTS["day"].values
ALC = COUNTS["alc_median"].values


def residuals(logs, car_t):
    """The paper's weighted residuals and penalty; cells/ul and ml."""
    values = dict(zip(FREE, np.exp(logs), strict=True))

    def rates(_, state):
        normal, car, _ = state
        total = normal + car
        room = (total - 500.0) ** 2
        turnover = values["rho_C"] + values["b"] * room / (values["a"] * total**2 + room)
        killing = values["gamma_B"] * values["k_2"] * car / (1 + values["k_2"] * car)
        return [
            -values["r_N"] * normal * np.log(total / 500.0),
            -turnover * car * np.log(total / (values["K_C"])),
            0.065 - killing,
        ]

    days = np.sort([*DAYS, 30.0])
    first = [6.0, 0.36, np.log(94.86)]
    path = solve_ivp(rates, (0.0, 180.0), first, "LSODA", days, rtol=1e-9, atol=1e-12).y
    counted = days != 30.0
    return np.concatenate([
        (path[0, counted] - (ALC - car_t)) / (ALC - car_t).max(),
        np.sqrt(10) * (path[1, counted] - car_t) / car_t.max(),
        [1e3 * np.exp(path[2, ~counted][0] - first[2])],
        0.1 * np.sqrt([values[name] for name in FREE if name != "K_C"]),
    ])  # fmt: skip


@pytest.mark.parametrize("quartile", ["q1", "median", "q3"])
def test_a_quartile_s_fit_is_the_minimum(quartile):
    preset = vc.presets()[f"kimmel2021-{quartile}"].values
    own = preset | {
        "K_C": vc.units.t_cells_per_ul(preset["K_C"]),
        "k_2": vc.units.CELLS_PER_UL / preset["k_B"],
    }
    fitted = np.array([own[name] for name in FREE])
    car_t = COUNTS[f"car_t_{quartile}"].values
    found = least_squares(
        residuals,
        np.log(fitted * 1.05),
        args=(car_t,),
        jac="3-point",
        diff_step=1e-4,
        x_scale="jac",
        xtol=1e-12,
        ftol=1e-14,
        gtol=1e-12,
    )
    assert np.exp(found.x) == pytest.approx(fitted, rel=2e-3)
    assert (residuals(np.log(fitted), car_t) ** 2).sum() == pytest.approx(2 * found.cost, rel=1e-3)


def test_the_median_fit_has_the_baseline_growth_of_table_1():
    """And the three span its quartile column: low and high end, as printed."""
    fits = [vc.presets()[f"kimmel2021-{name}"].values for name in ("q1", "median", "q3")]
    assert fits[1]["rho_C"] == pytest.approx(vc.presets()["kimmel2021"].values["rho_C"], rel=0.005)
    column = {
        "r_N": (0.165, 0.170), "rho_C": (0.0208, 0.0354), "K_C": (6.15e10, 9.65e10),
        "a": (0.100, 0.302), "b": (0.467, 0.522),
    }  # fmt: skip
    for name, ends in column.items():
        values = [fit[name] for fit in fits]
        assert (min(values), max(values)) == pytest.approx(ends, rel=0.004)
