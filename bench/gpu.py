"""Speed and memory on a GPU, in one run of under ten minutes; numbers to bench/results/gpu.json.

    python -m bench.gpu             on the GPU that JAX finds
    python -m bench.gpu --small     the same with few patients: to try it where there is no GPU

Preset kimmel2021-figures, sigma 0.05, 2000 days, outcomes alone, tolerance 1e-3, float32. Warm;
what is compared is run in turn. On a CPU the fused backend is run operation by operation, and the
kernel written by hand is plain C++: their times mean nothing there.
"""

import argparse
import json
import os
import subprocess
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import vcohort as vc
from bench.machine import describe, in_turn, median, timed, write_as
from bench.peers import cuda, diffrax_peer, engine, optional
from bench.workloads import HORIZON, LONG, SAVED, TOLERANCE, TRUTH, coarsest, of
from vcohort.engine.compiling.platform import platform
from vcohort.engine.execution import backend, executor
from vcohort.simulation.jobs import cure_job
from vcohort.simulation.preparation import prepare

REPEATS = 5
SIZES, SMALL = (1 << 14, 1 << 17, 1 << 20), (256, 512)
METHODS = ("exact", "hybrid", "deterministic")
BACKENDS = (backend.FUSED, backend.SCAN)
PACKAGES = ("vcohort", "jax", "jaxlib", "diffrax", "numpy")


def population():
    return vc.Population("kimmel2021-figures", 0.05)


def asked(name):
    """Ask for a backend from here on; None leaves it to the device."""
    os.environ[backend.VARIABLE] = name or ""


def on_the_device(cohort, method, name):
    """Return a call that computes a block where it lies, by a backend."""
    call = engine.lying(cohort, method)

    def by_it():
        asked(name)
        return call()

    return by_it


def blocks(sizes):
    """Return seconds of a block by method, backend and size, nothing but the device's work."""
    rows = []
    for size in sizes:
        cohort = population().sample(size, seed=1)
        calls = {(method, name): on_the_device(cohort, method, name)
                 for method in METHODS for name in BACKENDS}  # fmt: skip
        rows += [{"patients": size, "method": method, "backend": name, "seconds": seconds}
                 for (method, name), seconds in in_turn(calls, REPEATS).items()]  # fmt: skip
    return rows


def graphs(size):
    """Return seconds of the exact loop with and without CUDA graphs."""
    call = on_the_device(population().sample(size, seed=1), "exact", backend.SCAN)
    seconds = {"with": in_turn({"": call}, REPEATS)[""]}
    kind, options = platform(), executor.compiler_options
    executor.compiled_for.cache_clear()
    executor.compiler_options = lambda kind: {}
    try:
        seconds["without"] = in_turn({"": call}, REPEATS)[""]
    finally:
        executor.compiler_options = options
        executor.compiled_for.cache_clear()
    return {"device": kind, "patients": size, "seconds": seconds}


def by_hand(size):
    """Return seconds of the kernel written by hand, and of the fused program, on the same steps."""
    given = of(population().sample(size, seed=1))
    steps = engine.grid(given.cohort, "exact")
    kernel = (cuda.OnAGpu if platform() == "gpu" else cuda.OnACpu)(given.values, *steps)
    calls = {"by hand": kernel, "fused": on_the_device(given.cohort, "exact", backend.FUSED)}
    seconds = in_turn(calls, REPEATS)
    (outcome, day), (ours, when) = kernel(), calls["fused"]()
    shares = {name: np.bincount(found, minlength=3).tolist()
              for name, found in (("by hand", outcome), ("fused", ours))}  # fmt: skip
    days = {"by hand": float(day.mean()), "fused": float(when.mean())}
    return {"patients": size, "seconds": seconds, "outcomes": shares, "mean_day": days}


def whole(size):
    """Return seconds from a population to a dataset, and what of them is sampling."""
    asked(None)
    options = {"method": "exact", "endpoints": (vc.Outcome(),), "progress": False}
    vc.simulate(population().sample(size, seed=1), **options)
    rows = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        cohort = population().sample(size, seed=1)
        sampled = time.perf_counter()
        vc.simulate(cohort, **options)
        end = time.perf_counter()
        rows.append({"sampling": sampled - start, "simulating": end - sampled})
    return {"patients": size, "seconds": rows}


def probabilities(size):
    """Return seconds of P(cure) of a block, and of its mean with the gradient to its values."""
    cohort = population().sample(size, seed=1)
    run = vc.Run(method="exact", tolerance=TOLERANCE)
    prepared = prepare(cohort, run, ())
    block = jax.device_put(prepared.table.take(slice(0, size), np.dtype("f4")))
    job = cure_job(cohort.model, prepared.grid)

    def plain(name):
        def call():
            asked(name)
            return jax.block_until_ready(job.work(block))

        return call

    def with_gradient(names):
        values = {name: jnp.asarray(cohort[name], jnp.float32) for name in names}
        mean = jax.jit(
            jax.value_and_grad(lambda own: vc.cure_probability(cohort.replace(**own)).mean())
        )
        return lambda: jax.block_until_ready(mean(values))

    nine = ("r_N", "rho_C", "K_N", "K_C", "a", "b", "r_B", "gamma_B", "k_B")
    calls = {"P(cure), fused": plain(backend.FUSED), "P(cure), scan": plain(backend.SCAN),
             "gradient to K_C": with_gradient(("K_C",)),
             "gradient to nine": with_gradient(nine)}  # fmt: skip
    return {"patients": size, "seconds": in_turn(calls, REPEATS)}


def against_diffrax(size):
    """Return seconds of diffrax under vmap at the same error, equations and cure integral alone."""
    truth = jnp.asarray(of(population().sample(TRUTH, seed=1)).values)
    solve = diffrax_peer.adaptive
    rtol, error = coarsest(
        diffrax_peer.TOLERANCES,
        lambda rtol: np.stack(solve(truth, jnp.asarray(LONG), rtol)).swapaxes(1, 2),
        LONG,
    )
    given = of(population().sample(size, seed=1))
    values, days = jnp.asarray(given.values), jnp.asarray([HORIZON])
    calls = {"diffrax": lambda: jax.block_until_ready(solve(values, days, rtol, law=True)),
             "exact": on_the_device(given.cohort, "exact", None)}  # fmt: skip
    return {"patients": size, "rtol": rtol, "error": error, "seconds": in_turn(calls, REPEATS)}


def against_others(size):
    """Return seconds of states at day 200, host to host, by peers; why some do not run here."""
    present, absent = optional.tuned(SAVED)
    given = of(population().sample(size, seed=1))
    calls = {name: partial(peer.states, given.values, SAVED[-1:], rtol)
             for name, (peer, rtol, _) in present.items()}  # fmt: skip
    calls["vcohort"] = lambda: engine.states(given.cohort, SAVED[-1:])
    settings = {name: {"rtol": rtol, "error": error} for name, (_, rtol, error) in present.items()}
    seconds = in_turn(calls, REPEATS)
    return {"patients": size, "settings": settings, "seconds": seconds, "absent": absent}


def bits(sizes):
    """Return whether a patient's outcome has the same bits in blocks of two sizes, by backend."""
    found = {}
    for name in BACKENDS:
        for method in ("exact", "hybrid"):
            cohort = population().sample(sizes[-1], seed=1)
            few, many = (
                [each[: sizes[0]] for each in on_the_device(some, method, name)()]
                for some in (cohort.select(slice(0, sizes[0])), cohort)
            )
            pairs = zip(few, many, strict=True)
            found[f"{method}, {name}"] = [float((one == other).mean()) for one, other in pairs]
    return {"blocks": [sizes[0], sizes[-1]], "same": found}


def agreement(size):
    """Return in how many patients the two backends differ, and by how many days at most."""
    found = {}
    cohort = population().sample(size, seed=1)
    for method in METHODS:
        one, other = (on_the_device(cohort, method, name)()
                      for name in BACKENDS)  # fmt: skip
        same = one[0] == other[0]
        days = np.abs(one[1] - other[1])[same]
        found[method] = {"other_outcome": int((~same).sum()), "largest_days": float(days.max())}
    return {"patients": size, "methods": found}


def memory():
    known = jax.local_devices()[0].memory_stats() or {}
    return {name: known[name] for name in ("bytes_limit", "peak_bytes_in_use") if name in known}


def driver():
    try:
        asked_for = "--query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit"
        output = subprocess.run(["nvidia-smi", asked_for, "--format=csv,noheader"],
                                capture_output=True, text=True, check=True)  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return output.stdout.strip()


def main(small):
    sizes = SMALL if small else SIZES
    command = "python -m bench.gpu" + (" --small" if small else "")
    report = describe(command, PACKAGES) | {"driver": driver()}
    if small and platform() != "gpu":
        report["note"] = "Not on a GPU: tried from end to end, and its times mean nothing."
    work = {
        "blocks": lambda: blocks(sizes),
        "by hand": lambda: by_hand(sizes[-1]),
        "graphs": lambda: graphs(sizes[-1]),
        "population to dataset": lambda: whole(4 * sizes[-1]),
        "probabilities": lambda: probabilities(sizes[-1]),
        "diffrax": lambda: against_diffrax(sizes[-2]),
        "others": lambda: against_others(sizes[-2]),
        "bits": lambda: bits(sizes[-2:]),
        "agreement": lambda: agreement(sizes[-2]),
    }
    for name, measure in work.items():
        taken = timed(lambda name=name, measure=measure: report.update({name: measure()}))
        print(f"{name}: {taken:.0f} s in all; {json.dumps(report[name])[:600]}", flush=True)
        report[name] = {"taken_s": taken, "found": report[name]}
    report["memory"] = memory()
    write_as("gpu-small" if small else "gpu", report)
    for row in report["blocks"]["found"]:
        rate = row["patients"] / median(row["seconds"])
        print(f"{row['method']}, {row['backend']}, {row['patients']:,}: {rate:,.0f} a second")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="few patients, to try it")
    main(parser.parse_args().small)
