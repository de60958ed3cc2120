"""The birth-death process against its closed form, a million samples each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from tests.conftest import P_LIMIT, Z_LIMIT
from vcohort import birth_death

SAMPLES = 1_000_000

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


@pytest.mark.parametrize(("birth", "death", "days", "cells"), CASES)
def test_samples_follow_the_closed_form(birth, death, days, cells):
    lineage = birth_death.constant_rates(birth, death, days)
    sample = np.asarray(birth_death.draw(7, jnp.full(SAMPLES, float(cells)), lineage), np.float64)
    mean, variance = cells * float(lineage.mean), cells * float(lineage.variance)
    moments_agree(sample, mean, variance)
    upto = int(mean + 12 * np.sqrt(variance) + 20)
    expected = np.exp(np.float64(birth_death.log_transition(cells, np.arange(upto), lineage)))
    assert expected.sum() == pytest.approx(1.0, abs=1e-3)
    law_agrees(sample, expected / expected.sum())


@pytest.mark.parametrize(("birth", "death", "days", "cells"), CASES)
def test_the_closed_form_is_kendalls(birth, death, days, cells):
    """Moments and extinction by textbook formulas, in another notation than the module's."""
    lineage = birth_death.constant_rates(birth, death, days)
    r = birth - death
    growth = np.exp(r * days)
    if r == 0:
        extinct, variance = death * days / (1 + death * days), 2 * birth * days
    else:
        extinct = death * (growth - 1) / (birth * growth - death)
        variance = (birth + death) / r * growth * (growth - 1)
    assert float(lineage.mean) == pytest.approx(growth, rel=1e-5)
    assert float(lineage.variance) == pytest.approx(variance, rel=1e-4)
    probability = float(birth_death.extinction_probability(cells, lineage))
    assert probability == pytest.approx(extinct**cells, rel=1e-3)


def test_published_extinction_probability():
    """100 cells, birth 0.10, death 0.15 a day, 100 days: 0.7978."""
    lineage = birth_death.constant_rates(0.10, 0.15, 100.0)
    assert float(birth_death.extinction_probability(100, lineage)) == pytest.approx(
        0.7978, abs=5e-5
    )


@pytest.mark.slow
def test_a_million_cells():
    """Wide laws come from other samplers; float64, since float32 cannot count to a million."""
    with jax.enable_x64(True):
        lineage = birth_death.constant_rates(0.2, 0.25, 2.0)
        sample = np.asarray(birth_death.draw(3, jnp.full(SAMPLES, 1e6), lineage))
        mean, variance = 1e6 * float(lineage.mean), 1e6 * float(lineage.variance)
    moments_agree(sample, mean, variance)
    assert stats.kstest((sample[:20_000] - mean) / np.sqrt(variance), "norm").pvalue > P_LIMIT


@pytest.mark.parametrize("pieces", [2, 5])
def test_any_split_of_a_span_gives_the_same_law(pieces):
    birth, death, days, cells = 0.15, 0.25, 5.0, 30
    whole = birth_death.constant_rates(birth, death, days)
    part = birth_death.constant_rates(birth, death, days / pieces)
    sample = jnp.full(SAMPLES, float(cells))
    for piece in range(pieces):
        alive = jnp.maximum(sample, 1.0)
        sample = jnp.where(sample > 0, birth_death.draw(100 + piece, alive, part), 0.0)
    expected = np.exp(np.float64(birth_death.log_transition(cells, np.arange(200), whole)))
    law_agrees(np.asarray(sample), expected)


def test_nothing_happens_in_no_time():
    lineage = birth_death.constant_rates(0.1, 0.2, 0.0)
    sample = birth_death.draw(1, jnp.arange(1.0, 101.0), lineage)
    assert np.array_equal(sample, np.arange(1, 101))
