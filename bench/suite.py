"""What the fast tests take, from a cold start; raw numbers to bench/results.

    python -m bench.suite

Processor time of ``make test`` and all that it starts. Programs are compiled anew: what workers
compile they share among themselves alone.
"""

import re

from bench.machine import ROOT, clean, describe, of_process, write


def measure():
    """Return processor and wall seconds, and how many tests passed."""
    done, processor, wall = of_process(["make", "test"], cwd=ROOT, env=clean())
    failed = re.findall(r"^(?:FAILED|ERROR) .*", done.stdout, re.MULTILINE)
    return {"processor_seconds": round(processor), "wall_seconds": round(wall), "failed": failed,
            "tests": passed(done.stdout)}  # fmt: skip


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
