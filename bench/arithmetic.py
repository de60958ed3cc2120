"""What a step costs at the least: its operations, times what XLA takes for one of each."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

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


def arithmetic():
    """Return operations a patient and step, with W, and nanoseconds of one core for one of each."""
    calls = {name: _loop(each) for name, each in OPERATIONS.items()}
    seconds = in_turn(calls, 9)
    each = {name: 1e9 * median(found) / TURNS / LANES for name, found in seconds.items()}
    counts = operations()
    return {"operations": counts, "ns_each": each,
            "ns_a_step": sum(counts[name] * each[name] for name in counts)}  # fmt: skip


def _loop(operation):
    def work(values):
        return jax.lax.fori_loop(0, TURNS, lambda _, x: operation(x), values)

    run = jax.jit(
        lambda values: in_tiles(work, (0,), 1, values),
        compiler_options=compiler_options(platform()),
    )
    values = jnp.linspace(0.1, 3.0, LANES)
    return lambda: jax.block_until_ready(run(values))


def operations():
    """Count a step's operations, but for those that a time loop does once, before it begins."""
    cohort, _ = patients(1)
    values = {name: jnp.float32(np.asarray(cohort[name])[0]) for name in NAMES}
    hazard = first_path_state(cohort.model, values)
    step = partial(path_step, cohort.model)
    with jax.disable_jit():
        jaxpr = jax.make_jaxpr(lambda *given: step(*given).after)(values, hazard, 1.0).jaxpr
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
