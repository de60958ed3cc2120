"""What README's commands take that compute for longer than a moment; raw numbers to bench/results.

    python -m bench.commands

Whole processes: once with no program compiled, then with all of them kept. Processor time, of which
whatever else runs changes least, and wall time; of warm ones the least counts.
"""

import shlex
import sys
import tempfile

from bench.machine import clean, describe, of_process, write

TURNS = 2

COMMANDS = (
    "vcohort simulate -n 1000",
    "vcohort simulate -n 100000 --method exact",
    "vcohort fit zuma1 --free r_N,rho_C,K_C,a,b,gamma_B,k_B --loss kimmel2021 --plot fit.png",
    "vcohort calibrate --sigma 0.05 --set 'B0=empirical(zuma1)' --free r_B,gamma_B,K_C "
    "--plot pfs.png",
    "vcohort optimize --field day=20:200 --field survival=0.05:0.9",
)


def took(command, folder, cache):
    """Return the processor and wall seconds of a process."""
    program = [sys.executable, "-m", *shlex.split(command), "--force"]
    environment = clean() | {"XDG_CACHE_HOME": cache}
    _, processor, wall = of_process(program, cwd=folder, env=environment, check=True)
    return {"processor_s": round(processor, 1), "wall_s": round(wall, 1)}


def main():
    report = describe("python -m bench.commands", ("vcohort", "jax", "jaxlib", "optax", "scipy"))
    report["commands"] = {}
    for command in COMMANDS:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
            cold, *warm = [took(command, folder, cache) for _ in range(1 + TURNS)]
        least = {name: min(each[name] for each in warm) for name in cold}
        report["commands"][command] = {"cold": cold, "warm": least}
        print(command, report["commands"][command])
    write("commands", report)


if __name__ == "__main__":
    main()
