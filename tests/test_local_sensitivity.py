"""Local sensitivities against closed forms, differences and reverse mode; the paper's ranking."""

import jax
import numpy as np
import pytest

import vcohort as vc

DAYS = np.linspace(0.0, 200.0, 101)


@pytest.fixture(scope="module")
def local():
    return vc.local_sensitivity(vc.Cohort.from_values("kimmel2021-figures"), DAYS)


def test_the_growth_rate_has_a_closed_form(local):
    """ln B = ln B0 + r_B t - ...: its derivative to ln r_B is r_B t; T cells do not feel it."""
    slopes = local["sensitivity"].sel(parameter="r_B").isel(patient=0)
    assert slopes.sel(state="B").values == pytest.approx(0.065 * DAYS, abs=1e-9)
    assert (slopes.sel(state=["N", "C"]) == 0).all()


def test_killing_takes_what_growth_leaves(local):
    """d ln B / d ln gamma_B is minus the integral of killing: ln B - ln B0 - r_B t."""
    slope = local["sensitivity"].sel(parameter="gamma_B", state="B").isel(patient=0)
    tumour = np.log(local["B"].isel(patient=0).values)
    assert slope.values == pytest.approx(tumour - tumour[0] - 0.065 * DAYS, abs=1e-6)


def test_against_differences_under_a_regimen(run):
    regimen = vc.Regimen(vc.Infusion(50.0), vc.Lymphodepletion(50.0, 0.1))
    cohort = vc.Population("kimmel2021", 0.05).sample(3, seed=2)
    days, step = np.array([10.0, 60.0, 120.0]), 1e-4
    ds = vc.local_sensitivity(cohort, days, ["K_C", "a"], regimen=regimen)
    for name in ("K_C", "a"):
        above, below = (
            run(
                cohort.replace(**{name: cohort[name] * np.exp(sign * step)}), "deterministic",
                save_at=days, horizon=120.0, regimen=regimen, dtype="float64", tolerance=1e-6,
            )
            for sign in (1, -1)
        )  # fmt: skip
        for state in "NCB":
            expected = np.log(above[state] / below[state]) / (2 * step)
            found = ds["sensitivity"].sel(state=state, parameter=name)
            assert found.values == pytest.approx(expected.values, rel=1e-4, abs=1e-5)


def test_cure_agrees_with_reverse_mode(local):
    cohort = vc.Cohort.from_values("kimmel2021-figures")

    def probability(K_C):
        return vc.cure_probability(cohort.replace(K_C=K_C), horizon=200.0).mean()

    with jax.enable_x64(True):
        slope = jax.grad(probability)(jax.numpy.asarray(cohort["K_C"]))
    expected = float(np.asarray(slope)[0] * cohort["K_C"][0])
    found = float(local["cure_sensitivity"].sel(parameter="K_C")[0])
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_paper_s_ranking(local):
    """Section 3a: capacities and killing first."""
    ranking = local["ranking"].isel(patient=0)
    first = ranking["parameter"].values[np.argsort(-ranking.values)][:3]
    assert list(first) == ["K_C", "K_N", "gamma_B"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"days": [10.0]}, "at least two days"),
        ({"days": [10.0, 5.0]}, "increasing order"),
        ({"parameters": ["K_c"]}, "Did you mean 'K_C'"),
        ({"parameters": "K_C"}, "is no list of names"),
        ({"parameters": []}, "is no list of names"),
        ({"parameters": ["K_C", "a", "K_C"]}, "names one twice"),
    ],
)
def test_bad_input(options, message):
    cohort = vc.Cohort.from_values("kimmel2021")
    with pytest.raises(vc.VcohortError, match=message):
        vc.local_sensitivity(cohort, **({"days": [0.0, 10.0]} | options))


def test_pictures(local):
    ranking = vc.plots.sensitivity_ranking(local)
    assert len(ranking.patches) == 9
