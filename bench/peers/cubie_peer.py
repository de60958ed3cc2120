"""cubie: adaptive Tsit5 in one CUDA kernel, generated from the equations, in float32."""

import os
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from bench.peers.equations import TOLERANCES as TOLERANCES
from bench.peers.equations import slopes
from bench.peers.optional import unimportable, without_a_gpu
from bench.workloads import NAMES

MOST_SAVED = 1 << 17
_PARAMETERS = NAMES[:9]


def available():
    return without_a_gpu() or unimportable("cubie")


@cache
def _solver(every, rtol):
    """Return a solver that keeps the states of every so many days."""
    # It writes the code that it generates to the working directory, where it is not told another.
    os.environ.setdefault("CUBIE_CACHE_DIR", str(Path(tempfile.gettempdir()) / "vcohort-cubie"))
    import cubie
    import sympy

    symbols = sympy.symbols(("x", "y", *_PARAMETERS))
    system = cubie.create_ODE_system(
        [f"d{name} = {slope}"
         for name, slope in zip("xyz", slopes(sympy.exp, sympy.log)(*symbols), strict=False)],
        states=dict.fromkeys("xyz", 0.0), parameters=dict.fromkeys(_PARAMETERS, 1.0),
        swept_parameters=_PARAMETERS, name="car_t",
    )  # fmt: skip
    return cubie.Solver(system, algorithm="tsit5", rtol=rtol, atol=0.1 * rtol, dt=0.1,
                        save_every=every, output_types=["state"])  # fmt: skip


def states(values, days, rtol):
    """Return ln N, ln C, ln B (state, day, patient); the days are evenly spaced."""
    found = _solver(days[0], rtol).solve(
        dict(zip("xyz", np.log(values[-3:]), strict=True)),
        dict(zip(_PARAMETERS, values, strict=False)),
        duration=days[-1], grid_type="verbatim",
    )  # fmt: skip
    # The first row is day 0. The solver takes its arrays back once the result is gone.
    return np.array(found.time_domain_array[1:]).swapaxes(0, 1)
