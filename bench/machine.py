"""What every benchmark shares: the machine, a clock, a fresh process for peak memory."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jax

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"


def describe(command, packages):
    """Return where and with what a benchmark was run."""
    return {
        "command": command,
        "machine": {"processor": processor(), "cores": os.cpu_count(), "os": platform.platform()},
        "device": str(jax.devices()[0]),
        "versions": {name: installed(name) for name in packages},
        "python": platform.python_version(),
        "dtype": "float32",
    }


def processor():
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")


def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def of_process(program, check=False, **options):
    """Run a program; return how it ended, and processor and wall seconds, of all that it starts."""
    before = os.times()
    done = subprocess.run(program, check=check, capture_output=True, text=True, **options)
    after = os.times()
    return done, sum(after[2:4]) - sum(before[2:4]), after.elapsed - before.elapsed


def clean():
    """Return the environment, without a cache of programs from before."""
    return {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}


def in_turn(calls, repeats):
    """Return seconds of each call, warm, run one after the other so that noise hits all alike."""
    for call in calls.values():
        call()
    seconds = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            seconds[name].append(timed(call))
    return seconds


def median(seconds):
    return statistics.median(seconds)


def peak_memory(program):
    """Return the peak resident memory, in GiB, of a program in a process of its own."""
    ending = "; from bench.machine import print_peak; print_peak()"
    output = subprocess.run(
        [sys.executable, "-c", program + ending], cwd=ROOT, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    return float(output)


def print_peak():
    """Print the peak of this program alone: what ``getrusage`` knows begins with its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    print(int(peak) / 2**20)


def write(name, report):
    write_as(f"{name}-{jax.default_backend()}", report)


def write_as(name, report):
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    print(f"wrote {path}")
