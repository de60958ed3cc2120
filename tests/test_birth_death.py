"""The birth-death process against its closed form, a million samples each."""

from functools import partial

import jax
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from tests.conftest import P_LIMIT, Z_LIMIT
from vcohort import VcohortError, birth_death

SAMPLES, SOME = 1_000_000, 200_000

# Of all counts below this the probabilities are looked at.
COUNTS = np.arange(512)

constant_rates = jax.jit(birth_death.constant_rates)


@partial(jax.jit, static_argnums=0)
def log_transition(cells, counts, lineage):
    return birth_death.log_transition(cells, counts, lineage)


@jax.jit
def about(cells, lineage):
    """Return mean and variance of one lineage, and the chance that all cells die out."""
    lost = birth_death.extinction_probability(cells, lineage)
    return lineage.mean, lineage.variance, lost


# birth, death (per day), days, cells at the start
CASES = [
    (0.10, 0.10, 3.0, 20),
    (0.30, 0.10, 2.0, 5),
    (0.10, 0.00, 4.0, 3),
    (0.00, 0.20, 3.0, 50),
    (0.10, 0.90, 1.5, 100),
    (0.10, 0.15, 100.0, 100),
    (0.10, 0.30, 1.0, 1),
    (0.06, 0.80, 1.0, 40),
    (0.50, 0.20, 6.0, 10),
]


def moments_agree(sample, mean, variance):
    n = sample.size
    assert abs(sample.mean() - mean) < Z_LIMIT * np.sqrt(variance / n)
    fourth = ((sample - sample.mean()) ** 4).mean()
    assert abs(sample.var() - variance) < Z_LIMIT * np.sqrt((fourth - variance**2) / n)


def law_agrees(sample, expected):
    """Chi-square over all counts with at least ten expected; the rest in one bin."""
    observed = np.bincount(sample.astype(int), minlength=expected.size)
    theory = expected * sample.size
    common = np.flatnonzero(theory >= 10)
    rest = max(sample.size - theory[common].sum(), 0.0)
    seen, wanted = observed[common], theory[common]
    if rest > 1:
        seen, wanted = np.append(seen, sample.size - seen.sum()), np.append(wanted, rest)
    wanted = wanted * (seen.sum() / wanted.sum())
    if seen.size > 1:
        assert stats.chisquare(seen, wanted).pvalue > P_LIMIT


def many_draws(dtype, cells, birth, death, days):
    with jax.enable_x64(dtype == "float64"):
        lineage = constant_rates(birth, death, days)
        return np.asarray(birth_death.draw(5, np.full(SOME, float(cells)), lineage), float)


def in_distribution(sample, law):
    """Kolmogorov-Smirnov; of counts its p-value is an upper bound."""
    counts, seen = np.unique(sample, return_counts=True)
    distance = np.abs(np.cumsum(seen) / sample.size - law.cdf(counts)).max()
    assert stats.kstwobign.sf(distance * np.sqrt(sample.size)) > P_LIMIT


@pytest.mark.parametrize(("birth", "death", "days", "cells"), CASES)
def test_samples_follow_the_closed_form(birth, death, days, cells):
    lineage = constant_rates(birth, death, days)
    sample = np.asarray(birth_death.draw(7, np.full(SAMPLES, float(cells)), lineage), np.float64)
    mean, variance = (cells * float(part) for part in about(cells, lineage)[:2])
    moments_agree(sample, mean, variance)
    assert mean + 12 * np.sqrt(variance) < COUNTS[-1]
    expected = np.exp(np.float64(log_transition(cells, COUNTS, lineage)))
    assert expected.sum() == pytest.approx(1.0, abs=1e-4)
    law_agrees(sample, expected)


@pytest.mark.parametrize(
    ("birth", "death", "days", "cells"),
    [(0.1, 0.2, 2.0, 1000), (0.02, 0.1, 1.0, 3000), (0.3, 0.1, 1.0, 3000), (0.1, 0.3, 9.0, 9)],
)
def test_the_closed_form_of_many_cells(birth, death, days, cells):
    """Against scipy's sum of binomial times negative binomial probabilities."""
    lineage = constant_rates(birth, death, days)
    middle, variance = (cells * float(part) for part in about(cells, lineage)[:2])
    reach = 4.0 * np.sqrt(variance)
    counts = np.unique(np.round(np.linspace(max(middle - reach, 0), middle + reach, 20)))
    with jax.enable_x64(True):
        exact = constant_rates(birth, death, days)
        survives, single = float(exact.survives), float(exact.single)
    k = np.arange(1.0, cells + 1.0)[:, None]
    sizes = stats.nbinom.logpmf(counts - k, k, single)
    right = logsumexp(stats.binom.logpmf(k, cells, survives) + sizes, axis=0)
    right[counts == 0] = cells * np.log1p(-survives)
    found = np.asarray(log_transition(cells, counts, lineage), float)
    assert np.abs(found - right).max() < 5e-5


@pytest.mark.parametrize(("birth", "death", "days", "cells"), CASES)
def test_the_closed_form_is_kendalls(birth, death, days, cells):
    """Moments and extinction by textbook formulas, in another notation than the module's."""
    found = [float(part) for part in about(cells, constant_rates(birth, death, days))]
    r = birth - death
    growth = np.exp(r * days)
    if r == 0:
        extinct, variance = death * days / (1 + death * days), 2 * birth * days
    else:
        extinct = death * (growth - 1) / (birth * growth - death)
        variance = (birth + death) / r * growth * (growth - 1)
    assert found[0] == pytest.approx(growth, rel=1e-5)
    assert found[1] == pytest.approx(variance, rel=1e-4)
    assert found[2] == pytest.approx(extinct**cells, rel=1e-3)


def test_published_extinction_probability():
    """100 cells, birth 0.10, death 0.15 a day, 100 days: 0.7978."""
    lineage = birth_death.constant_rates(0.10, 0.15, 100.0)
    assert float(birth_death.extinction_probability(100, lineage)) == pytest.approx(
        0.7978, abs=5e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_million_cells(dtype):
    """Births and deaths together; wide laws come from other samplers."""
    sample = many_draws(dtype, 1e6, 0.2, 0.25, 2.0)
    with jax.enable_x64(True):
        lineage = birth_death.constant_rates(0.2, 0.25, 2.0)
        mean, variance = 1e6 * float(lineage.mean), 1e6 * float(lineage.variance)
    moments_agree(sample, mean, variance)
    assert stats.kstest((sample - mean) / np.sqrt(variance), "norm").pvalue > P_LIMIT


# From a few cells to ten million; means and variances on both sides of what is searched.
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("cells", "share"),
    [(100, 0.3), (4000, 0.1), (50_000, 0.015), (100_000, 0.0087), (1e6, 5e-4), (1e7, 5e-5),
     (1e7, 0.3), (1e7, 1e-8), (1e6, 1 - 1e-6)],
)  # fmt: skip
def test_deaths_alone_leave_a_binomial_number(cells, share, dtype):
    sample = many_draws(dtype, cells, 0.0, 1.0, -np.log(share))
    in_distribution(sample, stats.binom(cells, share))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("cells", "days"),
    [(1, 0.1), (1, 9.0), (100, 0.4), (1e4, 6e-3), (1e6, 6.3e-5), (1e6, 1e-3), (1e6, 1.0),
     (1e6, 1e-8)],
)  # fmt: skip
def test_births_alone_add_a_negative_binomial_number(cells, days, dtype):
    """Yule's process: one birth a cell and day."""
    sample = many_draws(dtype, cells, 1.0, 0.0, days)
    in_distribution(sample - cells, stats.nbinom(cells, np.exp(-days)))


@pytest.mark.parametrize("pieces", [2, 5])
def test_any_split_of_a_span_gives_the_same_law(pieces):
    birth, death, days, cells = 0.15, 0.25, 5.0, 30
    whole, part = (constant_rates(birth, death, span) for span in (days, days / pieces))
    sample = np.full(SAMPLES, float(cells))
    for piece in range(pieces):
        alive = np.maximum(sample, 1.0)
        sample = np.where(sample > 0, birth_death.draw(100 + piece, alive, part), 0.0)
    law_agrees(sample, np.exp(np.float64(log_transition(cells, COUNTS, whole))))


def test_nothing_happens_in_no_time():
    lineage = birth_death.constant_rates(0.1, 0.2, 0.0)
    sample = birth_death.draw(1, np.arange(1.0, 101.0), lineage)
    assert np.array_equal(sample, np.arange(1, 101))


def test_nothing_comes_of_no_cells():
    lineage = birth_death.constant_rates(0.3, 0.1, 2.0)
    assert np.array_equal(birth_death.draw(1, np.zeros(9), lineage), np.zeros(9))


@pytest.mark.parametrize("cells", [2.5, -1.0, np.nan, np.inf])
def test_cells_that_cannot_be_counted(cells):
    lineage = birth_death.constant_rates(0.3, 0.1, 2.0)
    with pytest.raises(VcohortError, match=f"from {cells:g} cells is impossible"):
        birth_death.draw(1, np.array([3.0, cells]), lineage)
