"""JAX keeps what it compiles: a process that goes through many endpoints does not grow for ever."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
from pathlib import Path
import vcohort as vc
from vcohort.engine.compiling import program_cache

program_cache._MOST = int(sys.argv[1])
cohort = vc.Population("kimmel2021-figures", 0.05).sample(20, seed=1)
sizes, areas = [], []
for day in [20.0 + k for k in range(16)]:
    ds = vc.simulate(cohort, "exact", 50.0, endpoints=[vc.Kinetics(auc_until=day)], progress=False)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    sizes.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
    areas.append(float(ds["C_auc"].sum()))
assert areas == sorted(areas) and areas[0] > 0
print(sizes[-1] - sizes[5])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_memory_is_bounded():
    """Ten programs more: next to nothing where three are kept, many megabytes where all are."""

    def growth(most):
        told = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(most)], capture_output=True, text=True, check=True
        )
        return float(told.stdout)

    bounded, unbounded = growth(3), growth(1000)
    assert bounded < 0.5 * unbounded and unbounded > 50.0
