"""Speed and memory of the engine on this machine; raw numbers go to bench/results.

    python bench/engine.py            (or: make bench)

Outcomes at the 2000-day horizon, preset kimmel2021-figures, sigma 0.05, tolerance 1e-3,
float32. Warm: the first call, which compiles, is timed apart. Host to host: from a sampled
cohort to a dataset. Peak memory is that of a fresh process, sampling included.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import jax

import vcohort as vc

RESULTS = Path(__file__).parent / "results"
REPEATS = 5
SPEED_PATIENTS = 1 << 20
MEMORY_PATIENTS = (100_000, 1_000_000, 10_000_000)
OUTCOME_ONLY = (vc.Outcome(),)


def population():
    return vc.Population("kimmel2021-figures", 0.05)


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def speed(method, endpoints):
    """Return seconds of the first call and of warm ones."""
    cohort = population().sample(SPEED_PATIENTS, seed=1)

    def call(patients=cohort):
        vc.simulate(patients, method, endpoints=endpoints, progress=False)

    first = timed(lambda: call(cohort.select(slice(0, 5000))))
    seconds = [timed(call) for _ in range(REPEATS)]
    return {"patients": SPEED_PATIENTS, "first_call_s": first, "warm_s": seconds,
            "patients_per_s": SPEED_PATIENTS / statistics.median(seconds)}  # fmt: skip


def gradient():
    """Return seconds of the mean cure probability, and of its gradient to K_C and gamma_B."""
    cohort = population().sample(1 << 17, seed=1)

    def mean(K_C, gamma_B):
        return vc.cure_probability(cohort.replace(K_C=K_C, gamma_B=gamma_B)).mean()

    forward, both = jax.jit(mean), jax.jit(jax.value_and_grad(mean, argnums=(0, 1)))
    arguments = jax.numpy.asarray(cohort["K_C"]), jax.numpy.asarray(cohort["gamma_B"])
    found = {}
    for name, program in (("forward", forward), ("with_gradient", both)):
        jax.block_until_ready(program(*arguments))
        found[f"{name}_s"] = [
            timed(lambda run=program: jax.block_until_ready(run(*arguments)))
            for _ in range(REPEATS)
        ]
    medians = [statistics.median(seconds) for seconds in found.values()]
    return found | {"patients": len(cohort), "ratio": medians[1] / medians[0]}


def peak_memory(patients):
    """Return the peak resident memory, in GiB, of an exact run in a process of its own."""
    program = f"from bench.engine import run_once; run_once({patients})"
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=RESULTS.parent.parent,
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return {"patients": patients, "peak_GiB": float(output)}


def run_once(patients):
    cohort = population().sample(patients, seed=1)
    vc.simulate(cohort, "exact", progress=False)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")


def main():
    report = {
        "command": "python bench/engine.py",
        "machine": {"processor": processor(), "cores": os.cpu_count(), "os": platform.platform()},
        "device": str(jax.devices()[0]),
        "versions": {name: version(name) for name in ("vcohort", "jax", "jaxlib", "numpy")},
        "python": platform.python_version(),
        "dtype": "float32",
    }
    report["speed"] = {
        f"{method}, {label}": speed(method, endpoints)
        for method in ("exact", "hybrid", "deterministic")
        for label, endpoints in (("all endpoints", ()), ("outcome only", OUTCOME_ONLY))
    }
    report["gradient"] = gradient()
    report["memory"] = [peak_memory(patients) for patients in MEMORY_PATIENTS]
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"engine-{jax.default_backend()}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    for name, entry in report["speed"].items():
        print(f"{name}: {entry['patients_per_s']:,.0f} patients/s")
    print(f"gradient over forward: {report['gradient']['ratio']:.2f}")
    for entry in report["memory"]:
        print(f"{entry['patients']:,} exact patients: peak {entry['peak_GiB']:.2f} GiB")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
