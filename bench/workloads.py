"""The work that all engines are given, and its truth."""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

import vcohort as vc

NAMES = ("r_N", "rho_C", "K_N", "K_C", "a", "b", "r_B", "gamma_B", "k_B", "N0", "C0", "B0")
HORIZON, PROGRESSION, THRESHOLD = 2000.0, 1.2, 100.0
TOLERANCE = 1e-3
SAVED = tuple(float(day) for day in np.arange(2, 202, 2))
LONG = (10.0, 30.0, 100.0, 300.0, 1000.0, HORIZON)
TRUTH = 257

# A tumour of e^5 times its first size has progressed long ago; below e^-5 cells nothing is left.
_GROWN, _GONE = 5.0, -5.0


class Patients(NamedTuple):
    """A cohort, and its values (name, patient) in float32, as programs outside vcohort take it."""

    cohort: vc.Cohort
    values: np.ndarray


def patients(count, seed=1):
    """Return patients of the paper's figures, all nine parameters sampled with sigma 0.05."""
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(count, seed=seed)
    return of(cohort)


def of(cohort):
    return Patients(cohort, np.stack([np.asarray(cohort[name], np.float32) for name in NAMES]))


def crossing(count, share, order):
    """Return patients of whom a share falls below the threshold, those first or shuffled."""
    cohort, low = _pool()
    rng = np.random.default_rng(3)
    below = round(share * count)
    chosen = np.concatenate([
        rng.choice(np.flatnonzero(low), below), rng.choice(np.flatnonzero(~low), count - below)
    ])  # fmt: skip
    if order == "shuffled":
        rng.shuffle(chosen)
    return of(cohort.select(chosen))


@cache
def _pool():
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(1 << 17, seed=2)
    found = vc.simulate(cohort, "deterministic", endpoints=(vc.Nadir(),), progress=False)
    return cohort, found["nadir"].values < THRESHOLD


def rates(values, logs):
    """Return the slopes of ln N, ln C and ln B of one patient, in numpy."""
    p = dict(zip(NAMES, values, strict=True))
    normal, car = np.exp(logs[0]), np.exp(logs[1])
    crowd, share = np.log(normal + car), (normal + car) / p["K_N"]
    gap = (share - 1.0) ** 2
    r_C = p["rho_C"] + p["b"] * gap / (p["a"] * share**2 + gap)
    killing = p["gamma_B"] * car / (p["k_B"] + car)
    return np.array([
        -p["r_N"] * (crowd - np.log(p["K_N"])), -r_C * (crowd - np.log(p["K_C"])),
        p["r_B"] - killing,
    ])  # fmt: skip


@cache
def truth(days):
    """Return ln N, ln C, ln B (state, day, patient) of 257 patients: DOP853, float64, 1e-10."""
    found = np.empty((3, len(days), TRUTH))
    for patient, values in enumerate(patients(TRUTH).values.T.astype(np.float64)):
        first = np.log(values[-3:])
        solution = solve_ivp(
            lambda _, logs, own=values: rates(own, logs), (0.0, days[-1]), first, "DOP853", days,
            rtol=1e-10, atol=1e-10,
        )  # fmt: skip
        found[:, :, patient] = solution.y
    return found


def error(logs, days):
    """Return the largest error of ln N, ln C, ln B (state, day, patient) of the 257 patients."""
    top = np.log(patients(TRUTH).values[-1]) + _GROWN

    def seen(states):
        tumour = np.minimum(states[2:], top)
        return np.maximum(np.concatenate([states[:2], tumour]), _GONE)

    return float(np.max(np.abs(seen(np.asarray(logs, np.float64)) - seen(truth(days)))))


def coarsest(settings, solve, days):
    """Return the first of the settings, coarsest first, within the tolerance, and its error."""
    for setting in settings:
        found = error(solve(setting), days)
        if found <= TOLERANCE:
            return setting, found
    raise RuntimeError("no setting is within the tolerance")
