"""Progression as a trial sees it: against saved states, scipy, and in distribution."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import vcohort as vc
from tests.conftest import Z_LIMIT

VISITS = (28.0, 91.0, 182.0, 273.0, 365.0)
DENSE = np.arange(0.0, 400.1, 0.5)

# Of both kinds: they grow at first and respond then, or relapse.
MIXED = {"r_B": vc.LogNormal(0.25, 0.7), "gamma_B": vc.LogNormal(1.3, 0.4)}


def by_hand(ds, visits, level=1.2):
    """Return outcome and day of the first event, from the states saved on the visits."""
    tumour = ds["B"].sel(time=list(visits)).values
    stands = tumour >= level * ds["B0"].values[:, None] * (1 - 1e-6)
    seen, dead = stands.any(axis=1), (tumour == 0).any(axis=1)
    first = np.asarray(visits)[stands.argmax(axis=1)]
    return np.where(seen, 2, np.where(dead, 1, 0)), np.where(seen, first, np.nan)


@pytest.mark.parametrize("method", ["deterministic", "hybrid", "gillespie"])
def test_progression_is_seen_by_the_size_on_the_visits(method):
    """Patient by patient, as the saved tumours say; cured on the day of the last cell."""
    cohort = vc.Population("kimmel2021-figures", 0.1, **MIXED).sample(400, seed=3)
    ds = vc.simulate(cohort, method, 400.0, save_at=VISITS, progress=False,
                     endpoints=[vc.ProgressionAtVisits(VISITS)])  # fmt: skip
    outcome, day = by_hand(ds, VISITS)
    # Who dies out after the last visit, or is seen before, is told by the endpoint alone.
    known = (outcome > 0) | (ds["event_time"].values <= VISITS[-1])
    np.testing.assert_array_equal(ds["seen_outcome"].values[known], outcome[known])
    progressed = outcome == 2
    np.testing.assert_array_equal(ds["seen_time"].values[progressed], day[progressed])
    alone = (outcome == 1) & (ds["outcome"].values == 1)
    np.testing.assert_allclose(
        ds["seen_time"].values[alone], ds["event_time"].values[alone], rtol=1e-6
    )
    undecided = ds["seen_outcome"].values == 0
    assert (ds["seen_time"].values[undecided] == 400.0).all()
    # Growth that is gone at the first visit has not been seen there.
    grown = (ds["outcome"].values == 2) & (ds["event_time"].values < VISITS[0])
    assert (grown & (ds["seen_time"].values > VISITS[0])).sum() > 20
    assert progressed.sum() > 50


def test_it_has_been_there_since_the_tumour_last_rose_to_its_size():
    cohort = vc.Population("kimmel2021-figures", 0.1, **MIXED).sample(300, seed=5)
    ds = vc.simulate(cohort, "deterministic", 400.0, save_at=DENSE, progress=False,
                     endpoints=[vc.ProgressionAtVisits(VISITS)])  # fmt: skip
    progressed = ds["seen_outcome"].values == 2
    assert progressed.sum() > 50
    for patient in np.flatnonzero(progressed):
        until = ds["seen_time"].values[patient] >= DENSE
        below = ds["B"].values[patient, until] < 1.2 * float(ds["B0"][patient])
        last = DENSE[until][below][-1]
        assert last - 0.02 <= float(ds["seen_since"][patient]) <= last + 0.52
    same = ds["seen_since"].values[~progressed] == ds["seen_time"].values[~progressed]
    assert same.all()


def test_against_an_independent_integrator():
    """Of a tumour that doubles before the CAR T cells are many, and dies then; DOP853."""
    values = vc.presets()["kimmel2021-figures"].values
    cohort = vc.Cohort.from_values("kimmel2021-figures", r_B=[0.05, 0.3, 0.45], gamma_B=1.15)
    ds = vc.simulate(cohort, "deterministic", 400.0, progress=False,
                     endpoints=[vc.ProgressionAtVisits(VISITS)])  # fmt: skip

    def slopes(_, logs, r_B):
        n, c, total = *logs[:2], np.logaddexp(*logs[:2])
        p, free = values, (np.exp(total) - values["K_N"]) ** 2
        drive = p["rho_C"] + p["b"] * free / (p["a"] * np.exp(2 * total) + free)
        kill = p["gamma_B"] / (1 + p["k_B"] * np.exp(-c))
        return [-p["r_N"] * (total - np.log(p["K_N"])) + 0 * n,
                -drive * (total - np.log(p["K_C"])), r_B - kill]  # fmt: skip

    first = np.log([values["N0"], values["C0"], values["B0"]])
    for patient, r_B in enumerate([0.05, 0.3, 0.45]):
        path = solve_ivp(slopes, (0, 400), first, "DOP853", VISITS, args=(r_B,), rtol=1e-9)
        stands = path.y[2] >= first[2] + np.log(1.2)
        wanted = VISITS[stands.argmax()] if stands.any() else 400.0
        assert float(ds["seen_time"][patient]) == wanted
        early = solve_ivp(slopes, (0, 5), first, "DOP853", args=(r_B,), rtol=1e-9).y[2].max()
        assert (early > first[2] + np.log(1.2)) == (r_B > 0.4)


@pytest.mark.parametrize("treated", [False, True])
def test_exact_and_hybrid_see_the_same_in_distribution(treated):
    regimen = vc.Regimen(vc.Infusion(60.0), vc.Lymphodepletion(60.0, 0.1)) if treated else None
    population = vc.Population("kimmel2021-figures", 0.1, **MIXED)
    endpoints = [vc.ProgressionAtVisits(VISITS), vc.BestResponse(182.0, visits=VISITS)]
    counts = []
    for seed, method in ((1, "exact"), (2, "hybrid")):
        cohort = population.sample(8000, seed)
        ds = vc.simulate(cohort, method, 365.0, regimen=regimen, endpoints=endpoints,
                         progress=False)  # fmt: skip
        seen = vc.seen_at_visits(ds)
        counts.append([
            *((seen["outcome"] == 2) & (seen["event_time"] == day) for day in VISITS),
            seen["outcome"] == 1, *(ds["best_response"] == flag for flag in range(4)),
        ])  # fmt: skip
    first, second = np.mean(counts, axis=2)
    share = (first + second) / 2
    error = np.sqrt(share * (1 - share) / 4000) + 1e-9
    assert (np.abs(first - second) < Z_LIMIT * error).all()


def test_best_responses_are_those_of_the_visits():
    visits = (28.0, 91.0, 150.0)
    best = vc.BestResponse(100.0, detection_limit=1e9, visits=visits)
    cohort = vc.Population("kimmel2021-figures", 0.2, **MIXED, B0=5e10).sample(500, seed=2)
    ds = vc.simulate(cohort, "hybrid", 200.0, save_at=visits, endpoints=[best], progress=False)
    first, cells = cohort["B0"], ds["B"].values[:, :2].T
    progressed, smallest = np.zeros(500, bool), first.copy()
    for now in cells:
        progressed |= now >= 1.2 * first
        smallest = np.where(progressed, smallest, np.minimum(smallest, now))
    wanted = np.select([smallest < 1e9, smallest <= first / 2, progressed], [0, 1, 3], 2)
    assert {0, 1, 3} <= set(wanted)
    np.testing.assert_array_equal(ds["best_response"].values, wanted)


def test_a_tumour_of_few_cells_is_seen_by_its_cells():
    """12 cells are 1.2 times 10, and 11 are not."""
    with pytest.warns(vc.VcohortWarning, match="far from the usual"):
        population = vc.Population("kimmel2021-figures", B0=10.0, r_B=0.6, gamma_B=0.5)
    cohort = population.sample(500, seed=1)
    ds = vc.simulate(cohort, "gillespie", 20.0, save_at=[2.0, 20.0], progress=False,
                     endpoints=[vc.ProgressionAtVisits([2.0, 20.0])])  # fmt: skip
    cells = np.round(ds["B"].values)
    at_first = ds["seen_time"].values == 2.0
    assert {11.0, 12.0} <= set(cells[:, 0])
    np.testing.assert_array_equal((ds["seen_outcome"].values == 2) & at_first, cells[:, 0] >= 12)


def test_survival_is_estimated_of_what_was_seen():
    """A share of progressions shows when it begins."""
    cohort = vc.Population("kimmel2021-figures", 0.1, **MIXED).sample(2000, seed=6)
    ds = vc.simulate(cohort, "exact", 400.0, endpoints=[vc.ProgressionAtVisits(VISITS)],
                     progress=False)  # fmt: skip
    seen, begun = vc.seen_at_visits(ds), vc.seen_at_visits(ds, 1.0)
    progressed = seen["outcome"].values == 2
    assert set(seen["event_time"].values[progressed]) <= set(VISITS)
    assert (begun["event_time"].values <= seen["event_time"].values).all()
    some = vc.seen_at_visits(ds, 0.3, seed=1)["event_time"].values
    moves = progressed & (begun["event_time"].values < seen["event_time"].values)
    at_once = (some == begun["event_time"].values)[moves].mean()
    assert abs(at_once - 0.3) < Z_LIMIT * np.sqrt(0.21 / moves.sum())
    curve = vc.progression_free_survival(seen, VISITS).values
    np.testing.assert_allclose(
        curve, [1 - np.mean(progressed & (seen["event_time"].values <= day)) for day in VISITS]
    )


def test_nobody_is_followed_beyond_the_last_visit(tmp_path):
    """Survival is known to day 91, not to the horizon; the curve until then is as by hand."""
    cohort = vc.Population("kimmel2021-figures", 0.1, **MIXED).sample(200, seed=6)
    look = vc.ProgressionAtVisits([91.0])
    ds = vc.simulate(cohort, "exact", 400.0, endpoints=[look], progress=False)
    vc.save(ds, tmp_path / "seen.nc")
    for each in (ds, vc.load(tmp_path / "seen.nc")):
        seen = vc.seen_at_visits(each)
        assert (seen["followed_until"] == 91.0).all() and (seen["event_time"] <= 91.0).all()
        free = float((ds["seen_outcome"] != 2).mean())
        assert float(vc.progression_free_survival(seen, [91.0])[0]) == pytest.approx(free)
        with pytest.raises(vc.VcohortError, match="91"):
            vc.progression_free_survival(seen, [180.0])
    later = ds["seen_time"].values > 91.0
    assert later.any() and (seen["outcome"].values[later] == 0).all()
    del ds["seen_time"].attrs["visits"]
    with pytest.raises(vc.VcohortError, match="on which days"):
        vc.seen_at_visits(ds)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: vc.ProgressionAtVisits([]), "visits must be days that increase"),
        (lambda: vc.ProgressionAtVisits([30.0, 20.0]), "visits must be days that increase"),
        (lambda: vc.ProgressionAtVisits([0.0, 30.0]), "visits must be days that increase"),
        (lambda: vc.ProgressionAtVisits([30.0, np.nan]), "visits must be days that increase"),
        (lambda: vc.ProgressionAtVisits("30"), "visits = '30' is impossible"),
        (lambda: vc.BestResponse(20.0, visits=[28.0]), "nobody is seen by then"),
        (lambda: vc.BestResponse(60.0, visits=[28.0, 28.0]), "visits must be days that increase"),
        (lambda: vc.Run(horizon=100, endpoints=[vc.ProgressionAtVisits([200.0])]), "horizon"),
    ],
)
def test_bad_visits(make, match):
    with pytest.raises(vc.VcohortError, match=match):
        make()


def test_what_saw_no_visits_is_refused(figures):
    ds = vc.simulate(figures(0.1).sample(5), "exact", 30.0, progress=False)
    with pytest.raises(vc.VcohortError, match="ProgressionAtVisits"):
        vc.seen_at_visits(ds)
    ds = vc.simulate(figures(0.1).sample(5), "exact", 30.0, progress=False,
                     endpoints=[vc.ProgressionAtVisits([28.0])])  # fmt: skip
    with pytest.raises(vc.VcohortError, match="unscheduled = 2"):
        vc.seen_at_visits(ds, 2.0)
