"""The samplers alone, against the laws of scipy.stats, in float32 and float64.

What is drawn by inversion is a function of its uniform number: it is evaluated on a regular grid
of them, without noise. Rejection is sampled, a quarter of a million draws each.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from tests.conftest import P_LIMIT
from vcohort.engine.chance import rejection, sampling
from vcohort.engine.chance.masses import log_binomial
from vcohort.engine.chance.random import Key, fold, seed_key, uniforms

# As many, so that one program serves both.
GRID = DRAWS = 1 << 18

both_precisions = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.fixture
def precision(dtype):
    with jax.enable_x64(dtype == "float64"):
        yield jnp.dtype(dtype)


def keys(seed):
    index = jnp.arange(DRAWS, dtype=jnp.uint32)
    return fold(seed_key(seed, "test"), jnp.zeros_like(index), index)


def chances(rare, dtype):
    """Return p and q = 1 - p of a chance of a few digits; ``rare`` < 0 is 1 - p."""
    least = np.asarray(abs(rare), dtype)
    rest = np.asarray(1.0 - np.float64(least), dtype)
    return (least, rest) if rare > 0 else (rest, least)


def exactly(pair):
    """Return p in float64, from whichever of p and q has all its digits."""
    p, q = (np.float64(part) for part in pair)
    return p if p < q else 1.0 - q


def on_a_grid(sampler, *law):
    """Return what a sampler makes of GRID uniform numbers."""
    u = jnp.asarray((np.arange(GRID) + 0.5) / GRID, law[0].dtype)
    return np.asarray(DRAW[sampler](u, keys(1), *law), float)


def ks_distance(sample, law):
    """Return the largest distance of the sample's distribution function from the law's."""
    counts, seen = np.unique(sample, return_counts=True)
    upto = np.cumsum(seen) / sample.size
    below = np.concatenate([[0.0], upto[:-1]])
    return max(np.abs(upto - law.cdf(counts)).max(), np.abs(below - law.cdf(counts - 1)).max())


def each_count_has_its_share(sample, law):
    """Every count comes as often as its probability wants, to two points of the grid."""
    counts, seen = np.unique(sample, return_counts=True)
    assert np.abs(seen - law.pmf(counts) * sample.size).max() < 2.0
    assert ks_distance(sample, law) < 1e-4


def follows(sample, law):
    """Chi-square over the counts with at least ten expected, the tails in one bin each."""
    low, high = int(law.ppf(1e-4)), int(law.ppf(1 - 1e-4))
    edges = np.arange(low, high + 1)
    seen = np.array([(sample <= low).sum(), *((sample == x).sum() for x in edges[1:-1]),
                     (sample >= high).sum()])  # fmt: skip
    wanted = np.array([law.cdf(low), *law.pmf(edges[1:-1]), law.sf(high - 1)]) * sample.size
    common = wanted >= 10
    assert seen.sum() == sample.size
    statistic = ((seen - wanted)[common] ** 2 / wanted[common]).sum()
    assert stats.chi2.sf(statistic, common.sum() - 1) > P_LIMIT


def follows_in_bins(sample, law):
    """Chi-square over a hundred ranges of counts, equally likely to within one count."""
    edges = np.unique(law.ppf(np.linspace(0, 1, 101)[1:-1]))
    wanted = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]])) * sample.size
    seen = np.bincount(np.searchsorted(edges, sample), minlength=edges.size + 1)
    statistic = ((seen - wanted) ** 2 / wanted).sum()
    assert stats.chi2.sf(statistic, edges.size) > P_LIMIT


DRAW = {
    "binomial": jax.jit(jax.vmap(sampling.binomial, (0, 0, None, None, None))),
    "negative_binomial": jax.jit(jax.vmap(sampling.negative_binomial, (0, 0, None, None, None))),
    "poisson": jax.jit(jax.vmap(lambda u, key, mean: sampling.poisson(u, mean), (0, 0, None))),
    "gamma": jax.jit(jax.vmap(rejection.gamma, (0, None))),
}


# Variances up to 4096, the widest that are searched; both sides of a mean of 8, from which a
# search begins at the mean; p from 1e-12 to 1 - 1e-7.
@both_precisions
@pytest.mark.parametrize(
    ("n", "rare"),
    [
        (1, 0.3), (1, 1e-6), (1, -1e-6), (2, 0.5), (16, 0.5), (17, 0.47), (17, 0.49), (40, 0.199),
        (40, 0.201), (100, -0.03), (100, -0.3), (4000, 0.1), (16_380, 0.5), (50_000, 0.015),
        (100_000, 0.0087), (100_000, -0.0425), (1e6, 5e-4), (1e6, -0.004), (1e7, 1e-12),
        (1e7, -1e-7), (1e7, 5e-5), (1e7, 4.08e-4), (1e9, 4e-6),
    ],
)  # fmt: skip
def test_a_binomial_number_of_a_uniform_one(n, rare, precision):
    p, q = chances(rare, precision)
    law = stats.binom(n, exactly((p, q)))
    assert law.var() < 4096.0
    each_count_has_its_share(on_a_grid("binomial", jnp.asarray(n, precision), p, q), law)


def test_what_rounding_leaves_of_a_uniform_number():
    """The last 64 of float32's uniform numbers are the tails, and nothing gathers at a count."""
    n, half = 16_380.0, jnp.float32(0.5)
    u = jnp.asarray(1.0 - (2.0 * np.arange(64) + 1.0) / 2**24, jnp.float32)
    draw = jax.vmap(sampling.narrow_binomial, (0, None, None, None))
    sample = np.asarray(draw(u, jnp.float32(n), half, half), float)
    assert np.unique(sample, return_counts=True)[1].max() <= 2
    assert np.abs(sample - 0.5 * n).max() < 6.0 * 0.5 * np.sqrt(n)


# Variances up to 64; both sides of 8 successes and of 8 failures.
@both_precisions
@pytest.mark.parametrize(
    ("k", "rare"),
    [
        (1, 0.5), (1, 0.118), (1, -1e-6), (2, 0.18), (7, 0.29), (8, 0.31), (8, 0.45), (8, 0.48),
        (9, 0.33), (30, 0.5), (1000, -0.055), (1e4, -6.3e-3), (1e5, -6.3e-4), (1e6, -6.3e-5),
        (1e6, -8e-6), (1e6, -1e-8),
    ],
)  # fmt: skip
def test_a_negative_binomial_number_of_a_uniform_one(k, rare, precision):
    p, q = chances(rare, precision)
    law = stats.nbinom(k, exactly((p, q)))
    assert law.var() < 64.0
    each_count_has_its_share(on_a_grid("negative_binomial", jnp.asarray(k, precision), p, q), law)


@both_precisions
@pytest.mark.parametrize("mean", [1e-8, 1e-4, 0.3, 5.0, 15.99, 16.0])
def test_a_poisson_number_of_a_uniform_one(mean, precision):
    mean = np.asarray(mean, precision)
    each_count_has_its_share(on_a_grid("poisson", mean), stats.poisson(np.float64(mean)))


@both_precisions
@pytest.mark.parametrize("mean", [16.001, 17.3, 20.0, 50.0, 1e3, 1e5, 1e6])
def test_the_expansion_of_many_poisson_numbers(mean, precision):
    """Worst where it begins, at 16; float32 rounds the largest."""
    mean = np.asarray(mean, precision)
    assert ks_distance(on_a_grid("poisson", mean), stats.poisson(np.float64(mean))) < 3e-5


def test_poisson_of_nothing_is_nothing():
    assert float(sampling.poisson(jnp.float32(0.7), jnp.float32(0.0))) == 0.0


# From the narrowest that are not searched on.
@both_precisions
@pytest.mark.parametrize(
    ("n", "rare"),
    [
        (16_390, 0.5), (20_000, 0.3), (100_000, -0.0431), (1e7, 4.11e-4), (1e7, -4.11e-4),
        (1e7, 0.3),
    ],
)  # fmt: skip
def test_a_wide_binomial_number(n, rare, precision):
    p, q = chances(rare, precision)
    law = stats.binom(n, exactly((p, q)))
    assert law.var() > 4096.0
    u, _ = uniforms(keys(2), 0, 0, precision)
    sample = DRAW["binomial"](u, keys(3), jnp.asarray(n, precision), p, q)
    follows_in_bins(np.asarray(sample, float), law)


def test_more_cells_than_float32_counts():
    """By the 32, of a mean that is as coarse: the law is within 0.001."""
    precision = jnp.dtype(jnp.float32)
    p, q = chances(0.4, precision)
    u, _ = uniforms(keys(2), 0, 0, precision)
    sample = np.asarray(DRAW["binomial"](u, keys(3), jnp.float32(1e9), p, q), float)
    noise = stats.kstwobign.isf(P_LIMIT) / np.sqrt(DRAWS)
    assert ks_distance(sample, stats.binom(10**9, exactly((p, q)))) < 1e-3 + noise


@both_precisions
@pytest.mark.parametrize(
    ("k", "rare"),
    [
        (1, 0.117), (1, 1e-6), (5, 0.01), (500, 1e-4), (30, 0.2), (1000, -0.06), (1e6, -6.5e-5),
        (1e6, 0.5), (1e6, 1e-6),
    ],
)  # fmt: skip
def test_a_wide_negative_binomial_number(k, rare, precision):
    p, q = chances(rare, precision)
    law = stats.nbinom(k, exactly((p, q)))
    assert law.var() > 64.0
    u, _ = uniforms(keys(4), 0, 0, precision)
    sample = DRAW["negative_binomial"](u, keys(5), jnp.asarray(k, precision), p, q)
    check = follows if law.std() < 60 else follows_in_bins
    check(np.asarray(sample, float), law)


@both_precisions
@pytest.mark.parametrize("shape", [1.0, 2.0, 300.0, 1e5, 1e7])
def test_gamma(shape, precision):
    sample = np.asarray(DRAW["gamma"](keys(8), jnp.asarray(shape, precision)), float)
    assert stats.kstest(sample, "gamma", (shape,)).pvalue > P_LIMIT


def test_a_law_of_nan_ends():
    key, nan, u = Key(jnp.uint32(1), jnp.uint32(2)), jnp.float32(np.nan), jnp.float32(0.5)
    assert np.isnan(rejection.gamma(key, nan))
    assert np.isnan(sampling.binomial(u, key, jnp.float32(10.0), nan, nan))
    assert np.isnan(sampling.negative_binomial(u, key, jnp.float32(10.0), nan, nan))


@both_precisions
@pytest.mark.parametrize(("n", "p"), [(14, 0.5), (100, 0.3), (1e5, 1e-3), (1e7, 0.4), (1e9, 1e-7)])
def test_the_log_of_a_binomial_probability(n, p, precision):
    """Six deviations to both sides, from seven cells on."""
    reach = 6.0 * np.sqrt(n * p * (1 - p))
    counts = np.unique(np.round(np.linspace(max(n * p - reach, 7), min(n * p + reach, n - 7), 99)))
    small = np.asarray(p, precision)
    found = jax.jit(log_binomial)(
        *(jnp.asarray(x, precision) for x in (counts, n, small, 1 - small))
    )
    right = np.log(stats.binom.pmf(np.asarray(counts, precision), n, np.float64(small)))
    limit = 2e-3 if precision == "float32" else 1e-7
    assert np.abs(np.asarray(found, float) - right).max() < limit


def test_threefry_is_that_of_jax():
    """The same bits as jax.random's own threefry2x32 for a key and a counter."""
    from jax.extend.random import threefry_2x32  # noqa: PLC0415

    from vcohort.engine.chance.random import threefry  # noqa: PLC0415

    key = Key(jnp.uint32(0x13198A2E), jnp.uint32(0x03707344))
    high, low = threefry(key, jnp.uint32(0x243F6A88), jnp.uint32(0x85A308D3))
    expected = threefry_2x32(jnp.stack(key), jnp.array([0x243F6A88, 0x85A308D3], jnp.uint32))
    assert [int(high), int(low)] == expected.tolist()
    # The published test vector of Threefry-2x32-20 (Random123).
    assert (int(high), int(low)) == (0xC4923A9C, 0x483DF7A0)
