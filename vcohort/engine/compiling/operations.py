"""What XLA can compile as one program on a CPU, loops and all."""

from __future__ import annotations

import math
from typing import Any

from jax.extend.core import Jaxpr

from vcohort.tracing import inner_programs

# Not among them: sorting, scattering, products of matrices and their kin, calls back to Python.
_FIT = """
abs acos acosh add add_any and asin asinh atan atan2 atanh bitcast_convert_type broadcast_in_dim
cbrt ceil checkpoint clamp closed_call concatenate cond convert_element_type copy cos cosh cumsum
custom_jvp_call custom_vjp_call digamma div dynamic_slice dynamic_update_slice empty2 eq erf erf_inv
erfc exp exp2 expm1 floor gather ge gt integer_pow iota is_finite jit le lgamma log log1p logistic
lt max min mul ne neg not optimization_barrier or pad pjit pow reduce_and reduce_max reduce_min
reduce_or reduce_sum rem remat2 reshape rev round rsqrt scan select_n shift_left
shift_right_arithmetic shift_right_logical sign sin sinh slice sqrt square squeeze stack
stop_gradient sub tan tanh transpose while xla_metadata_value xor
"""

_ONE_PROGRAM = frozenset(_FIT.split())


LONGEST_SUM = 32
"""XLA rewrites a sum or extremum of more numbers into one that a single program cannot hold."""

_LIMITED = frozenset(("reduce_max", "reduce_min", "reduce_sum"))


def is_one_program(program: Jaxpr) -> bool:
    """Whether every operation, inside loops and called functions too, is known to be fit."""
    inner = [part for line in program.eqns for part in inner_programs(line)]
    return all(map(_is_fit, program.eqns)) and all(map(is_one_program, inner))


def _is_fit(line: Any) -> bool:
    if line.primitive.name in _LIMITED:
        shape = line.invars[0].aval.shape
        return math.prod(shape[axis] for axis in line.params["axes"]) <= LONGEST_SUM
    return line.primitive.name in _ONE_PROGRAM
