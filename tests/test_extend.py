"""The examples of docs/extend.md, run from the page itself."""

import re
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import vcohort as vc
from vcohort.models import Cells

PAGE = (Path(__file__).parents[1] / "docs" / "extend.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
HORIZON = 800.0


def example(word):
    """Return what the page's block with a word defines."""
    (code,) = (block for block in BLOCKS if word in block)
    defined = {"__name__": __name__}
    exec(compile(code, "extend.md", "exec"), defined)
    return defined


def log_tumour(cohort, patient, days):
    """Return ln B of a patient by DOP853, from the paper's equations."""
    p = {name: float(values[patient]) for name, values in cohort.values.items()}

    def slopes(_, logs):
        n, c = np.exp(logs[:2])
        t = n + c
        r_c = p["rho_C"] + p["b"] * (t - p["K_N"]) ** 2 / (p["a"] * t**2 + (t - p["K_N"]) ** 2)
        death = p["gamma_B"] * c / (p["k_B"] + c)
        return [-p["r_N"] * np.log(t / p["K_N"]), -r_c * np.log(t / p["K_C"]), p["r_B"] - death]

    start = np.log([p["N0"], p["C0"], p["B0"]])
    options = {"method": "DOP853", "rtol": 1e-9, "atol": 1e-9, "t_eval": days}
    return solve_ivp(slopes, (0.0, days[-1]), start, **options).y[2]


@pytest.mark.parametrize("cells", [1e6, 1e9])
def test_days_below_a_size(cells):
    """Within a tenth of a day, though a step of this run lasts sixteen days on average."""
    cohort = vc.Population("kimmel2021-figures", 0.1, r_B=0.2, gamma_B=0.9).sample(40, seed=2)
    below = example("DaysBelow")["DaysBelow"](cells)
    ds = vc.simulate(cohort, "deterministic", HORIZON, endpoints=[below], progress=False)
    assert ds.attrs["time_grid"].size < 60 and ds["days_below"].attrs["units"] == "day"
    days = np.linspace(0.0, HORIZON, 40_001)
    dense = np.stack([log_tumour(cohort, patient, days) for patient in range(40)])
    expected = HORIZON * (dense[:, :-1] < np.log(cells)).mean(axis=1)
    assert (expected == 0).any() and expected.max() > 20
    assert np.abs(ds["days_below"] - expected).max() < 0.1


@pytest.mark.parametrize("method", ["exact", "hybrid"])
def test_a_cured_patient_stays_below(method, figures):
    """From the day on which the tumour falls below the size to the horizon."""
    cohort = figures(0.05, K_C=vc.units.t_cells(200.0)).sample(200, seed=1)
    below = example("DaysBelow")["DaysBelow"](1e6)
    ds = vc.simulate(cohort, method, HORIZON, endpoints=[below], progress=False)
    cured = np.flatnonzero(ds["outcome"] == 1)
    days = np.linspace(0.0, 100.0, 10_001)
    for patient in cured[:5]:
        falls = days[np.argmax(log_tumour(cohort, patient, days) < np.log(1e6))]
        assert float(ds["days_below"][patient]) == pytest.approx(HORIZON - falls, abs=0.1)


def test_a_law_of_ones_own():
    model = vc.car_t(killing=example("pairs")["LAW"])
    values = {name: jnp.float32(param.default) for name, param in model.parameters.items()}
    cells = Cells(*jnp.log(jnp.array([1e11, 2 * 2.024e9, 1e10], jnp.float32)))
    assert float(model.rates(values, cells).death) == pytest.approx(1.15 * 4 / 5, rel=1e-5)


def test_the_page_s_distribution():
    law = example("class TwoKinds")["TwoKinds"](7e10, 0.2, 0.9)
    population = vc.Population("kimmel2021-figures", K_C=law)
    values, counts = np.unique(population.sample(4096, design="sobol")["K_C"], return_counts=True)
    assert values == pytest.approx([6.3e10, 7e10])
    assert counts / 4096 == pytest.approx([0.2, 0.8], abs=1e-3)
    moved = population.replace(K_C=1.4e11)
    assert moved.distributions["K_C"].quantile(np.array([0.1, 0.5])) == pytest.approx(
        [1.26e11, 1.4e11]
    )


def test_the_page_s_observable_is_fitted():
    """Its course is that of N + C in cells/ul; the loss that weighs it as N takes it."""
    rows = example("vc.Observable(")["rows"]
    ds = vc.fit(rows, ["r_N"], starts=2, loss="kimmel2021", progress=False)
    total = (ds["N"] + ds["C"]).values / 5e8
    np.testing.assert_allclose(ds["curve"].sel(kind="CD3_per_ul"), total, rtol=1e-6)
