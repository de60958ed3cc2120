"""A seed decides all that is random, whatever its value and type; a patient's number too."""

import warnings

import jax
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import vcohort as vc
from vcohort.engine.chance.birth_death import Lineage, draw
from vcohort.populations.designs import DESIGNS, uniforms
from vcohort.sweeps import api

LARGEST = 2**64 - 1
VARIED = vc.Population("kimmel2021-figures", 0.05)
FEW = [vc.Outcome()]
CURVE = xr.DataArray([1.0, 0.6, 0.5], dims="day", coords={"day": [0.0, 100.0, 200.0]})
DATA = pd.DataFrame(
    {"day": [0.0, 7.0, 14.0, 28.0], "observable": "C", "value": [1.8e8, 1e10, 3e10, 2e10]}
)


def product(cohort):
    return cohort["K_C"] * cohort["r_B"] + cohort["gamma_B"]


def lineage():
    return Lineage(np.float32(0.3), np.float32(-1.0))


SEEDED = {
    "sample": lambda seed: VARIED.sample(4, seed)["K_C"],
    "sobol sample": lambda seed: VARIED.sample(4, seed, design="sobol")["K_C"],
    "latin sample": lambda seed: VARIED.sample(4, seed, design="latin-hypercube")["K_C"],
    "simulate": lambda seed: vc.simulate(
        VARIED.sample(64, 1), "exact", seed=seed, endpoints=FEW, progress=False
    )["event_time"].values,
    "sweep": lambda seed: vc.sweep(
        VARIED, {"K_C": (6e10, 8e10)}, 4, layout="sobol", cells=2, seed=seed, endpoints=FEW,
        progress=False,
    )["K_C"].values,
    "sobol": lambda seed: vc.sobol_indices(VARIED, {"y": product}, 16, seed=seed)[
        ["first", "first_interval", "total_interval"]
    ].to_array().values,
    "morris": lambda seed: vc.morris(VARIED, {"y": product}, 8, seed=seed)[
        ["mu_star", "mu_star_interval"]
    ].to_array().values,
    "map": lambda seed: vc.sensitivity_map(
        VARIED, {"K_C": [7e10], "r_B": [0.1]}, 4, seed=seed, progress=False
    )["cure_probability"].values,
    "birth-death": lambda seed: np.asarray(draw(seed, np.full(64, 50.0), lineage())),
}  # fmt: skip

SLOWER = {
    "calibrate": lambda seed: vc.calibrate(
        VARIED, CURVE, ["r_B"], days=[50.0, 150.0], n=16, starts=2, seed=seed, progress=False
    )["fresh"].values,
    "fit": lambda seed: vc.fit(
        DATA, ["K_C"], starts=3, seed=seed, progress=False
    )["start_estimate"].values,
    "posterior": lambda seed: vc.posterior(
        DATA, ["K_C"], chains=1, warmup=30, draws=30, seed=seed, progress=False
    )["posterior"]["K_C"].values,
}  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**63 + 5, LARGEST])
@pytest.mark.parametrize("name", SEEDED)
def test_the_same_seed_gives_the_same_numbers(name, seed):
    np.random.seed(1)  # Whoever draws from numpy's global numbers is found out.
    one = SEEDED[name](seed)
    np.random.seed(2)
    np.testing.assert_array_equal(one, SEEDED[name](seed))


@pytest.mark.parametrize("name", SEEDED)
def test_seeds_that_differ_in_any_bit_give_other_numbers(name):
    found = [SEEDED[name](seed).tobytes() for seed in (0, 1, 2**32, 2**63, LARGEST)]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint32, np.int64, np.uint64])
@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_of_any_whole_kind_is_the_same(name, kind):
    np.testing.assert_array_equal(SEEDED[name](kind(7)), SEEDED[name](7))


BAD = [True, np.True_, 1.0, np.float64(2.0), -1, 2**64, "1", [1]]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", [*SEEDED, *SLOWER])
def test_what_is_no_seed_is_refused(name, bad):
    with pytest.raises(
        vc.VcohortError, match=r"seed = .* is impossible: it must be a whole number"
    ):
        {**SEEDED, **SLOWER}[name](bad)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOWER)
def test_fits_take_the_largest_seed(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", vc.VcohortWarning)
        largest, zero = (SLOWER[name](seed) for seed in (LARGEST, 0))
        np.testing.assert_array_equal(largest, SLOWER[name](np.uint64(LARGEST)))
    assert np.isfinite(largest).all() and not np.array_equal(largest, zero)


def one_fate(first, patients=4000):
    """Copies of one patient, numbered from ``first``."""
    cohort = VARIED.sample(8, 1)
    p = np.asarray(vc.cure_probability(cohort))
    index = int(np.argmin(np.abs(p - 0.5)))
    copies = cohort.select(np.full(patients, index))
    number = np.arange(patients, dtype=np.int64) + first
    return vc.Cohort(copies.values, number, copies.model), float(p[index])


@pytest.mark.parametrize("first", [0, 2**31 - 1000, 2**32 - 1000, 2**40, 2**62])
def test_patients_of_any_number_have_their_own_chance(first):
    cohort, p = one_fate(first)
    ds = vc.simulate(cohort, "exact", endpoints=FEW, progress=False)
    share = float((ds["outcome"] == 1).mean())
    assert abs(share - p) < 4.5 * np.sqrt(p * (1 - p) / len(cohort)) + 1e-3
    assert np.unique(ds["event_time"]).size > 3000


def test_numbers_2_to_the_32_apart_are_other_patients():
    days = [
        vc.simulate(one_fate(first)[0], "exact", endpoints=FEW, progress=False)["event_time"].values
        for first in (0, 2**32, 2**33)
    ]
    assert (days[0] != days[1]).mean() > 0.9 and (days[1] != days[2]).mean() > 0.9


@pytest.mark.parametrize("method", ["exact", "hybrid"])
def test_who_shares_a_number_is_told_of_and_can_be_renumbered(method):
    cohort = VARIED.sample(8, seed=1)
    again = cohort.select(np.random.default_rng(1).integers(0, 8, 40))
    with pytest.warns(vc.VcohortWarning, match=r"of 40 patients have the number.*renumbered"):
        vc.simulate(again, method, endpoints=FEW, progress=False)
    renumbered = again.renumbered()
    assert renumbered.patient.tolist() == list(range(40))
    np.testing.assert_array_equal(renumbered["K_C"], again["K_C"])
    vc.simulate(renumbered, method, endpoints=FEW, progress=False)


@pytest.mark.parametrize(
    "number", [[0.5, 1.0], [-1, 0], [np.nan, 1.0], [True, False], ["a", "b"], [0, 1, 2]]
)
def test_what_is_no_number_of_a_patient_is_refused(number):
    cohort = VARIED.sample(2)
    odd = vc.Cohort(cohort.values, np.array(number), cohort.model)
    with pytest.raises(vc.VcohortError, match="number"):
        vc.simulate(odd, "exact", endpoints=FEW, progress=False)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(("first", "count"), [(0, 5), (3, 7), (13, 19), (31, 1)])
def test_parts_of_a_design_are_parts_of_it(design, first, count):
    whole = uniforms(design, 5, first=0, count=32, columns=3, total=32)
    part = uniforms(design, 5, first=first, count=count, columns=3, total=32)
    np.testing.assert_array_equal(part, whole[first : first + count])
    if design == "latin-hypercube":
        with pytest.raises(vc.VcohortError, match="Latin hypercube of 32 patients has none"):
            uniforms(design, 5, first=first, count=33, columns=3, total=32)


# SciPy counts its way to a point: that takes seconds for each 2^30 of them.
FAR = [2**20 + 7, *(pytest.param(at, marks=pytest.mark.slow) for at in (2**31 - 1, 2**32 - 3))]


@pytest.mark.parametrize("first", FAR)
def test_far_points_of_a_sobol_design_do_not_depend_on_where_it_is_cut(first):
    pair = uniforms("sobol", 3, first=first, count=2, columns=12, total=2)
    last = uniforms("sobol", 3, first=first + 1, count=1, columns=12, total=1)
    np.testing.assert_array_equal(pair[1:], last)
    with pytest.raises(vc.VcohortError, match=r"2\^32 points"):
        uniforms("sobol", 3, first=2**32 - 1, count=2, columns=12, total=2)


@pytest.mark.parametrize("cells", [3, 5, 12])
@pytest.mark.parametrize("layout", ["sobol", "latin-hypercube"])
def test_a_design_of_cells_holds_its_own_points(cells, layout):
    plan = api.plan_of(VARIED, {"K_C": (6e10, 8e10)}, 2, layout=layout, cells=cells, seed=2**63)
    points = uniforms(layout, 2**63, first=0, count=cells, columns=1, total=cells)
    expected = 6e10 + 2e10 * points[:, 0]
    np.testing.assert_allclose(plan.layout.columns["K_C"][1], expected, rtol=1e-14)


def test_jax_is_given_every_bit_of_a_seed():
    """What the posterior's sampler starts from: 64 bits as a number with a sign."""
    with jax.enable_x64(True):
        keys = {
            jax.random.key_data(jax.random.key(np.uint64(seed).astype(np.int64))).tobytes()
            for seed in (0, 1, 2**32, 2**63, 2**63 + 5, LARGEST)
        }
    assert len(keys) == 6
