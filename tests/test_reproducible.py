"""The same seed gives the same bits, however the work is cut and whatever runs it."""

import hashlib

import numpy as np
import pytest

import vcohort as vc
from vcohort.engine.execution.executor import compiled_for


def digest(ds):
    """Return a hash of every bit of every variable."""
    names = sorted(str(name) for name in ds.variables)
    content = b"".join(np.ascontiguousarray(ds[name].values).tobytes() for name in names)
    return hashlib.sha256(content).hexdigest()


OTHERS = ("hybrid", "gillespie")


@pytest.fixture(scope="module")
def cohort():
    return vc.Population("kimmel2021-figures", 0.05).sample(9000, seed=4)


@pytest.mark.parametrize(
    "method", ["exact", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
)
def test_any_block_size_gives_the_same_bits(method, cohort):
    some = cohort if method != "gillespie" else cohort.select(slice(0, 1500))
    options = {"seed": 2, "endpoints": [vc.Nadir(), vc.Kinetics()]}
    whole = digest(vc.simulate(some, method, **options))
    for block in (256, 16384):
        assert digest(vc.simulate(some, method, block=block, **options)) == whole


@pytest.mark.slow
def test_a_part_of_a_cohort_runs_as_in_the_whole(cohort):
    """On the same grid: it is chosen for the cohort, so both get one that suits both."""
    whole = vc.simulate(cohort, "hybrid", seed=2, tolerance=1.0)
    part = vc.simulate(cohort.select(slice(5000, 5100)), "hybrid", seed=2, tolerance=1.0)
    assert whole.attrs["time_grid"].size == part.attrs["time_grid"].size
    for name in ("outcome", "event_time", "nadir", "C_max"):
        assert np.array_equal(whole[name][5000:5100], part[name])


DAYS = (30.0, 60.0, 90.0, 180.0, 365.0, 720.0)
PATIENTS, PLACES = 37, 128
OWN_DAYS = np.tile(np.linspace(80.0, 120.0, PATIENTS), PLACES)
CASES = {
    "exact": lambda each, dtype: vc.simulate(each, "exact", dtype=dtype),
    "hybrid": lambda each, dtype: vc.simulate(each, "hybrid", dtype=dtype),
    "hybrid, saved": lambda each, dtype: vc.simulate(
        each, "hybrid", 400.0, save_at=[1.0, 30.0, 365.0], dtype=dtype
    ),
    "deterministic, treated": lambda each, dtype: vc.simulate(
        each, "deterministic", dtype=dtype, endpoints=[vc.Nadir()],
        regimen=vc.Regimen(vc.Infusion(OWN_DAYS), vc.Lymphodepletion(OWN_DAYS, 0.01)),
    ),
    "cure": lambda each, dtype: vc.cure_probability(each, dtype=dtype),
    "survival": lambda each, dtype: vc.progression_free_probability(each, DAYS, dtype=dtype),
    "survival, treated": lambda each, dtype: vc.progression_free_probability(
        each, DAYS, dtype=dtype, regimen=vc.Regimen(vc.Infusion(OWN_DAYS))
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.* have the number of another one")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_a_patient_s_place_is_not_seen(case, dtype):
    """Patients of one number share all chance: side by side at every place they are the same.

    A compiler may compute the last of a loop's patients one by one, and round otherwise.
    """
    few = vc.Population("kimmel2021-figures", 0.05).sample(PATIENTS, seed=3)
    found = CASES[case](few.select(np.tile(np.arange(PATIENTS), PLACES)), dtype)
    parts = found.data_vars.values() if hasattr(found, "data_vars") else [found]
    for part in map(np.asarray, parts):
        each = part.reshape(PLACES, PATIENTS, *part.shape[1:])
        np.testing.assert_array_equal(each, np.broadcast_to(each[:1], each.shape))


@pytest.mark.parametrize("method", ["exact", "hybrid"])
def test_the_order_of_patients_with_days_of_their_own_is_not_seen(method):
    """Within a block they are put side by side by their days: results are each one's own."""
    random = np.random.default_rng(6)
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(700, seed=3)
    days, cells = random.uniform(20.0, 300.0, 700), random.uniform(1e7, 1e9, 700)
    days[::7] = np.inf

    def simulated(rows):
        regimen = vc.Regimen(
            vc.Lymphodepletion(15.0, 0.1), vc.Infusion(days[rows], cells[rows])
        )  # fmt: skip
        # A grid that suits all, whoever is looked at to choose it.
        return vc.simulate(cohort.select(rows), method, 500.0, regimen=regimen, tolerance=1.0,
                           endpoints=[vc.Outcome(), vc.Nadir(), vc.Kinetics()])  # fmt: skip

    order = random.permutation(700)
    as_given, shuffled = simulated(np.arange(700)), simulated(order)
    assert as_given.attrs["time_grid"].size == shuffled.attrs["time_grid"].size
    np.testing.assert_array_equal(as_given["infusion_1_day"], days)
    for name in ("outcome", "event_time", "nadir", "C_max", "infusion_1_cells"):
        np.testing.assert_array_equal(as_given[name].values[order], shuffled[name].values)


def test_seeds_and_patients_draw_on_their_own(run, figures):
    same = figures().sample(2000, seed=1)
    days = [run(same, "exact", seed=seed)["event_time"].values for seed in (1, 2)]
    assert not np.array_equal(*days)
    assert np.unique(days[0]).size > 1900


@pytest.mark.parametrize("method", ["hybrid", "exact"])
def test_nothing_is_compiled_twice(method, run, figures, no_programs):
    """Another number of patients or steps, seed, value, threshold or horizon: the same program."""
    first = run(figures(0.05).sample(1000, seed=1), method, tolerance=0.02)
    execute = compiled_for("cpu", None)
    compiled = execute._cache_size()
    other = run(figures(0.05, r_B=0.07).sample(5000, seed=2), method, seed=5, threshold=50.0,
                progression=1.3, horizon=1990.0, tolerance=4e-4)  # fmt: skip
    assert execute._cache_size() == compiled
    assert other.attrs["time_grid"].size > first.attrs["time_grid"].size
