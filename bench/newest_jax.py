"""Speed of the exact method with two versions of JAX; raw numbers to bench/results/newest-jax.json.

    python -m bench.newest_jax PYTHON PYTHON      (two interpreters, the newer JAX second)

Processor time, which other users of the machine disturb least, of all cores, in microseconds a
patient: host to host, and of blocks that lie ready. Both warm, one process after the other, tiled
as always and, for comparison, untiled. Ratios are those of the older JAX's time to the newer's.
"""

import json
import subprocess
import sys
import time

import vcohort as vc
from bench.machine import ROOT, describe, median, write_as
from bench.peers.engine import bare
from vcohort.engine.compiling import tiles

REPEATS = 5
CALLS = 7
PATIENTS = 1 << 17
VERSIONS = ("vcohort", "jax", "jaxlib", "numpy")
WAYS = ("tiled", "untiled")


def of_a_process(way):
    """Print what this interpreter takes, and its versions."""
    if way == "untiled":
        tiles._TILE = 0
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(PATIENTS, seed=1)
    nadir = {"endpoints": [vc.Nadir()], "progress": False}
    calls = {"simulate": lambda: vc.simulate(cohort, "exact", **nadir),
             "blocks": bare(cohort, "exact")}  # fmt: skip
    report = describe("", VERSIONS)
    report["us_a_patient"] = {name: median(warm(call)) for name, call in calls.items()}
    print(json.dumps(report))


def warm(call):
    call()
    return [processor_time(call) / PATIENTS * 1e6 for _ in range(CALLS)]


def processor_time(call):
    start = time.process_time()
    call()
    return time.process_time() - start


def measure(python, way):
    output = subprocess.run(
        [python, "-m", "bench.newest_jax", "--one", way], cwd=ROOT, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    return json.loads(output.splitlines()[-1])


def main(older, newer):
    report = describe("python -m bench.newest_jax PYTHON PYTHON", ())
    pythons = {"older": older, "newer": newer}
    found = {(age, way): [] for age in pythons for way in WAYS}
    for _ in range(REPEATS):
        for (age, way), runs in found.items():
            runs.append(measure(pythons[age], way))
    for name in ("versions", "python"):
        report[name] = {age: found[age, "tiled"][0][name] for age in pythons}
    report["patients"] = PATIENTS
    for name in ("simulate", "blocks"):
        times = {f"{age}, {way}": [one["us_a_patient"][name] for one in runs]
                 for (age, way), runs in found.items()}  # fmt: skip
        middle = {label: median(each) for label, each in times.items()}
        ratios = {way: middle[f"older, {way}"] / middle[f"newer, {way}"] for way in WAYS}
        gains = {age: middle[f"{age}, untiled"] / middle[f"{age}, tiled"] for age in pythons}
        report[name] = {"us_a_patient": times, "median": middle, "older_over_newer": ratios,
                        "untiled_over_tiled": gains}  # fmt: skip
        print(name, ratios, gains)
    write_as("newest-jax", report)


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        of_a_process(sys.argv[2])
    else:
        main(*sys.argv[1:])
