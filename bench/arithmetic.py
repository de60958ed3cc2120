"""What a step costs at the least: its operations, times what XLA takes for one of each."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal
from jax.interpreters.partial_eval import dce_jaxpr

from bench.machine import in_turn, median
from bench.workloads import NAMES, patients
from vcohort.engine.compiling.platform import compiler_options, platform
from vcohort.engine.compiling.tiles import in_tiles
from vcohort.engine.integrator.path_state import first_path_state, path_step

TURNS, LANES = 1000, 4096

OPERATIONS = {
    "exp": lambda x: jnp.exp(-x),
    "log": lambda x: jnp.log(x + 1.5),
    "tanh": lambda x: jnp.tanh(x) + 0.5,
    "div": lambda x: 1.5 / (x + 0.3),
    "mul": lambda x: x * 1.000001,
    "add": lambda x: x + 1e-6,
}
_LIKE = {"sub": "add", "max": "add", "min": "add", "neg": "add", "select_n": "add", "lt": "add",
         "gt": "add", "square": "mul", "integer_pow": "mul"}  # fmt: skip


def ns_each():
    """Return nanoseconds of one core for one of each operation."""
    seconds = in_turn({name: _loop(each) for name, each in OPERATIONS.items()}, 9)
    return {name: 1e9 * median(found) / TURNS / LANES for name, found in seconds.items()}


def _loop(operation):
    def work(values):
        return jax.lax.fori_loop(0, TURNS, lambda _, x: operation(x), values)

    run = jax.jit(
        lambda values: in_tiles(work, (0,), 1, values),
        compiler_options=compiler_options(platform()),
    )
    values = jnp.linspace(0.1, 3.0, LANES)
    return lambda: jax.block_until_ready(run(values))


@cache
def operations(cure):
    """Count a step's operations, with or without the cure integral W.

    Not counted are those that a time loop does once, before it begins.
    """
    cohort, _ = patients(1)
    values = {name: jnp.float32(np.asarray(cohort[name])[0]) for name in NAMES}
    hazard = first_path_state(cohort.model, values)
    path = slice(None) if cure else slice(-1)

    def after(*given):
        return path_step(cohort.model, *given).after[path]

    with jax.disable_jit():
        jaxpr = jax.make_jaxpr(after)(values, hazard, 1.0).jaxpr
    jaxpr, _ = dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars), instantiate=True)
    before, same, found = set(jaxpr.invars[: len(values)]), {}, {}
    counts = dict.fromkeys(OPERATIONS, 0)
    for line in jaxpr.eqns:
        inputs = [x if isinstance(x, Literal) else same.get(x, x) for x in line.invars]
        kind = line.primitive.name
        key = kind, str(line.params), *(str(x.val) if isinstance(x, Literal) else x for x in inputs)
        if key in found:
            same.update(zip(line.outvars, found[key], strict=True))
            continue
        found[key] = line.outvars
        if all(isinstance(x, Literal) or x in before for x in inputs):
            before.update(line.outvars)
        elif name := (kind if kind in counts else _LIKE.get(kind)):
            counts[name] += 1
    return counts
