"""The synthetic trial that comes with the package: patients whose truth is known.

    python experiments/synthetic_trial.py

Writes vcohort/data/synthetic_trial.csv (in the format of NONMEM) and synthetic_trial_survival.csv.
Forty patients of the population below get 2e6 CAR T cells per kg; their CAR T cells in blood and
the volume of their tumour are measured with log-normal errors until they progress or are censored;
some samples are missing, and what is below the limit of quantification is flagged. Whoever is
younger has faster CAR T cells; SEX does nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import vcohort as vc
from vcohort.units import CELLS_PER_ML, CELLS_PER_UL

SEED = 2024
PATIENTS = 40
PRESET = "kimmel2021-median"

# Medians and standard deviations of logs between patients; what is not named is the preset's.
MEDIANS = {"K_C": 7.0e10, "rho_C": 0.030, "gamma_B": 0.78, "B0": 9.5e10}
SPREADS = {"K_C": 0.14, "rho_C": 0.35, "gamma_B": 0.10, "B0": 0.60}
# rho_C goes with (AGE / 60)^-1.
AGE_EXPONENT = -1.0
ERRORS = {"C_per_ul": 0.30, "B_ml": 0.15}
LIMITS = {"C_per_ul": 0.25, "B_ml": 0.2}
DVID = {"C_per_ul": 1, "B_ml": 2}

BLOOD_DAYS = np.array([2, 4, 7, 10, 14, 21, 28, 42, 60, 90, 120], float)
SCAN_DAYS = np.array([0, 14, 28, 91, 182], float)
MISSING = 0.08
CENSORED_FROM, CENSORED_TO = 150.0, 540.0

FOLDER = Path(__file__).parent.parent / "vcohort" / "data"


def people(random: np.random.Generator) -> pd.DataFrame:
    """Return the covariates, a row a patient."""
    return pd.DataFrame({
        "ID": np.arange(1, PATIENTS + 1),
        "AGE": np.clip(random.normal(60, 10, PATIENTS).round(), 25, 80).astype(int),
        "WT": np.clip(random.normal(78, 14, PATIENTS), 45, 130).round(1),
        "SEX": random.choice(["F", "M"], PATIENTS),
    })  # fmt: skip


def truth(who: pd.DataFrame, random: np.random.Generator) -> vc.Cohort:
    """Return the patients' own parameters."""
    own = {
        name: median * np.exp(SPREADS[name] * random.standard_normal(PATIENTS))
        for name, median in MEDIANS.items()
    }
    own["rho_C"] *= (who["AGE"].to_numpy() / 60.0) ** AGE_EXPONENT
    return vc.Cohort.from_values(PRESET, **own)


def make() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trial's two tables: measurements with doses, and events."""
    random = np.random.default_rng(SEED)
    who = people(random)
    cohort = truth(who, random)
    dose = 2e6 * who["WT"].to_numpy()
    days = np.union1d(BLOOD_DAYS, SCAN_DAYS)
    ds = vc.simulate(
        cohort, "hybrid", CENSORED_TO, regimen=vc.Regimen(vc.Infusion(0.0, dose)), seed=SEED,
        save_at=tuple(days), dtype="float64", endpoints=[vc.Outcome()], progress=False,
    )  # fmt: skip
    lost = random.uniform(CENSORED_FROM, CENSORED_TO, PATIENTS)
    progressed = (ds["outcome"].values == 2) & (ds["event_time"].values <= lost)
    until = np.where(progressed, ds["event_time"].values, lost).round(1)
    courses = {"C_per_ul": (ds["C"] / CELLS_PER_UL, BLOOD_DAYS),
               "B_ml": (ds["B"] / CELLS_PER_ML, SCAN_DAYS)}  # fmt: skip
    rows: list[dict[str, Any]] = []
    for patient, person in enumerate(who.to_dict("records")):
        rows.append(person | {"TIME": 0.0, "AMT": dose[patient], "EVID": 1, "MDV": 1})
        for name, (course, at) in courses.items():
            for day in at[at <= until[patient]]:
                error = np.exp(ERRORS[name] * random.standard_normal())
                is_missing = random.random() < MISSING and day > 0
                value = float(course.sel(time=day)[patient]) * error
                rows.append(person | _row(name, day, None if is_missing else value))
    data = pd.DataFrame(rows).sort_values(["ID", "TIME", "EVID"], ascending=[True, True, False],
                                          kind="stable")  # fmt: skip
    order = ["ID", "TIME", "AMT", "EVID", "MDV", "DVID", "DV", "BLQ", "LLOQ", "AGE", "WT", "SEX"]
    survival = pd.DataFrame({"id": who["ID"], "time": until, "event": progressed.astype(int)})
    return data[order], survival


def _row(name: str, day: float, value: float | None) -> dict[str, Any]:
    """Return what the laboratory reports; a sample that was not taken is a gap."""
    base = {"TIME": day, "EVID": 0, "MDV": int(value is None), "DVID": DVID[name]}
    if value is None:
        return base
    limit = LIMITS[name]
    below = value < limit
    return base | {"DV": limit if below else float(f"{value:.3g}"), "BLQ": int(below),
                   "LLOQ": limit}  # fmt: skip


def _notes(what: str) -> str:
    told = {f"median {name}": f"{value:g}" for name, value in MEDIANS.items()}
    told |= {f"standard deviation of ln {name}": f"{value:g}" for name, value in SPREADS.items()}
    told |= {f"standard deviation of ln {name}'s error": f"{each:g}"
             for name, each in ERRORS.items()}  # fmt: skip
    lines = [
        f"{what} No patient is real: made by experiments/synthetic_trial.py, seed {SEED}.",
        f"The preset {PRESET}, but for {'; '.join(f'{name} {each}' for name, each in told.items())}"
        f"; rho_C goes with (AGE / 60)^{AGE_EXPONENT:g}.",
        "Days, cells (AMT), CAR T cells per microlitre (DVID 1) and tumour in ml (DVID 2).",
    ]
    return "".join(f"# {line}\n" for line in lines)


def write() -> None:
    """Write both files."""
    data, survival = make()
    for name, table, what in (
        ("synthetic_trial", data, "A synthetic trial of 40 patients: doses and measurements."),
        ("synthetic_trial_survival", survival, "A synthetic trial of 40 patients: progression."),
    ):
        text = table.to_csv(index=False, na_rep=".", lineterminator="\n", float_format="%.6g")
        (FOLDER / f"{name}.csv").write_text(_notes(what) + text, encoding="utf-8")


if __name__ == "__main__":
    write()
