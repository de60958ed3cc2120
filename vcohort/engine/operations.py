"""What XLA can compile as one program on a CPU, loops and all."""

from __future__ import annotations

from jax.extend.core import Jaxpr

from vcohort.programs import inner_programs

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


def is_one_program(program: Jaxpr) -> bool:
    """Whether every operation, inside loops and called functions too, is known to be fit."""
    inner = [part for line in program.eqns for part in inner_programs(line)]
    fit = all(line.primitive.name in _ONE_PROGRAM for line in program.eqns)
    return fit and all(map(is_one_program, inner))
