"""modax: adaptive Tsit5 in one CUDA kernel, a thread a patient, in float64 alone."""

import math
from functools import cache

import numpy as np

from bench.peers.equations import TOLERANCES as TOLERANCES
from bench.peers.equations import slopes
from bench.peers.optional import float64, unimportable, without_a_gpu

MOST_SAVED = 1 << 17


def available():
    return without_a_gpu() or unimportable("modax.tsit5")


@cache
def _equations():
    """Return the equations as a function of the device; the same one, so it is compiled once."""
    from numba_cuda_mlir import cuda

    of = cuda.jit(device=True)(slopes(math.exp, math.log))

    def equations(y, t, p):
        x, c, b, _ = of(y[0], y[1], p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8])
        return x, c, b

    return equations


def states(values, days, rtol):
    """Return ln N, ln C, ln B (state, day, patient)."""
    with float64():
        from modax.tsit5 import solve

        # The first of its times is when it starts.
        times = np.concatenate([[0.0], days])
        found = solve(_equations(), np.log(values[-3:]).T, times, values[:9].T,
                      rtol=rtol, atol=0.1 * rtol)  # fmt: skip
    return np.asarray(found)[:, 1:].T
