"""What a population's fit takes: 40 patients, 8 samples each, 4 random effects; to bench/results.

    python -m bench.populations      (or: make bench)

Simulated patients of the preset kimmel2021-median: five counts of CAR T cells and three volumes of
the tumour each, with log-normal errors, some below a limit. Laplace's method from 20 starts, and
stochastic approximation from its 4; double precision. Processor time of a fit when its programs are
compiled, wall time of the first, which compiles them; peak memory of a process that does one.
"""

import time

import numpy as np

import vcohort as vc
from bench.machine import describe, peak_memory, timed, write
from vcohort.units import CELLS_PER_ML, CELLS_PER_UL

REPEATS = 3
PATIENTS = 40
STARTS = {"laplace": 20, "saem": 4}
# What is asked of both: seconds of processor time, and GiB.
LIMITS = {"laplace": 60.0, "saem": 120.0, "memory": 2.0}

MEDIANS = {"K_C": 7.0e10, "rho_C": 0.030, "gamma_B": 0.78, "B0": 9.5e10}
SPREADS = {"K_C": 0.14, "rho_C": 0.35, "gamma_B": 0.10, "B0": 0.60}
# Days, error of the log, limit, and cells of one unit.
SAMPLES = {
    "C_per_ul": ((4.0, 7.0, 10.0, 14.0, 28.0), 0.30, 0.25, CELLS_PER_UL),
    "B_ml": ((0.0, 5.0, 10.0), 0.15, 0.2, CELLS_PER_ML),
}
SINGLE = vc.Cohort.from_values("kimmel2021-median")


def trial(seed):
    """Return a table of simulated patients."""
    random = np.random.default_rng(seed)
    own = {name: median * np.exp(SPREADS[name] * random.standard_normal(PATIENTS))
           for name, median in MEDIANS.items()}  # fmt: skip
    days = np.unique([day for each in SAMPLES.values() for day in each[0]])
    ds = vc.simulate(
        vc.Cohort.from_values("kimmel2021-median", **own), "deterministic", days[-1],
        save_at=tuple(days), dtype="float64", progress=False,
    )  # fmt: skip
    rows = {name: [] for name in ("patient", "day", "observable", "value", "below")}
    for name, (at, error, limit, unit) in SAMPLES.items():
        seen = ds[name[0]].sel(time=list(at)).values / unit
        seen = seen * np.exp(error * random.standard_normal(seen.shape))
        rows["patient"] += np.repeat(np.arange(PATIENTS), len(at)).tolist()
        rows["day"] += list(at) * PATIENTS
        rows["observable"] += [name] * seen.size
        rows["value"] += np.maximum(seen, limit).ravel().tolist()
        rows["below"] += (1.0 * (seen < limit)).ravel().tolist()
    return rows


def fit(method, seed):
    return vc.fit_population(
        trial(seed), list(MEDIANS), cohort=SINGLE, method=method, starts=STARTS[method],
        progress=False,
    )  # fmt: skip


def processor_seconds(call):
    before = time.process_time()
    call()
    return time.process_time() - before


def main():
    report = describe("python -m bench.populations", ("vcohort", "jax", "jaxlib", "numpy"))
    report |= {"dtype": "float64", "patients": PATIENTS, "starts": STARTS, "limits": LIMITS}
    report["methods"] = {}
    for method in STARTS:
        first = timed(lambda method=method: fit(method, 0))
        # Other trials of the same shape: what is compiled is compiled.
        warm = [processor_seconds(lambda method=method, seed=seed: fit(method, seed))
                for seed in range(1, 1 + REPEATS)]  # fmt: skip
        peak = peak_memory(f"from bench.populations import fit; fit({method!r}, 0)")
        report["methods"][method] = {
            "first_call_s": first,
            "processor_seconds": warm,
            "peak_GiB": peak,
        }
        print(f"{method}: {min(warm):.1f} to {max(warm):.1f} s of processor time (asked: "
              f"{LIMITS[method]:g}), first call {first:.1f} s, {peak:.2f} GiB")  # fmt: skip
    write("populations", report)


if __name__ == "__main__":
    main()
