"""A virtual ZUMA-1: a population with memory cells that shows all that the trial showed.

    python -m experiments.zuma1            (writes vcohort/populations/shipped/zuma1.json)
    python -m experiments.zuma1 --judge    (holds 100,000 fresh patients against the trial)

Targets: progression-free survival every 5 days to day 400, then every 40 to day 720; complete
(54 %) and overall (82 %) best responses (Neelapu et al. 2017, N. Engl. J. Med. 377:2531), a
complete response being a tumour below 0.1 ml; quartiles of CAR T cell counts on days 7, 14, 28
and 90. Baseline volumes are the trial's own. Parameters lie within plausible ranges.

Of log-normal parameters of one kind of patients no search met survival and responses together: who
does not respond and who is cured differ too much. There are three kinds here, found by turns:
draw patients, weigh the plausible ones so that they show what the trial showed and as little else
as possible (vc.entropy_weights), move the kinds to where the weighted patients are (one step of
expectation maximisation: Dempster, Laird & Rubin 1977, J. R. Stat. Soc. B 39:1), draw again.
"""

import json
import sys
import warnings
from datetime import date
from pathlib import Path

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import vcohort as vc
from vcohort.analysis.information import Told
from vcohort.progress import progress_bar

FILE = Path(vc.__file__).parent / "populations" / "shipped" / "zuma1.json"
CURVE = np.r_[5.0:401.0:5.0, 440.0:721.0:40.0]
DAYS = (7.0, 14.0, 28.0, 90.0)
PROBABILITIES = {0.25: "q1", 0.5: "median", 0.75: "q3"}
COMPLETE, OVERALL, UNTIL = 0.54, 0.82, 180.0

# ZUMA-1 looked at its patients in week 4, then every three months from month 3 on.
VISITS = (28.0, 91.0, 182.0, 273.0, 364.0)

RANGES = {
    "r_B": (0.005, 1.0), "gamma_B": (0.01, 10.0), "k_B": (1e8, 1e11), "K_C": (1e10, 5e11),
    "rho_C": (0.001, 1.0), "b": (0.05, 2.0), "a": (0.05, 3.0), "k_CM": (1e-6, 0.01),
    "C0": (1e8, 2e9),
}  # fmt: skip

# Where the turns begin: shares, and medians of what tells the kinds apart.
KINDS = {
    0.7: {"r_B": 0.1, "gamma_B": 1.5, "k_B": 3.5e9, "rho_C": 0.08},
    0.2: {"r_B": 0.05, "gamma_B": 0.4, "k_B": 1e10, "rho_C": 0.035},
    0.1: {"r_B": 0.03, "gamma_B": 0.4, "k_B": 3e9, "rho_C": 0.08},
}
MEDIANS = {"K_C": 6.7e10, "b": 0.42, "a": 0.5, "k_CM": 8e-5, "C0": 4e8}
SPREADS = {"r_B": 1.0, "gamma_B": 1.0, "k_B": 0.8, "K_C": 0.35, "rho_C": 0.8, "b": 0.3, "a": 0.4,
           "k_CM": 0.9, "C0": 0.3}  # fmt: skip

PATIENTS, TURNS, TOLERANCE = 8192, 60, 0.02
FRESH, TRIAL = 100_000, 101


def population(joint):
    """Return the population of a joint distribution of the parameters that are sought."""
    return vc.Population(
        "kimmel2021-figures", model=vc.car_t(memory="linear"), joint=joint,
        B0=vc.Empirical(vc.data.baseline_tumour_cells().values),
        f_M=0.0, k_MC=0.0, d_M=0.0032, r_N=vc.LogNormal(0.18, 0.05),
    )  # fmt: skip


def beginning():
    """Return the kinds of patients before the first turn."""
    names = sorted(RANGES)
    covariance = np.diag([SPREADS[name] ** 2 for name in names])
    return vc.Mixture([
        (share, vc.MultivariateNormal(
            {name: (MEDIANS | own)[name] for name in names}, covariance, log=True
        ))
        for share, own in KINDS.items()
    ])  # fmt: skip


def wanted():
    """Return what the trial showed, by name."""
    curve = vc.data.progression_free_survival().sel(day=CURVE, method="ffill").values
    shown = {f"pfs_{day:g}": value for day, value in zip(CURVE, curve, strict=True)}
    shown |= {"complete": COMPLETE, "overall": OVERALL}
    return shown | {f"C_{name}_{day:g}": p for day in DAYS for p, name in PROBABILITIES.items()}


def shown_by(cohort):
    """Return what each patient shows, by the same names; NaN of who cannot be followed."""
    free = np.asarray(vc.progression_free_probability(cohort, CURVE)).T
    ds = vc.simulate(
        cohort, "deterministic", UNTIL, save_at=DAYS, endpoints=[vc.BestResponse(UNTIL)],
        progress=False,
    )  # fmt: skip
    best, counts = ds["best_response"].values, vc.data.t_cell_counts()
    cells = (ds["C"] + ds["M"]).values / vc.units.t_cells(1.0)
    below = [
        cells[:, place] < float(counts[f"car_t_{name}"].sel(day=day))
        for place, day in enumerate(DAYS)
        for name in PROBABILITIES.values()
    ]
    columns = [*free, best == 0, best <= 1, *below]
    shown = dict(zip(wanted(), np.array(columns, float), strict=True))
    lost = best < 0
    return {name: np.where(lost, np.nan, values) for name, values in shown.items()}


def weights(cohort, shown):
    """Return weights (patient,) by which plausible patients show what the trial showed."""
    plausible = np.all([
        (low <= cohort[name]) & (cohort[name] <= high) for name, (low, high) in RANGES.items()
    ], axis=0)  # fmt: skip
    plausible &= np.isfinite(list(shown.values())).all(axis=0)
    inside = {name: values[plausible] for name, values in shown.items()}
    weight = np.zeros(len(cohort))
    found = vc.entropy_weights(inside, wanted(), tolerance=TOLERANCE)
    weight[plausible] = found["weight"].values
    return weight / weight.sum()


def moved(mixture, logs, weight):
    """Return the kinds where the weighted patients (patient, parameter) are."""
    fits = [
        np.log(share) + multivariate_normal.logpdf(logs, np.log(kind.centre), kind.covariance)
        for share, kind in zip(mixture.shares, mixture.kinds, strict=True)
    ]
    belongs = np.exp(fits - logsumexp(fits, axis=0)) * weight
    shares = belongs.sum(axis=1)
    kinds = []
    for each, share in zip(belongs, shares, strict=True):
        centre = each @ logs / share
        away = logs - centre
        covariance = (away * each[:, None]).T @ away / share
        medians = dict(zip(mixture.names, np.exp(centre), strict=True))
        kinds.append(vc.MultivariateNormal(medians, (covariance + covariance.T) / 2, log=True))
    return vc.Mixture(list(zip(shares / shares.sum(), kinds, strict=True)))


def search():
    """Return the population that the turns come to."""
    mixture = beginning()
    with progress_bar("zuma1, turns", TURNS, None) as advance:
        for turn in range(TURNS):
            cohort = population(mixture).sample(PATIENTS, turn, design="sobol")
            weight = weights(cohort, shown_by(cohort))
            logs = np.log([cohort[name] for name in mixture.names]).T
            mixture = moved(mixture, logs, weight)
            advance(1)
    return population(mixture)


def ship(found):
    """Write the population with its targets and where it comes from."""
    trial, shown = wanted(), shown_by(found.sample(FRESH, seed=76))
    record = {
        "description": "ZUMA-1: axicabtagene ciloleucel in large B cell lymphoma, 101 patients",
        "record": found.to_record(),
        "targets": {
            name: {"wanted": float(trial[name]), "found_fresh": float(np.nanmean(values))}
            for name, values in shown.items()
        },
        "log_error": {name: round(each, 2) for name, each in errors_of(found).items()},
        "provenance": {
            "made_by": "python -m experiments.zuma1", "date": str(date.today()),
            "vcohort": vc.__version__,
        },
    }  # fmt: skip
    FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {FILE}")


def errors_of(found):
    """Return how well a trial of 101 patients tells each median: standard errors of the logs.

    All medians together, moved alike in all kinds; spreads and shares are held.
    """
    cohort = found.sample(4 * PATIENTS, seed=75, design="sobol")
    here = _means(cohort)
    error = np.sqrt(np.maximum(here * (1.0 - here), 1e-3) / TRIAL)
    step = 0.2
    slopes = [
        (_means(cohort.replace(**{name: cohort[name] * np.exp(step)})) - here) / step
        for name in RANGES
    ]
    errors = Told.by(np.array(slopes).T / error[:, None]).standard_errors()
    return dict(zip(RANGES, errors.tolist(), strict=True))


def _means(cohort):
    return np.nanmean(list(shown_by(cohort).values()), axis=1)


def judge():
    """Print how near fresh patients of the shipped population come."""
    cohort = vc.Population("zuma1").sample(FRESH, seed=77)
    trial, days = vc.data.progression_free_survival(), np.arange(0.0, 401.0)
    ds = vc.simulate(
        cohort, "exact", 400.0, progress=False,
        endpoints=[vc.BestResponse(UNTIL), vc.ProgressionAtVisits(VISITS)],
    )  # fmt: skip
    shown = trial.sel(day=days, method="ffill").values
    curve = vc.progression_free_survival(ds, days).values
    print(f"PFS, root-mean-square distance, days 0 to 400: {_rms(curve - shown):.4f}")
    best = ds["best_response"].values
    print(
        f"complete {np.mean(best == 0):.3f} (trial {COMPLETE}), overall {np.mean(best <= 1):.3f} "
        f"({OVERALL})"
    )
    _judge_visits(cohort, ds, days, shown)
    courses = vc.simulate(
        cohort.select(slice(0, 20_000)), "deterministic", 91.0, save_at=DAYS,
        endpoints=[vc.Outcome()], progress=False,
    )  # fmt: skip
    counts, car = vc.data.t_cell_counts(), courses["C"] + courses["M"]
    for p, name in PROBABILITIES.items():
        per_ul = car.quantile(p, "patient").values / vc.units.t_cells(1.0)
        ratio = per_ul / counts[f"car_t_{name}"].sel(day=list(DAYS)).values
        print(f"CAR T cells, {name}, over the trial's, days 7 to 90:", ratio.round(2))
    band = vc.virtual_trials(ds, days, TRIAL)
    inside = float(((band["lower"] <= shown) & (shown <= band["upper"])).mean())
    print(f"the trial inside the 90 % band of trials of {TRIAL}: {inside:.1%} of the days")
    outside = ds.attrs["patients_missing"]
    print(f"patients that cannot be followed: {outside}")


def _judge_visits(cohort, ds, days, shown):
    """Print the same for a trial that sees its patients at visits alone, or half of them so."""
    looks = vc.simulate(
        cohort, "exact", 400.0, endpoints=[vc.BestResponse(UNTIL + 2.0, visits=VISITS)],
        progress=False,
    )  # fmt: skip
    best = looks["best_response"].values
    seen = vc.progression_free_survival(vc.seen_at_visits(ds, 0.9), days).values
    print(
        f"judged at visits: complete {np.mean(best == 0):.3f}, overall {np.mean(best <= 1):.3f}; "
        f"PFS, nine progressions in ten showing by themselves: {_rms(seen - shown):.4f}"
    )


def _rms(gap):
    return float(np.sqrt(np.mean(gap**2)))


if __name__ == "__main__":
    if "--judge" not in sys.argv:
        with warnings.catch_warnings():
            # Each turn tells which targets it has not met yet.
            warnings.simplefilter("ignore", vc.VcohortWarning)
            ship(search())
    judge()
