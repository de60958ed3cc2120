"""A process that was forked after its parent had computed says so, and does not wait for ever."""

import multiprocessing
import subprocess
import sys

import pytest

PROGRAM = """
import multiprocessing, sys, warnings
import jax, numpy as np
import vcohort as vc

warnings.simplefilter("ignore")
# So many are drawn in several threads.
cohort = vc.Population("kimmel2021-figures", 0.05).sample(200_000, seed=1).select(slice(8))
uses = {
    "simulate": lambda: vc.simulate(cohort, "exact", 50.0, endpoints=[vc.Nadir()]),
    "probability": lambda: vc.cure_probability(cohort, 50.0),
    "traced": lambda: jax.jit(lambda b: vc.cure_probability(cohort.replace(b=b)))(cohort["b"]),
    "sweep": lambda: vc.sweep(vc.Population(), {"K_C": [6e10, 7e10]}, 8, horizon=50.0),
    "sensitivity": lambda: vc.local_sensitivity(cohort, [30.0, 60.0]),
}

def work(name, told):
    try:
        uses[name]()
        told.put("computed")
    except vc.VcohortError as error:
        told.put(str(error))

if __name__ == "__main__":
    before, *names = sys.argv[1:]
    if before == "after":
        uses["probability"]()
    context = multiprocessing.get_context("fork")
    for name in names:
        told = context.Queue()
        child = context.Process(target=work, args=(name, told))
        child.start()
        print(told.get(timeout=100.0))
        child.join(10.0)
"""

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork"
)


def forked(tmp_path, *arguments):
    """Return what forked processes tell, each in a line."""
    program = tmp_path / "forking.py"
    program.write_text(PROGRAM)
    found = subprocess.run(
        [sys.executable, program, *arguments], capture_output=True, text=True, timeout=110,
        check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


def test_after_the_parent_has_computed(tmp_path):
    uses = ("simulate", "probability", "traced", "sweep", "sensitivity")
    told = forked(tmp_path, "after", *uses)
    assert len(told) == len(uses)
    for line in told:
        assert "get_context('spawn')" in line


def test_before_the_parent_has_computed(tmp_path):
    assert forked(tmp_path, "before", "probability", "simulate") == ["computed", "computed"]
