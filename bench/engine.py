"""Speed and memory of the engine on this machine, and how they grow; raw numbers to bench/results.

    python -m bench.engine            (or: make bench)

Outcomes at the 2000-day horizon, preset kimmel2021-figures, sigma 0.05, tolerance 1e-3, float32.
Warm: the first call, which compiles, is timed apart. Host to host: from a sampled cohort to a
dataset. Peak memory is that of a fresh process, sampling included.
"""

import jax
import numpy as np

import vcohort as vc
from bench.machine import describe, in_turn, median, peak_memory, timed, write

REPEATS = 5
SPEED_PATIENTS = 1 << 20
PRICE_PATIENTS = 1 << 17
GROWTH_PATIENTS = tuple(10**power for power in range(3, 8))
MEMORY_PATIENTS = (1000, 100_000, 1_000_000, 10_000_000)
OUTCOME_ONLY = (vc.Outcome(),)
REGIMEN = vc.Regimen(vc.Infusion(100.0), vc.Lymphodepletion(100.0, 0.01))


def population():
    return vc.Population("kimmel2021-figures", 0.05)


def runner(cohort, method, **options):
    return lambda: vc.simulate(cohort, method, progress=False, **options)


def speed(method, endpoints):
    """Return seconds of the first call and of warm ones."""
    cohort = population().sample(SPEED_PATIENTS, seed=1)
    first = timed(runner(cohort.select(slice(0, 5000)), method, endpoints=endpoints))
    call = runner(cohort, method, endpoints=endpoints)
    seconds = [timed(call) for _ in range(REPEATS)]
    return {"patients": SPEED_PATIENTS, "first_call_s": first, "warm_s": seconds,
            "patients_per_s": SPEED_PATIENTS / median(seconds)}  # fmt: skip


def growth():
    """Return seconds against the number of patients."""
    rows = []
    for count in GROWTH_PATIENTS:
        cohort = population().sample(count, seed=1)
        repeats = REPEATS if count <= SPEED_PATIENTS else 2
        calls = {each: runner(cohort, each, endpoints=OUTCOME_ONLY) for each in ("exact", "hybrid")}
        rows += [{"method": method, "patients": count, "seconds": seconds}
                 for method, seconds in in_turn(calls, repeats).items()]  # fmt: skip
    return rows


def prices():
    """Return what is paid for more than outcomes: seconds over those of outcomes alone."""
    cohort = population().sample(PRICE_PATIENTS, seed=1)
    days = np.random.default_rng(1).uniform(80.0, 120.0, PRICE_PATIENTS)
    own = vc.Regimen(vc.Infusion(days), vc.Lymphodepletion(days, 0.01))
    alone = {"endpoints": OUTCOME_ONLY}
    options = {
        "outcomes alone": alone,
        "all endpoints": {},
        "float64": alone | {"dtype": "float64"},
        "a treatment on day 100": alone | {"regimen": REGIMEN},
        "a treatment on a day of each patient's own": alone | {"regimen": own},
        "100 saved days": alone | {"save_at": tuple(np.arange(20.0, 2001.0, 20.0))},
    }
    found = {}
    for method in ("exact", "hybrid"):
        calls = {name: runner(cohort, method, **option) for name, option in options.items()
                 if not (method == "exact" and "save_at" in option)}  # fmt: skip
        seconds = in_turn(calls, REPEATS)
        least = median(seconds["outcomes alone"])
        found[method] = {name: {"seconds": each, "times": median(each) / least}
                         for name, each in seconds.items()}  # fmt: skip
    return found


def run_once(patients):
    vc.simulate(population().sample(patients, seed=1), "exact", progress=False)


def memory(patients):
    program = f"from bench.engine import run_once; run_once({patients})"
    return {"patients": patients, "peak_GiB": peak_memory(program)}


def main():
    report = describe("python -m bench.engine", ("vcohort", "jax", "jaxlib", "numpy"))
    report["speed"] = {
        f"{method}, {label}": speed(method, endpoints)
        for method in ("exact", "hybrid", "deterministic")
        for label, endpoints in (("all endpoints", ()), ("outcome only", OUTCOME_ONLY))
    }
    report["growth"] = growth()
    report["prices"] = prices()
    jax.clear_caches()
    report["memory"] = [memory(patients) for patients in MEMORY_PATIENTS]
    for name, entry in report["speed"].items():
        print(f"{name}: {entry['patients_per_s']:,.0f} patients/s")
    for method, rows in report["prices"].items():
        for name, row in rows.items():
            print(f"{method}, {name}: {row['times']:.2f}")
    for entry in report["memory"]:
        print(f"{entry['patients']:,} exact patients: peak {entry['peak_GiB']:.2f} GiB")
    write("engine", report)


if __name__ == "__main__":
    main()
