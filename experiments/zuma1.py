"""A virtual ZUMA-1: a population with memory cells, calibrated to all that the trial showed.

    python -m experiments.zuma1            (writes vcohort/populations/shipped/zuma1.json)

Targets: progression-free survival every 10 days to day 400, then every 40 to day 720; quartiles of
CAR T cell counts on days 7, 14, 28 and 90; and, weighed little, complete (54 %) and overall (82 %)
best responses (Neelapu et al. 2017, N. Engl. J. Med. 377:2531), a complete response being a tumour
below 0.1 ml. No search has met survival and responses together; perhaps because a trial sees a
tumour that grows at its next scan, and the model when it does. Baseline volumes are the trial's
own. Then 100,000 fresh patients are held against the trial.
"""

import json
import sys
from datetime import date
from pathlib import Path

import numpy as np

import vcohort as vc

FILE = Path(vc.__file__).parent / "populations" / "shipped" / "zuma1.json"
CURVE = np.r_[0.0:401.0:10.0, 440.0:721.0:40.0]
DAYS = (7.0, 14.0, 28.0, 90.0)
PROBABILITIES = {0.25: "q1", 0.5: "median", 0.75: "q3"}
FREE = ("r_B", "gamma_B", "k_B", "K_C", "rho_C", "b", "a", "k_CM", "C0")
TIED = ("r_B", "gamma_B", "K_C", "rho_C", "k_CM")
FRESH, TRIAL = 100_000, 101


def population():
    """Return where the search begins: the fit to the median counts, and wide distributions."""
    return vc.Population(
        "kimmel2021-figures",
        model=vc.car_t(memory="linear"),
        B0=vc.Empirical(vc.data.baseline_tumour_cells().values),
        f_M=0.0, k_MC=0.0, d_M=0.0032, r_N=vc.LogNormal(0.18, 0.05),
        k_CM=vc.LogNormal(5e-5, 1.0), rho_C=vc.LogNormal(0.052, 0.9),
        K_C=vc.LogNormal(6.7e10, 0.32), b=vc.LogNormal(0.42, 0.13), a=vc.LogNormal(0.48, 0.18),
        gamma_B=vc.LogNormal(1.0, 0.8), r_B=vc.LogNormal(0.13, 0.8),
        k_B=vc.LogNormal(2.6e9, 0.5), C0=vc.LogNormal(5e8, 0.13),
    )  # fmt: skip


def targets():
    """Return what the trial showed, with errors that say how near the population must come."""
    counts = vc.data.t_cell_counts()
    quartiles = [
        vc.QuantileTarget(
            "C_per_ul",
            {p: float(counts[f"car_t_{name}"].sel(day=day)) for p, name in PROBABILITIES.items()},
            day=day, error=0.1,
        )
        for day in DAYS
    ]  # fmt: skip
    return [
        vc.SurvivalTarget(vc.data.progression_free_survival(), CURVE, error=0.01),
        vc.ResponseTarget(complete=0.54, overall=0.82, until=180.0, error=0.1),
        *quartiles,
    ]


def calibrate():
    """Search, print what was found, and ship it."""
    found = vc.calibrate(
        population(), targets(), list(FREE), correlated=TIED, n=1024, starts=1, trial_size=TRIAL
    )
    print(found[["location", "location_error", "spread", "spread_error"]].to_dataframe())
    print(found["correlation"].to_pandas().round(2))
    FILE.write_text(json.dumps(_record(found), indent=1) + "\n", encoding="utf-8")
    print(f"wrote {FILE}")


def _record(found):
    with np.errstate(all="ignore"):
        there = vc.calibrated(population(), found)
    columns = ("wanted", "error", "found", "found_fresh")
    return {
        "description": "ZUMA-1: axicabtagene ciloleucel in large B cell lymphoma, 101 patients",
        "record": there.to_record(),
        "targets": {
            str(label): {name: float(found[name].sel(statistic=label)) for name in columns}
            for label in found["statistic"].values
        },
        "untold": [
            str(name) for name in found["parameter"].values
            if not float(found["location_error"].sel(parameter=name)) < 0.5
        ],
        "provenance": {
            "made_by": "python -m experiments.zuma1", "date": str(date.today()),
            "vcohort": vc.__version__, "rms_calibrated": found.attrs["rms_calibrated"],
            "rms_fresh": found.attrs["rms_fresh"],
        },
    }  # fmt: skip


def judge():
    """Print how near fresh patients of the shipped population come."""
    cohort = vc.Population("zuma1").sample(FRESH, seed=77)
    trial, days = vc.data.progression_free_survival(), np.arange(0.0, 401.0)
    ds = vc.simulate(cohort, "exact", 400.0, endpoints=[vc.BestResponse(180.0)], progress=False)
    wanted = trial.sel(day=days, method="ffill").values
    curve = vc.progression_free_survival(ds, days).values
    print(f"PFS, root-mean-square distance, days 0 to 400: {_rms(curve - wanted):.4f}")
    best = ds["best_response"].values
    print(
        f"complete {np.mean(best == 0):.3f} (trial 0.54), overall {np.mean(best <= 1):.3f} (0.82)"
    )
    courses = vc.simulate(
        cohort.select(slice(0, 20_000)), "deterministic", 91.0, save_at=DAYS,
        endpoints=[vc.Outcome()], progress=False,
    )  # fmt: skip
    counts, car = vc.data.t_cell_counts(), courses["C"] + courses["M"]
    for p, name in PROBABILITIES.items():
        ratio = (
            car.quantile(p, "patient") / 5e8 / counts[f"car_t_{name}"].sel(day=list(DAYS)).values
        )
        print(f"CAR T cells, {name}, over the trial's, days 7 to 90:", ratio.values.round(2))
    band = vc.virtual_trials(ds, days, TRIAL)
    inside = float(((band["lower"] <= wanted) & (wanted <= band["upper"])).mean())
    print(f"the trial inside the 90 % band of trials of {TRIAL}: {inside:.1%} of the days")


def _rms(gap):
    return float(np.sqrt(np.mean(gap**2)))


if __name__ == "__main__":
    if "--judge" not in sys.argv:
        calibrate()
    judge()
