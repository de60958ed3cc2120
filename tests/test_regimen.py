"""Treatment schedules: against the default, a split run, scipy, gillespie, finite differences."""

import jax
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import solve_ivp

import vcohort as vc
from tests.conftest import P_LIMIT, Z_LIMIT, z_of_share
from vcohort.engine.execution.executor import compiled_for

DAYS = np.array([10.0, 40.0, 60.0, 61.0, 75.0, 100.0, 150.0])
SECOND = vc.Regimen(vc.Infusion(60.0, 3e8), vc.Lymphodepletion(58.5, (0.02, 0.4)))


def same(first, second):
    """Whether all variables are the same, bit for bit."""
    return all(np.array_equal(first[name], second[name]) for name in first.data_vars)


@pytest.mark.parametrize("method", ["exact", "hybrid", "gillespie", "deterministic"])
def test_an_infusion_on_day_0_is_the_default(method, run, figures):
    cohort = figures(0.05).sample(200, seed=1)
    assert same(run(cohort, method), run(cohort, method, regimen=vc.Regimen(vc.Infusion(0.0))))


def test_day_0_sets_the_first_dose_and_cuts_the_first_normal_t_cells(run, figures):
    cohort = figures().sample(3, seed=1)
    regimen = vc.Regimen(vc.Infusion(0.0, 9e8), vc.Lymphodepletion(0.0, 0.5))
    ds = run(cohort, "deterministic", regimen=regimen, save_at=[0.0, 50.0])
    by_hand = run(
        cohort.replace(C0=9e8, N0=0.5 * cohort["N0"]), "deterministic", save_at=[0.0, 50.0]
    )
    for state in "NCB":
        assert np.array_equal(ds[state], by_hand[state])
    assert ds["C0"][0] == cohort["C0"][0], "the dataset keeps the patient's own value"


@pytest.mark.slow
def test_a_lymphodepletion_that_all_survive_changes_nothing(run, figures):
    cohort = figures(0.05).sample(2000, seed=1)
    harmless = vc.Regimen(vc.Lymphodepletion(35.0, 1.0))
    plain = run(cohort, "deterministic", save_at=DAYS)
    treated = run(cohort, "deterministic", regimen=harmless, save_at=DAYS)
    for state in "NCB":
        assert np.abs(np.log(plain[state] / treated[state])).max() < 2e-3
    # A course begun anew draws anew, so the outcomes agree in distribution only.
    expected = float(vc.cure_probability(cohort).mean())
    assert float(vc.cure_probability(cohort, regimen=harmless).mean()) == pytest.approx(
        expected, abs=1e-3
    )
    for method in ("exact", "hybrid"):
        share = float((run(cohort, method, regimen=harmless)["outcome"] == 1).mean())
        assert abs(z_of_share(share, expected, 2000)) < Z_LIMIT


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:B0 = .* is far from the usual:vcohort.VcohortWarning")
def test_splitting_a_run_at_its_treatments_changes_nothing(run, figures):
    """Stop before each treatment, do it by hand, go on as a new cohort."""
    # So few CAR T cells that no tumour becomes small: a new cohort's are whole numbers of cells.
    cohort = figures(0.05, K_C=vc.units.t_cells(105.0)).sample(50, seed=1)
    options = {"dtype": "float64", "tolerance": 1e-8}
    whole = run(cohort, "deterministic", regimen=SECOND, save_at=DAYS, **options)
    first = run(cohort, "deterministic", save_at=[58.5], **options)
    states = {f"{name}0": first[name].values[:, 0] for name in "NCB"}
    states["N0"], states["C0"] = states["N0"] * 0.02, states["C0"] * 0.4
    second = run(cohort.replace(**states), "deterministic", save_at=[1.5], **options)
    states = {f"{name}0": second[name].values[:, 0] for name in "NCB"}
    states["C0"] = states["C0"] + 3e8
    later = DAYS[DAYS > 60.0]
    third = run(cohort.replace(**states), "deterministic", save_at=later - 60.0, **options)
    rounded = {"N": 0.0, "C": 0.0, "B": 2.0 / states["B0"][:, None]}
    for state in "NCB":
        through = whole[state].sel(time=later).values
        assert (np.abs(np.log(through / third[state].values)) < 1e-6 + rounded[state]).all()


def reference(patient, horizon_days):
    """Return ln N, ln C, ln B of one patient under SECOND, by scipy."""

    def slopes(_, state):
        n, c = np.exp(state[:2])
        p, t = patient, n + c
        r_c = p["rho_C"] + p["b"] * (t - p["K_N"]) ** 2 / (p["a"] * t**2 + (t - p["K_N"]) ** 2)
        return [
            -p["r_N"] * np.log(t / p["K_N"]),
            -r_c * np.log(t / p["K_C"]),
            p["r_B"] - p["gamma_B"] * c / (p["k_B"] + c),
        ]

    state = np.log([patient["N0"], patient["C0"], patient["B0"]])
    found, day = [], 0.0
    for end in (58.5, 60.0, horizon_days[-1]):
        inside = horizon_days[(horizon_days > day) & (horizon_days <= end)]
        asked = np.unique(np.append(inside, end))
        path = solve_ivp(slopes, (day, end), state, "DOP853", asked, rtol=1e-10, atol=1e-10).y
        found.append(path[:, np.isin(asked, inside)])
        state, day = path[:, -1].copy(), end
        if end == 58.5:
            state[:2] += np.log([0.02, 0.4])
        else:
            state[1] = np.log(np.exp(state[1]) + 3e8)
    return np.concatenate(found, axis=1)


@pytest.mark.parametrize("own_days", [False, True])
def test_paths_against_scipy(own_days, run, figures):
    """The state saved on the day of a treatment is the one before it."""
    cohort = figures(0.1).sample(12, seed=3)
    regimen = SECOND
    if own_days:
        infusion, depletion = SECOND.treatments
        regimen = vc.Regimen(
            vc.Infusion(np.full(12, infusion.day), infusion.cells),
            vc.Lymphodepletion(np.full(12, depletion.day), depletion.survival),
        )
    ds = run(cohort, "deterministic", regimen=regimen, save_at=DAYS, horizon=300.0)
    assert ds.attrs["error_estimate"] <= 1e-3
    for index in range(12):
        patient = {name: float(value[index]) for name, value in cohort.values.items()}
        truth = reference(patient, DAYS)
        found = np.log([ds[state].values[index] for state in "NCB"])
        assert np.abs(found - truth).max() < 1e-3


# K_C in cells/ul, and treatments whose success is in doubt: before, in and after the nadir.
CASES = [
    (139.0, vc.Regimen(vc.Infusion(30.0), vc.Lymphodepletion(35.0, 0.99))),
    (112.5, vc.Regimen(vc.Infusion(60.0), vc.Lymphodepletion(60.0, 0.01))),
    (138.0, vc.Regimen(vc.Infusion(60.0), vc.Lymphodepletion(58.0, (0.1, 1.0)))),
    (128.5, vc.Regimen(vc.Infusion(290.0), vc.Lymphodepletion(290.0, 0.01))),
]


# One case a run of the suite; all of them among the slow tests.
@pytest.mark.parametrize(
    ("K_C", "regimen"),
    [pytest.param(*case, marks=pytest.mark.slow if index else [], id=str(case))
     for index, case in enumerate(CASES)],
)  # fmt: skip
def test_the_methods_agree_after_a_second_infusion(K_C, regimen, run, figures):
    patients = 6000
    cohort = figures(K_C=vc.units.t_cells(K_C)).sample(patients, seed=1)
    expected = float(vc.cure_probability(cohort, regimen=regimen)[0])
    assert 0.05 < expected < 0.95
    found = {
        "exact": run(cohort, "exact", regimen=regimen, seed=1),
        "hybrid": run(cohort, "hybrid", regimen=regimen, seed=2, threshold=1000.0),
        "gillespie": run(cohort, "gillespie", regimen=regimen, seed=3, threshold=300.0),
    }
    days = {
        method: [ds["event_time"].values[ds["outcome"] == event] for event in (1, 2)]
        for method, ds in found.items()
    }
    for method, (cures, _) in days.items():
        assert abs(z_of_share(cures.size / patients, expected, patients)) < Z_LIMIT, method
    for method in ("hybrid", "gillespie"):
        for ours, theirs in zip(days["exact"], days[method], strict=True):
            assert stats.ks_2samp(ours, theirs).pvalue > P_LIMIT, method


def test_progression_before_a_late_infusion_comes_first(run, figures):
    """Every patient progresses by chance at another day, though the second infusion cures."""
    cohort = figures(K_C=vc.units.t_cells(139.0)).sample(3000, seed=1)
    late = vc.Regimen(vc.Infusion(600.0), vc.Lymphodepletion(600.0, 0.001))
    assert float(vc.cure_probability(cohort, regimen=late)[0]) > 0.99
    plain, treated = (run(cohort, "exact", regimen=each) for each in (None, late))
    assert float((treated["outcome"] == 2).mean()) > 0.5
    days = [ds["event_time"].values[ds["outcome"] == 2] for ds in (plain, treated)]
    assert stats.ks_2samp(*days, method="asymp").pvalue > P_LIMIT


def test_each_patient_has_its_own_schedule(run, figures):
    """As if each had been run alone under it."""
    cohort = figures(0.05).sample(3, seed=5)
    days, cells, left = [30.0, 90.0, np.inf], [1e8, 5e8, 0.0], [0.1, 1.0, 0.5]
    together = vc.Regimen(
        vc.Infusion(np.array(days), np.array(cells)), vc.Lymphodepletion(80.0, np.array(left))
    )
    ds = run(cohort, "deterministic", regimen=together, save_at=DAYS, horizon=400.0)
    for index in range(3):
        alone = vc.Regimen(
            vc.Infusion(days[index], cells[index]), vc.Lymphodepletion(80.0, left[index])
        )
        one = cohort.select([index])
        expected = run(one, "deterministic", regimen=alone, save_at=DAYS, horizon=400.0)
        for state in "NCB":
            ratio = ds[state].values[index] / expected[state].values[0]
            assert np.abs(np.log(ratio)).max() < 2e-3
    assert np.array_equal(ds["infusion_1_day"], days)
    assert ds["infusion_1_cells"].attrs["units"] == "cells"
    assert "one of 3" in ds.attrs["regimen"]


def test_nothing_is_left_of_a_population_but_one_cell(run, figures):
    ds = run(
        figures().sample(2, seed=1), "deterministic", save_at=[50.001], horizon=60.0,
        regimen=vc.Regimen(vc.Lymphodepletion(50.0, (1.0, 0.0)), vc.Infusion(50.0, 0.0)),
    )  # fmt: skip
    assert ds["C"].values == pytest.approx(1.0, rel=0.01)
    assert ds["N"].values == pytest.approx(2.4e11, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["hybrid", "exact"])
def test_a_sweep_of_days_and_doses(method, run, figures, no_programs):
    """It compiles nothing new; blocks change no bit; what never comes is nothing."""
    cohort = figures(0.05).sample(500, seed=1)

    def at(days, cells, survival, **options):
        regimen = vc.Regimen(vc.Infusion(days, cells), vc.Lymphodepletion(days, survival))
        return run(cohort, method, regimen=regimen, block=256, tolerance=0.02, **options)

    own = np.linspace(0.5, 1.0, 500)
    at(50.0 * own, 1e8, 0.1)
    execute = compiled_for("cpu", None)
    compiled = execute._cache_size()
    swept = at(64.0 * own, 2e8, 0.5)
    assert execute._cache_size() == compiled
    regimen = vc.Regimen(vc.Infusion(64.0 * own, 2e8), vc.Lymphodepletion(64.0 * own, 0.5))
    assert same(swept, run(cohort, method, regimen=regimen, tolerance=0.02))
    never = at(np.full(500, np.inf), 2e8, 0.5)
    assert np.array_equal(never["outcome"], run(cohort, method, tolerance=0.02)["outcome"])


def test_another_shared_day_or_tolerance_compiles_nothing_new(run, figures, no_programs):
    cohort = figures(0.05).sample(200, seed=1)
    execute, compiled, steps = compiled_for("cpu", None), [], set()
    for day, survival, tolerance in ((50.0, 0.1, 0.02), (64.0, 0.5, 0.02), (41.0, 0.2, 1e-3)):
        regimen = vc.Regimen(vc.Infusion(day, 2e8), vc.Lymphodepletion(day, survival))
        ds = run(cohort, "deterministic", regimen=regimen, tolerance=tolerance)
        steps.add(ds.attrs["time_grid"].size - 1)
        compiled.append(execute._cache_size())
    assert len(steps) > 1
    assert len(set(compiled)) == 1


def test_gradients_of_the_cure_probability_to_the_regimen(figures):
    cohort = figures(K_C=vc.units.t_cells(113.0)).sample(1)
    start = {"day": 60.0, "cells": 1.8e8, "survival": 0.01}
    steps = {"day": 0.05, "cells": 1e6, "survival": 1e-4}

    @jax.jit
    @jax.value_and_grad
    def probability(values):
        regimen = vc.Regimen(
            vc.Infusion(values["day"], values["cells"]),
            vc.Lymphodepletion(values["day"], values["survival"]),
        )
        return vc.cure_probability(cohort, regimen=regimen).mean()

    with jax.enable_x64(True):
        _, slopes = probability(start)
        for field, step in steps.items():
            above, below = (
                float(probability(start | {field: start[field] + sign * step})[0])
                for sign in (1, -1)
            )
            slope = float(slopes[field])
            assert slope == pytest.approx((above - below) / (2 * step), rel=2e-3), field
            assert slope != 0.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vc.Infusion(-1.0), r"Infusion\(day=-1\) is impossible: it must be at least 0"),
        (lambda: vc.Infusion(float("nan")), "day=nan"),
        (lambda: vc.Infusion("soon"), "must be a number"),
        (lambda: vc.Infusion(10.0, -1e8), r"Infusion\(cells=-1e\+08\) is impossible"),
        (lambda: vc.Lymphodepletion(10.0, 1.5), "survival=1.5.* between 0 and 1"),
        (lambda: vc.Lymphodepletion(10.0, -0.1), "survival=-0.1"),
        (lambda: vc.Lymphodepletion(10.0, (0.1, 0.2, 0.3)), "give one fraction, or two"),
        (lambda: vc.Regimen(60.0), "60.0 is no treatment"),
        (lambda: vc.Regimen(vc.Infusion(60.0), vc.Infusion(60.0)), "two of Infusion on day 60"),
        (
            lambda: vc.Regimen(vc.Infusion(np.array([30.0, 60.0])), vc.Infusion(60.0)),
            "two of Infusion on day 60",
        ),
    ],
)
def test_bad_schedules(make, message):
    with pytest.raises(vc.VcohortError, match=message):
        make()


@pytest.mark.parametrize(
    ("regimen", "message"),
    [
        (vc.Regimen(vc.Infusion(3000.0)), "infusion_1_day = 3000 is past the horizon of 2000"),
        (vc.Regimen(vc.Infusion(np.ones(3))), r"shape \(3,\), the cohort 2 patients"),
        (vc.Regimen(vc.Infusion(0.0, 0.0)), "C0 = 0 is impossible"),
        (vc.Infusion(100.0), "is no regimen. Try"),
    ],
)
def test_schedules_that_do_not_fit(regimen, message, run, figures):
    with pytest.raises(vc.VcohortError, match=message):
        run(figures().sample(2), "hybrid", regimen=regimen)


def test_rows_of_nonmem(tmp_path):
    rows = {"TIME": [0, 7, 100], "AMT": [1.8e8, 0, 2e8], "EVID": [1, 0, 1]}
    rows |= {"II": [0, 0, 30], "ADDL": [0, 0, 2]}
    days = [each.day for each in vc.Regimen.from_nonmem(rows).treatments]
    assert days == [0.0, 100.0, 130.0, 160.0]
    path = tmp_path / "doses.csv"
    path.write_text("ID,TIME,DV,AMT\n4,0,.,1e8\n4,9,2.5,.\n9,0,.,2e8\n9,50,.,3e8\n")
    first, second = vc.Regimen.from_nonmem(path).treatments
    assert np.array_equal(first.cells, [1e8, 2e8])
    assert np.array_equal(second.day, [np.inf, 50.0]) and np.array_equal(second.cells, [0, 3e8])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"TIME": [0]}, "no AMT"),
        ({"TIME": [5], "AMT": [1e8]}, "at TIME 5: it must be at TIME 0"),
        ({"TIME": [0], "AMT": [0]}, "missing: it must be at TIME 0"),
        ({"TIME": [0], "AMT": [1e8], "EVID": [4]}, "EVID = 4 is not known"),
        ({"TIME": [0], "AMT": [1e8], "ADDL": [2]}, "needs II"),
        ({"TIME": ["x"], "AMT": [1e8]}, "TIME holds text"),
        ({"TIME": [0, 1], "AMT": [1e8]}, "one length"),
        ("nowhere.csv", "There is no file nowhere.csv"),
        (12, "is a CSV file's path"),
    ],
)
def test_rows_that_are_no_schedule(rows, message):
    with pytest.raises(vc.VcohortError, match=message):
        vc.Regimen.from_nonmem(rows)
