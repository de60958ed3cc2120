"""What the fast tests take, from a cold start; raw numbers to bench/results.

    python -m bench.suite

Processor time of ``make test`` and all that it starts. Programs are compiled anew: what workers
compile they share among themselves alone.
"""

import os
import re
import subprocess

from bench.machine import ROOT, describe, write


def measure():
    """Return processor and wall seconds, and how many tests passed."""
    before = os.times()
    done = subprocess.run(["make", "test"], cwd=ROOT, capture_output=True, text=True,
                          env=clean(), check=False)  # fmt: skip
    after = os.times()
    failed = re.findall(r"^(?:FAILED|ERROR) .*", done.stdout, re.MULTILINE)
    return {"processor_seconds": round(sum(after[2:4]) - sum(before[2:4])),
            "wall_seconds": round(after.elapsed - before.elapsed), "failed": failed,
            "tests": passed(done.stdout)}  # fmt: skip


def clean():
    """Return the environment, without a cache of programs from before."""
    return {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}


def passed(output):
    """Count the tests that passed: a dot each, in lines that end in how far it is."""
    return sum(line.count(".") for line in output.splitlines() if re.search(r"\[ *\d+%\]$", line))


def main():
    report = describe("python -m bench.suite", ("vcohort", "jax", "jaxlib", "pytest"))
    report["suite"] = {"make test": measure()}
    print(report["suite"])
    write("suite", report)


if __name__ == "__main__":
    main()
