"""Memory cells, which effectors feed, against scipy."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import vcohort as vc

DAYS = np.array([5.0, 15.0, 30.0, 90.0, 180.0, 365.0])


@pytest.mark.parametrize(
    ("law", "values"),
    [("linear", {"f_M": 0.0, "k_CM": 0.05}), ("linear", {"d_M": 0.1}), ("antigen", {})],
)
def test_memory_cells_against_scipy(law, values):
    """Also where the product has none, and where they die fast against the late steps."""
    model = vc.car_t(memory=law)
    cohort = vc.Population("kimmel2021-figures", model=model, **values).sample(1)
    p = {name: float(value[0]) for name, value in cohort.values.items()}

    def slopes(_, state):
        n, c, b = np.exp(state[[0, 1, 3]])
        m, t = state[2], n + c + state[2]
        r_c = p["rho_C"] + p["b"] * (t - p["K_N"]) ** 2 / (p["a"] * t**2 + (t - p["K_N"]) ** 2)
        back = p["k_MC"] * (b / (p["k_M"] + b) if law == "antigen" else 1.0)
        return [
            -p["r_N"] * np.log(t / p["K_N"]),
            -r_c * np.log(t / p["K_C"]) - p["k_CM"] + back * m / c,
            p["k_CM"] * c - (back + p["d_M"]) * m,
            p["r_B"] - p["gamma_B"] * c / (p["k_B"] + c),
        ]

    memory = p["f_M"] * p["C0"]
    start = [np.log(p["N0"]), np.log(p["C0"] - memory), memory, np.log(p["B0"])]
    truth = solve_ivp(slopes, (0.0, 365.0), start, "LSODA", DAYS, rtol=1e-10, atol=1e-9).y
    ds = vc.simulate(cohort, "deterministic", 400.0, save_at=DAYS, endpoints=[vc.Nadir()],
                     progress=False)  # fmt: skip
    for name, path in zip("NCMB", truth, strict=True):
        wanted = np.log(path) if name == "M" else path
        np.testing.assert_allclose(np.log(ds[name].values[0]), wanted, atol=2e-3)
