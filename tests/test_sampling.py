"""The samplers alone, against the laws of scipy.stats; a quarter of a million draws each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from tests.conftest import P_LIMIT
from vcohort.engine import rejection, sampling
from vcohort.engine.random import Key, fold, seed_key, uniforms

DRAWS = 250_000


def keys(seed):
    index = jnp.arange(DRAWS, dtype=jnp.uint32)
    return fold(seed_key(seed, "test"), jnp.zeros_like(index), index)


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


@pytest.mark.parametrize(("n", "p"), [(20_000, 0.3), (100_000, 0.95)])
def test_wide_binomial(n, p):
    law = (jnp.float32(x) for x in (n, p, 1 - p))
    draw = jax.vmap(rejection.binomial, (0, None, None, None))
    follows_in_bins(np.asarray(jax.jit(draw)(keys(7), *law), float), stats.binom(n, np.float32(p)))


@pytest.mark.parametrize("shape", [1.0, 2.0, 300.0])
def test_gamma(shape):
    sample = jax.jit(jax.vmap(rejection.log_gamma, (0, None)))(keys(8), jnp.float32(shape))
    assert stats.kstest(np.exp(np.asarray(sample, float)), "gamma", (shape,)).pvalue > P_LIMIT


def test_a_law_of_nan_ends():
    key = Key(jnp.uint32(1), jnp.uint32(2))
    assert not np.isfinite(rejection.log_gamma(key, jnp.float32(np.nan)))


@pytest.mark.parametrize("mean", [0.3, 5.0, 16.5, 90.0, 7e4])
def test_poisson(mean):
    u, _ = uniforms(keys(1), 0, 0, jnp.dtype(jnp.float32))
    sample = jax.jit(jax.vmap(sampling.poisson))(u, jnp.full(DRAWS, mean))
    check = follows if mean < 1000 else follows_in_bins
    check(np.asarray(sample, float), stats.poisson(mean))


def test_poisson_of_nothing_is_nothing():
    assert float(sampling.poisson(jnp.float32(0.7), jnp.float32(0.0))) == 0.0


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (40, 0.02), (100, 0.97), (60_000, 0.4)])
def test_binomial(n, p):
    u, _ = uniforms(keys(2), 0, 0, jnp.dtype(jnp.float32))
    draw = jax.vmap(sampling.binomial, (0, 0, None, None, None))
    sample = jax.jit(draw)(u, keys(3), jnp.float32(n), jnp.float32(p), jnp.float32(1 - p))
    if n < 10_000:
        follows(np.asarray(sample), stats.binom(n, p))
    else:
        follows_in_bins(np.asarray(sample, float), stats.binom(n, np.float32(p)))


@pytest.mark.parametrize(
    ("k", "p"), [(1, 0.5), (3, 0.9), (30, 0.2), (1, 0.008), (5, 0.01), (500, 1e-4)]
)
def test_negative_binomial(k, p):
    u, _ = uniforms(keys(4), 0, 0, jnp.dtype(jnp.float32))
    draw = jax.vmap(sampling.negative_binomial, (0, 0, None, None, None))
    sample = jax.jit(draw)(u, keys(5), jnp.float32(k), jnp.float32(p), jnp.float32(1 - p))
    law = stats.nbinom(k, np.float32(p))
    check = follows if law.std() < 60 else follows_in_bins
    check(np.asarray(sample, float), law)


def test_threefry_is_that_of_jax():
    """The same bits as jax.random's own threefry2x32 for a key and a counter."""
    from jax.extend.random import threefry_2x32  # noqa: PLC0415

    from vcohort.engine.random import threefry  # noqa: PLC0415

    key = Key(jnp.uint32(0x13198A2E), jnp.uint32(0x03707344))
    high, low = threefry(key, jnp.uint32(0x243F6A88), jnp.uint32(0x85A308D3))
    expected = threefry_2x32(jnp.stack(key), jnp.array([0x243F6A88, 0x85A308D3], jnp.uint32))
    assert [int(high), int(low)] == expected.tolist()
    # The published test vector of Threefry-2x32-20 (Random123).
    assert (int(high), int(low)) == (0xC4923A9C, 0x483DF7A0)
