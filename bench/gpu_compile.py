"""Every program compiled for GPUs that are not there; numbers to bench/results/gpu-compile.json.

    python -m bench.gpu_compile [PROGRAM …]       (or: make gpu-check)

XLA's compiler for NVIDIA GPUs needs neither a GPU nor a driver. What it makes shows how many
kernels a step takes, what they read and write, and how many registers they hold; a time it cannot
show. The exit status is 1 where a limit below is passed. Of programs named by a part of their names
the rows are made anew, and all others stand.
"""

import itertools
import json
import os
import sys
import tempfile
import time

os.environ["JAX_PLATFORMS"] = "cpu"

from bench.compiled.cards import CARDS
from bench.compiled.made import made
from bench.compiled.programs import PATIENTS, PROGRAMS
from bench.machine import RESULTS, describe, write_as
from vcohort.engine.compiling.platform import compiling_for

PACKAGES = ("vcohort", "jax", "jaxlib", "jax-cuda13-plugin", "jax-cuda13-pjrt", "nvidia-cuda-nvcc")

# Of a program whose name begins so, and ends so: the most that it may have.
LIMITS = [
    ("", "fused", {"host_reads": 0, "launches": 12, "bytes": 1000}),
    ("exact, fused", "", {"launches": 1, "registers": 128, "spilled_bytes": 0, "bytes": 70}),
    ("hybrid, fused", "", {"launches": 1, "registers": 168, "bytes": 70}),
    ("deterministic, fused", "", {"launches": 1, "registers": 80, "spilled_bytes": 0}),
    ("P(cure), fused", "", {"launches": 1, "registers": 80, "spilled_bytes": 0}),
    ("exact", "scan", {"host_reads": 0, "launches_a_step": 12, "bytes_a_step": 500}),
    ("P(cure)", "scan", {"host_reads": 0, "launches_a_step": 16}),
    ("gradient", "scan", {"host_reads": 0, "launches_a_step": 6, "bytes_a_step": 500}),
]


def compiled_on(card, program):
    """Return what is made of a program for a card, and how long the compiler took."""
    with compiling_for("gpu"), tempfile.TemporaryDirectory() as folder:
        work, steps = program(card)
        start = time.perf_counter()
        compiled = card.compile(work, folder)
        seconds = round(time.perf_counter() - start, 1)
        return {
            **made(compiled, folder, card.architecture, PATIENTS, steps),
            "compiling_s": seconds,
        }


def beyond(rows):
    """Return each limit that is passed, in words."""
    return [
        f"{row['card']}, {row['program']}: {key} = {row[key]}, at most {most}"
        for row in rows
        for begin, end, limits in LIMITS
        if row["program"].startswith(begin) and row["program"].endswith(end)
        for key, most in limits.items()
        if row[key] > most
    ]


def main(wanted):
    chosen = {(card, name) for card in CARDS for name in PROGRAMS
              if not wanted or any(word in name for word in wanted)}  # fmt: skip
    known = {(row["card"], row["program"]): row for row in rows_before()} if wanted else {}
    rows = []
    for card, name in itertools.product(CARDS, PROGRAMS):
        if (card, name) in chosen:
            found = compiled_on(CARDS[card], PROGRAMS[name])
            rows.append({"card": card, "program": name, **found})
            print(rows[-1], flush=True)
        elif (card, name) in known:
            rows.append(known[card, name])
    passed = beyond(rows)
    print("\n".join(passed) or "all within their limits")
    report = describe("python -m bench.gpu_compile", PACKAGES)
    write_as("gpu-compile", {**report, "limits_passed": passed, "rows": rows})
    return bool(passed)


def rows_before():
    """Return what an earlier run has left: of programs that are not named it stands."""
    path = RESULTS / "gpu-compile.json"
    return json.loads(path.read_text())["rows"] if path.exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
