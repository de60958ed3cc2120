"""What a treatment finds and leaves of a tumour, by method exact: the end of a course.

The number of cells there is compared with numpy's own binomial and negative binomial numbers; and
treatments that change nothing must change nothing.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import vcohort as vc
from tests.conftest import P_LIMIT, Z_LIMIT, z_of_share
from vcohort.engine.chance.random import fold, seed_key
from vcohort.engine.methods import regrowth

DRAWS = 200_000

# Cells at the start, the chance of each to have descendants, and the chance of those to be one.
ENDS = [
    (1, 0.3, 0.5),
    (5, 0.9, 0.99),
    (100, 0.01, 0.3),
    (4000, 0.1, 0.5),
    (5000, 0.1, 0.5),
    (5000, 0.21, 0.9),
    (5000, 0.2, 1e-6),
    (1e5, 0.3, 0.99),
    (1e6, 1e-6, 1e-3),
    (1e6, 1.02e-3, 0.1),
    (1e6, 1.03e-3, 0.1),
    (1e6, 1.03e-3, 1e-9),
    (1e6, 0.5, 0.6),
    (1e6, 0.999, 0.999),
    (1e9, 1e-8, 1e-12),
    (1e9, 1e-8, 1e-40),
    (1e9, 1e-6, 1e-3),
    (1e9, 1e-5, 0.5),
]


@jax.jit
def ends(keys, w, log_tumour, log_start):
    """Return, of each key, whether cells are left, ln B, and ln(B / deterministic B)."""

    def one(key):
        course = jnp.uint32(0)
        draw = regrowth.exponential(key, course, w.dtype)
        end = regrowth.end_of(w, log_tumour, log_start, draw)
        alive = end.cure_integral > draw
        law = key, course, end, alive
        return alive, regrowth.log_cells(*law), regrowth.log_factor(*law)

    return jax.vmap(one)(keys)


def drawn(dtype, cells, survives, single):
    """Return what ``ends`` does, with the deterministic ln B."""
    log_start = np.log(cells)
    log_tumour = log_start + np.log(survives) - np.log(single)
    index = jnp.arange(DRAWS, dtype=jnp.uint32)
    with jax.enable_x64(dtype == "float64"):
        keys = fold(seed_key(5, "test"), jnp.zeros_like(index), index)
        course = (1.0 / survives - 1.0) / cells, log_tumour, log_start
        found = ends(keys, *(jnp.asarray(part, dtype) for part in course))
        return *(np.asarray(part) for part in found), log_tumour


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("cells", "survives", "single"), ENDS)
def test_the_end_of_a_course_is_that_of_a_birth_death_process(cells, survives, single, dtype):
    """So many are cured as should be; the others' cells, from the same E, follow the law."""
    alive, log_cells, log_factor, log_tumour = drawn(dtype, cells, survives, single)
    right = -np.expm1(cells * np.log1p(-survives))
    assert abs(z_of_share(alive.mean(), right, DRAWS)) < Z_LIMIT

    rng = np.random.default_rng(3)
    lineages = rng.binomial(int(cells), survives, int(1.1 * DRAWS / right))
    lineages = lineages[lineages > 0]
    more = rng.gamma(lineages) * np.expm1(-np.log(single))
    expected = np.log(lineages + (rng.poisson(more) if single > 1e-9 else more))
    found = log_cells[alive].astype(float)
    counted = expected.max() < 14.0
    both = [np.round(np.exp(x)) if counted else x for x in (found, expected)]
    assert stats.ks_2samp(*both, method="asymp").pvalue > P_LIMIT

    small = found[found < 12.0]
    assert np.abs(np.exp(small) - np.round(np.exp(small))).max(initial=0.0) < 0.2, "whole numbers"
    assert found.min() >= 0.0, "of one or more"
    assert np.abs(found - log_tumour - log_factor[alive]).max() < 1e-5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("log_cells", [29.9, 60.0, 90.0, 300.0])
@pytest.mark.parametrize("log_growth", [0.0, 70.0, 300.0])
@pytest.mark.parametrize("log_odds", [-30.0, 0.0])
def test_larger_tumours_than_can_be_counted_grow_as_the_mean_does(
    log_cells, log_growth, log_odds, dtype
):
    """To the last digits of ln B: no number of cells overflows."""
    log_survival = -np.logaddexp(0.0, log_odds)
    log_tumour = log_cells + log_survival + log_growth
    with jax.enable_x64(dtype == "float64"):
        w = jnp.asarray(np.exp(max(log_odds - log_cells, -87.0)), dtype)
        keys = fold(seed_key(5, "test"), *jnp.zeros((2, DRAWS), jnp.uint32))
        alive, found, factor = ends(keys, w, *jnp.asarray([log_tumour, log_cells], dtype))
    assert np.all(alive)
    limit = 1e-4 if dtype == "float32" else 1e-5
    assert np.abs(np.asarray(factor)).max() < limit
    assert np.abs(np.asarray(found) - log_tumour).max() < limit


def untreated(patients):
    """Return a cohort of like patients, of whom some are cured."""
    return vc.Cohort.from_values("kimmel2021-figures", r_B=np.full(patients, 0.065))


def nothing(*days):
    return vc.Regimen(*(vc.Infusion(float(day), 0.0) for day in days))


DAYS = [(25,), (25, 30), tuple(range(5, 55, 5)), (0.5, 200, 1500)]
SETTINGS = {"exact": {}, "hybrid": {"threshold": 1000.0}, "gillespie": {"threshold": 300.0}}


def days_of(method, patients, regimen, seed, run):
    """Return the share of cures, and the days of cures and of progressions."""
    ds = run(untreated(patients), method, regimen=regimen, seed=seed, **SETTINGS[method])
    outcome, day = ds["outcome"].values, ds["event_time"].values
    return (outcome == 1).mean(), day[outcome == 1], day[outcome == 2]


@pytest.mark.parametrize(
    ("method", "days", "patients"),
    [
        ("exact", DAYS[1], 20_000),
        ("hybrid", DAYS[1], 20_000),
        *(pytest.param(method, days, patients, marks=pytest.mark.slow)
          for method, patients in (("exact", 200_000), ("hybrid", 100_000), ("gillespie", 10_000))
          for days in DAYS),
    ],
)  # fmt: skip
def test_infusions_of_nothing_change_nothing(method, days, patients, run):
    """Neither who is cured, nor the days of cure and of progression."""
    options = {"dtype": "float64", "tolerance": 1e-6}
    right = float(vc.cure_probability(untreated(1), **options)[0])
    assert 0.1 < right < 0.3
    plain, *expected = days_of(method, patients, None, 1, run)
    share, *found = days_of(method, patients, nothing(*days), 2, run)
    for each in (plain, share):
        assert abs(z_of_share(each, right, patients)) < Z_LIMIT
    for ours, theirs in zip(found, expected, strict=True):
        assert stats.ks_2samp(ours, theirs, method="asymp").pvalue > P_LIMIT
