"""Work on one patient, in lanes: what ``jax.vmap`` makes of it, number by number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vcohort.branches import when
from vcohort.engine.chance.random import Key, uniforms
from vcohort.engine.lanes import LANES, NotInLanes, from_list, run

NUMBERS = np.linspace(-3.0, 3.0, LANES).astype(np.float32)
TABLE = np.arange(5.0, dtype=np.float32)


def in_lanes(work, *columns):
    """Return work on columns (lane, …), in lanes."""

    def parts(column):
        rows = np.asarray(column).reshape(LANES, -1).T
        return from_list([jnp.asarray(row) for row in rows], np.shape(column)[1:])

    found = run(work, *map(parts, columns))
    return jax.tree.map(joined, found)


def joined(parts):
    shape = (*parts.shape, LANES)
    each = [np.broadcast_to(number, (LANES,)) for number in parts.flat]
    return np.moveaxis(np.array(each).reshape(shape), -1, 0)


def halved(x):
    """Halve until it is small: so many turns as a lane needs."""
    return jax.lax.while_loop(lambda c: c[0] > 0.1, lambda c: (c[0] / 2, c[1] + 1), (x, 0))


def nested(x):
    def outer(carry):
        inner, _ = halved(carry[0])
        return carry[0] - 1.0, carry[1] + inner

    return jax.lax.while_loop(lambda carry: carry[0] > 0.0, outer, (x, 0.0))


def summed(x):
    return jax.lax.scan(lambda total, each: (total + each * x, total), 0.0, jnp.asarray(TABLE))


def backwards(x):
    items = jnp.stack([x, 2.0 * x, x - 1.0])
    return jax.lax.scan(lambda c, each: (0.5 * c + each, c), x, items, reverse=True)


def drawn(x):
    return uniforms(Key(jnp.uint32(7), jnp.uint32(9)), (x * 8).astype(jnp.uint32), 3, x.dtype)


WORK = {
    "numbers": lambda x: jnp.exp(x) / (1.0 + x**2) - jnp.tanh(x),
    "functions": lambda x: jax.nn.softplus(x) + jax.nn.sigmoid(x) + jnp.logaddexp(x, 0.3),
    "extrema": lambda x: (jnp.maximum(x, -x), jnp.minimum(x, 0.5), jnp.clip(x, -1.0, 1.0)),
    "lost": lambda x: jnp.maximum(jnp.where(x > 0, jnp.nan, x), 0.0),
    "lost in a bound": lambda x: jnp.clip(jnp.where(x > 0, jnp.nan, x), -1.0, 1.0),
    "round": lambda x: jnp.round(jnp.stack([x, jnp.floor(x) + 0.5, 1e8 * x])),
    "choice": lambda x: jax.lax.cond(x > 0, jnp.exp, jnp.sin, x),
    "one of three": lambda x: jax.lax.switch(
        (x + 1.5).astype(jnp.int32), [jnp.exp, jnp.sin, lambda x: -x], x
    ),
    "branch": lambda x: when(x > 1.0, lambda x: x**2, 7.0, x),
    "one for all": lambda x: when(jnp.asarray(True), lambda x: x + 1.0, x, x),
    "none for all": lambda x: when(jnp.asarray(False), lambda x: x + 1.0, x, x),
    "loop": halved,
    "loop in a loop": nested,
    "a shared counter": lambda x: jax.lax.fori_loop(0, 5, lambda i, y: y + i * x, x),
    "scan": summed,
    "scan backwards": backwards,
    "stack": lambda x: jnp.stack([x, -x, x * x])[::-1],
    "sums": lambda x: (jnp.sum(TABLE * x), jnp.cumsum(TABLE * x), jax.lax.cummax(TABLE * -x)),
    "sums of a table": lambda x: jnp.sum(jnp.outer(TABLE, TABLE) * x, axis=0)[1:3],
    "any": lambda x: jnp.any(x > TABLE) & ~jnp.all(x > TABLE[:2]),
    "a place of a table": lambda x: jnp.asarray(TABLE)[jnp.clip(x + 2, 0, 4).astype(jnp.int32)],
    "a place of its own": lambda x: jnp.stack([x, x + 1, x + 2])[(x > 0).astype(jnp.int32)],
    "append": lambda x: jnp.append(jnp.stack([x, x])[1:], 4.0),
    "count": lambda x: jnp.arange(4) * x.astype(jnp.int32),
    "bits": drawn,
    "many": jax.vmap(lambda each: each**2),
    "many, looped": jax.vmap(lambda each: halved(each)[0]),
}


@pytest.mark.parametrize("name", WORK)
def test_lanes_do_what_vmap_does(name):
    columns = NUMBERS if "many" not in name else np.stack([NUMBERS, NUMBERS + 1], axis=1)
    expected = jax.vmap(WORK[name])(columns)
    found = in_lanes(WORK[name], columns)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("work", "name"),
    [
        (lambda x: jnp.sort(jnp.stack([x, -x]))[0], "sort"),
        (lambda x: jnp.sum(jnp.stack([x, -x]) @ jnp.eye(2)), "dot_general"),
        (lambda x: jax.lax.fori_loop(0, 2, lambda _, y: jax.lax.lgamma(y), x), "lgamma"),
    ],
)
def test_what_is_no_operation_of_single_numbers_is_named(work, name):
    with pytest.raises(NotInLanes, match=name):
        in_lanes(work, NUMBERS)
