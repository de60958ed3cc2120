"""How long one waits before anything happens, as ratios to importing what the package rests on.

Processor time of whole processes, in turn; the smallest of some counts, since whatever else runs
can only add to it. Raw numbers to bench/results.
"""

from __future__ import annotations

import json
import sys

from bench.machine import describe, of_process, write

TURNS = 7

PROGRAMS = {
    "import jax, xarray": ["-c", "import jax, xarray"],
    "import jax": ["-c", "import jax"],
    "import vcohort": ["-c", "import vcohort"],
    "vcohort.simulate, vcohort.Population": [
        "-c", "import vcohort; vcohort.simulate, vcohort.Population"
    ],
    "vcohort --help": ["-m", "vcohort", "--help"],
    "vcohort --version": ["-m", "vcohort", "--version"],
    "a mistyped command": ["-m", "vcohort", "simulat"],
    "a mistyped option": ["-m", "vcohort", "fit", "--hwo"],
    "a value out of bounds": ["-m", "vcohort", "simulate", "--set", "K_C=-1"],
    "a missing table": ["-m", "vcohort", "fit", "nothing.csv"],
    "a missing store": ["-m", "vcohort", "verify", "nothing.zarr"],
    "a wrong number": ["-m", "vcohort", "simulate", "--horizon", "-1"],
}  # fmt: skip


def main() -> None:
    """Measure all, in turn."""
    least = dict.fromkeys(PROGRAMS, float("inf"))
    for _ in range(TURNS):
        for name, program in PROGRAMS.items():
            _, processor, _ = of_process([sys.executable, *program])
            least[name] = min(least[name], processor)
    base = least["import jax, xarray"]
    found = {
        **describe("python -m bench.startup", ["vcohort", "jax", "xarray", "typer"]),
        "processor_seconds": {name: round(value, 3) for name, value in least.items()},
        "ratio_to_import_jax_xarray": {name: round(x / base, 3) for name, x in least.items()},
    }
    print(json.dumps(found, indent=1))
    write("startup", found)


if __name__ == "__main__":
    main()
