"""What happens inside a step: the day of cure, a peak, few cells, fractions of a cell."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

import vcohort as vc
from tests import simulator
from tests.conftest import FEW, P_LIMIT, Z_LIMIT, z_of_share
from vcohort.endpoints import Cubic, Reach
from vcohort.endpoints.accrual import Accrual
from vcohort.endpoints.quadratic import Quadratic


def values_of(preset="kimmel2021-figures", **changes):
    return dict(vc.presets()[preset].values) | changes


def cohort_of(n, preset="kimmel2021-figures", **changes):
    """Return n alike; so few cells are far from what is usual, which is not the matter here."""
    changes = changes or {"r_B": 0.065}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "B0 = .* is far from the usual", vc.VcohortWarning)
        return vc.Cohort.from_values(preset, **{key: np.full(n, x) for key, x in changes.items()})


# Killing in one step from 0 to e^-60 of a tumour, and back.
STEPS = [
    (0.0, 0.0, 0.0, 0.0), (2.0, -4.0, -4.0, -8.0), (25.0, 3.0, -20.0, -24.0),
    (30.0, -25.0, -53.0, -57.0), (-20.0, 20.0, 38.0, 42.0), (3.0, 3.4, 0.7, -0.2),
    (1.0, 1.4, 0.6, 0.2),
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_exponential_integral_against_quadrature(step, dtype):
    """The integral over parts of a step, and the fraction at which it has a value."""
    with jax.enable_x64(dtype == "float64"):
        path = Cubic(*(jnp.asarray(x, dtype) for x in step))
        # Rates that change by a tenth in a step: what a quadratic holds to some 1e-4.
        rate = Quadratic(*(jnp.asarray(x, dtype) for x in (1.0, 1.05, 1.1)))
        grown = Accrual(path, rate, jnp.asarray(3.0, dtype))
        exact = Cubic(*map(np.float64, step))
        for u in (1e-3, 0.2, 0.5, 0.9, 1.0):
            expected = 3.0 * integrate.quad(
                lambda v: (1 + 0.1 * v) * np.exp(float(-exact.at(v))), 0, u, epsabs=0, limit=200
            )[0]  # fmt: skip
            found = grown.until(jnp.asarray(u, dtype))
            bulge = 0.125 * (step[3] - step[2])
            digits = 1e-5 + 0.1 * bulge**2
            assert float(found.log_total()) == pytest.approx(np.log(expected), abs=digits)
            assert float(found.total()) == pytest.approx(expected, rel=digits * 1.01)
            again = float(grown.reaching(found.log_total()))
            # The fraction is known to the digits of the log, over how fast that grows.
            slope = (1 + 0.1 * u) * 3.0 * np.exp(float(-exact.at(u))) / expected
            assert again == pytest.approx(u, abs=1e-5 * (1 + 1 / slope))


TURNS = [
    (0.0, 1.0, 2.0, 0.5), (0.0, 0.1, 1.0, -1.0), (0.0, -0.1, -1.0, 2.0), (0.0, 2.0, 1.0, 1.0),
    (1.0, 1.0, 0.0, 0.0), (0.0, -0.5, 1e-4, -1.0), (0.0, 1.0, 1.0, 1.0), (2.0, 2.0, 5.0, -0.1),
]  # fmt: skip


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("numbers", TURNS, ids=str)
def test_the_extremum_of_a_cubic(numbers, sign):
    cubic = Cubic(*map(jnp.float32, numbers))
    dense = np.asarray(cubic.at(jnp.linspace(0.0, 1.0, 100_001)))
    best = (dense * sign).min() * sign
    assert float(cubic.at(cubic.extremum(sign))) == pytest.approx(best, abs=1e-6)


def test_a_level_that_is_reached_for_a_moment():
    """x(u) = 4 u (1 - u) of height 1 passes 0.96 at u = 0.4, and is back at 0 at the end."""
    reach = Reach.of(Cubic(*map(jnp.float32, (0.0, 0.0, 4.0, -4.0))), jnp.float32(0.96))
    assert bool(reach.reached)
    assert float(
        reach.crossing(jnp.float32(10.0), jnp.float32(20.0)).crossing_day()
    ) == pytest.approx(14.0)
    assert not bool(Reach.of(Cubic(*map(jnp.float32, (0.0, 0.0, 4.0, -4.0))), 1.01).reached)


DAYS = [
    ("kimmel2021-figures", {}), ("kimmel2021", {}), ("kimmel2021-figures", {"gamma_B": 3.0}),
    ("kimmel2021-figures", {"gamma_B": 10.0}), ("kimmel2021-figures", {"K_C": 5e11}),
    ("kimmel2021", {"K_C": 5e11, "gamma_B": 10.0}),
    ("kimmel2021-figures", {"K_C": 5e11, "gamma_B": 0.1, "r_B": 0.01}),
]  # fmt: skip


def distance(preset, changes, method, n, threshold=100.0):
    """Return the Kolmogorov-Smirnov test of drawn days of cure against scipy's law."""
    p, days = values_of(preset, **changes), np.linspace(0.0, 400.0, 160_001)
    law = simulator.cured_by(p, days)
    ds = vc.simulate(
        cohort_of(n, preset, **changes), method, 400.0, threshold, progression=1e20, seed=5,
        endpoints=FEW, progress=False,
    )  # fmt: skip
    drawn = ds["event_time"].values[ds["outcome"].values == 1].astype(float)
    assert abs(z_of_share(drawn.size / n, law[-1], n)) < Z_LIMIT
    return stats.kstest(np.interp(drawn, days, law / law[-1]), "uniform")


@pytest.mark.parametrize(("preset", "changes"), DAYS, ids=str)
def test_the_day_of_cure(preset, changes):
    assert distance(preset, changes, "exact", 100_000).pvalue > P_LIMIT


# With killing so slow and so few CAR T cells nobody is cured.
SETTINGS = [
    (K_C, gamma_B) for K_C in (1e11, 5e11) for gamma_B in (0.1, 0.3, 1.15, 3.0, 6.0, 10.0)
    if K_C > 1e11 or gamma_B > 0.5
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("K_C", "gamma_B"), SETTINGS)
@pytest.mark.parametrize("preset", ["kimmel2021-figures", "kimmel2021"])
def test_a_million_days_of_cure(preset, K_C, gamma_B):
    r_B = 0.01 if gamma_B < 0.5 else 0.065
    changes = {"K_C": K_C, "gamma_B": gamma_B, "r_B": r_B}
    assert distance(preset, changes, "exact", 1_000_000).pvalue > P_LIMIT


@pytest.mark.parametrize("changes", [{"gamma_B": 10.0}, {"K_C": 5e11}], ids=str)
def test_the_day_of_cure_by_the_hybrid(changes):
    """Its threshold moves days by less than can be seen here."""
    assert distance("kimmel2021-figures", changes, "hybrid", 20_000, 1000.0).pvalue > P_LIMIT


def test_a_peak_between_two_steps(figures):
    """Tumours that grow before they are killed; 500 steps see what 64 do."""
    cohort = figures(0.1, r_B=0.4).sample(2000, seed=3)
    run = {"endpoints": FEW, "progress": False}
    few = vc.simulate(cohort, "exact", **run)
    many = vc.simulate(cohort, "exact", **run, tolerance=1e-6, dtype="float64")
    assert float(abs(few["event_time"] - many["event_time"]).max()) < 3.0
    alone = np.asarray(vc.progression_free_probability(cohort, [15.0]))[:, 0]
    dense = np.asarray(vc.progression_free_probability(cohort, np.arange(0.1, 15.05, 0.1)))[:, -1]
    np.testing.assert_allclose(alone, dense, atol=2e-3)
    # The largest tumour of scipy's path, for those patients whom it parts most narrowly.
    for patient in np.argsort(abs(few["event_time"].values - 8.0))[:5]:
        p = {name: float(value[patient]) for name, value in cohort.values.items()}
        car = simulator.t_cells(p, 40.0)
        days = np.linspace(0.0, 40.0, 40_001)
        death = p["gamma_B"] * car(days) / (p["k_B"] + car(days))
        path = integrate.cumulative_trapezoid(p["r_B"] - death, days, initial=0.0)
        up = np.flatnonzero(path >= np.log(1.2))
        assert up.size
        assert float(few["event_time"][patient]) == pytest.approx(days[up[0]], abs=0.02)


SMALL = [(1, 0.065), (2, 0.3), (5, 0.3), (20, 0.3), (50, 0.3), (100, 0.3), (300, 0.3)]


@pytest.mark.parametrize("method", ["exact", "hybrid", "gillespie"])
@pytest.mark.parametrize(("B0", "r_B"), SMALL)
def test_the_first_event_of_small_tumours(B0, r_B, method):
    """Chance decides whether 5 cells become 6, within a step as well."""
    n = 4000
    outcome, day = simulator.first_event(values_of(B0=B0, r_B=r_B), n, seed=B0)
    ds = vc.simulate(
        cohort_of(n, B0=float(B0), r_B=r_B), method, 300.0, endpoints=FEW,
        progress=False,
    )  # fmt: skip
    for event in (1, 2):
        shares = (ds["outcome"].values == event).mean(), (outcome == event).mean()
        pooled = max(np.mean(shares), 1 / n)
        z = (shares[0] - shares[1]) / np.sqrt(2 * pooled * (1 - pooled) / n)
        assert abs(z) < Z_LIMIT, shares
        both = ds["event_time"].values[ds["outcome"].values == event], day[outcome == event]
        if min(map(len, both)) > 50:
            assert stats.ks_2samp(*both).pvalue > P_LIMIT


LARGER = [
    (180, {"gamma_B": 0.3}, 1.2, 300.0), (1000, {"gamma_B": 0.25, "r_B": 0.1}, 1.05, 60.0),
    (16_000, {"gamma_B": 0.25, "r_B": 0.2}, 1.05, 6.0),
]  # fmt: skip


@pytest.mark.parametrize("method", ["exact", "hybrid"])
@pytest.mark.parametrize(("B0", "changes", "progression", "horizon"), LARGER, ids=str)
def test_the_day_of_progression_of_tumours_of_hundreds_of_cells(
    B0, changes, progression, horizon, method
):
    """Drawn from a bridge, inside steps that are days long."""
    p = values_of(B0=B0, **changes)
    outcome, day = simulator.first_event(p, 2000, 1, horizon, progression)
    ds = vc.simulate(
        cohort_of(10_000, B0=float(B0), **changes), method, horizon, progression=progression,
        endpoints=FEW, progress=False,
    )  # fmt: skip
    progressed = ds["outcome"].values == 2
    assert abs(z_of_share((outcome == 2).mean(), progressed.mean(), 2000)) < Z_LIMIT
    days = ds["event_time"].values[progressed], day[outcome == 2]
    assert stats.ks_2samp(*days, method="asymp").pvalue > P_LIMIT


@pytest.mark.parametrize("B0", [2.3, 2.5, 7.01])
def test_a_fraction_of_a_cell_is_one_cell_more(B0):
    """The same for what is drawn and what is computed, and for the size of progression."""
    n, run = 20_000, {"progression": 1e6, "endpoints": FEW, "progress": False}
    broken, whole = (
        cohort_of(n, B0=cells, gamma_B=0.9, r_B=0.5, K_C=3e10) for cells in (B0, np.ceil(B0))
    )
    with pytest.warns(vc.VcohortWarning, match="whole number"):
        expected = float(vc.cure_probability(broken, 40.0)[0])
    assert expected == float(vc.cure_probability(whole, 40.0)[0])
    for method in ("exact", "hybrid", "gillespie"):
        with pytest.warns(vc.VcohortWarning, match="whole number"):
            ds = vc.simulate(broken, method, 40.0, **run)
        share = float((ds["nadir"] == 0).mean())
        assert abs(z_of_share(share, expected, n)) < Z_LIMIT
    with pytest.warns(vc.VcohortWarning, match="whole number"):
        ds = vc.simulate(broken, "exact", 40.0, **(run | {"progression": 1.2}))
    assert float(ds["event_time"].min()) > 0.0


def test_a_derivative_to_the_cells_passes_their_rounding():
    cohort = vc.Population("kimmel2021-figures").sample(1)
    slope = jax.grad(lambda b: vc.cure_probability(cohort.replace(B0=b)).sum())(jnp.asarray([5e6]))
    down, up = (float(vc.cure_probability(cohort.replace(B0=b))[0]) for b in (4.9e6, 5.1e6))
    assert float(slope[0]) == pytest.approx((up - down) / 2e5, rel=0.05)


@pytest.mark.parametrize(
    "regimen",
    [
        vc.Regimen(vc.Infusion(500.0), vc.Lymphodepletion(500.00001, 0.1)),
        vc.Regimen(vc.Infusion(np.array([500.0, 20.0])), vc.Infusion(np.array([500.00001, 40.0]))),
    ],
    ids=["shared", "of each"],
)
def test_days_that_float32_takes_for_one(regimen):
    cohort = vc.Population("kimmel2021-figures").sample(2)
    with pytest.raises(vc.VcohortError, match="told apart"):
        vc.simulate(cohort, "exact", regimen=regimen)
    with pytest.raises(vc.VcohortError, match="told apart"):
        vc.cure_probability(cohort, regimen=regimen)
    plain = {"endpoints": FEW, "progress": False}
    assert vc.simulate(cohort, "deterministic", regimen=regimen, dtype="float64", **plain)


def test_a_day_just_after_a_treatment():
    """10^10 cells are there a second after they were infused, not before."""
    cohort = vc.Population("kimmel2021-figures").sample(1)
    regimen = vc.Regimen(vc.Infusion(500.0, 1e10))
    options = {"method": "deterministic", "endpoints": FEW, "regimen": regimen,
               "save_at": [500.0, 500.00001]}  # fmt: skip
    with pytest.raises(vc.VcohortError, match="float64"):
        vc.simulate(cohort, **options)
    car = vc.simulate(cohort, **options, dtype="float64", progress=False)["C"].values[0]
    assert car[1] - car[0] == pytest.approx(1e10, rel=1e-4)
