"""gradsolve: adaptive Tsit5 in a fused Warp kernel, in float32; saved days in float64."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from bench.peers.equations import TOLERANCES as TOLERANCES
from bench.peers.equations import slopes
from bench.peers.optional import float64, unimportable

# A replay keeps all saved days of all patients in each of its steps.
MOST_SAVED = 1 << 13


def available():
    return unimportable("warp", "gradsolve")


def _field(t, logs, p):
    return jnp.stack(slopes(jnp.exp, jnp.log)(logs[0], logs[1], *(p[i] for i in range(9)))[:3])


class _Patients:
    """What gradsolve calls a problem."""

    name, dim, is_stiff, t0 = "car_t", 3, False, 0.0
    f_jax = staticmethod(_field)

    def __init__(self, horizon):
        self.t1 = horizon


@cache
def _solve():
    with float64():  # which importing it sets, for the whole process
        import gradsolve
    gradsolve.register_jax_field(_Patients.name, _field, 3, 9)
    return gradsolve.solve


def states(values, days, rtol):
    """Return ln N, ln C, ln B (state, day, patient).

    The fused kernel gives the last state alone; days before are replayed from its steps, and in
    float64 alone. It is asked for by name, and on "cuda:0": left to itself, or on "cuda", gradsolve
    takes kernels that know its own examples alone.
    """
    solve, problem = _solve(), _Patients(days[-1])
    first, own = np.log(values[-3:]).T, values[:9].T
    about = {"rtol": rtol, "atol": 0.1 * rtol}
    if len(days) > 1:
        with float64():
            doubles = first.astype(np.float64), own.astype(np.float64)
            return solve(problem, *doubles, saveat=np.asarray(days), **about).y_saved.T
    device = "cuda:0" if jax.default_backend() == "gpu" else "cpu"
    return solve(problem, first, own, engine="warp_ode", device=device, **about).y_final.T[:, None]
