"""What the experiments share: arguments, files, findings, a few measures.

An experiment is a module with ``TITLE``, ``run(patients, seed)``, which returns a dataset,
``draw(ds)``, which returns a figure, and ``compare(ds)``, which returns findings.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from published import PATIENTS as PUBLISHED_PATIENTS

import vcohort as vc

FIGURES, TABLE_1 = "kimmel2021-figures", "kimmel2021"
PRESETS = (FIGURES, TABLE_1)
MEDIAN_FIT = "kimmel2021-median"

# The smallest, the median and the largest tumour of ZUMA-1, in ml, as in the paper.
TUMOURS_ML = {"smallest": 2.3, "median": 94.84, "largest": 1275.3}

# The tumour's growth rates of figure 3b, per day.
GROWTH = {"slow": 0.105, "medium": 0.19, "fast": 0.265}

# The variability between patients of figures 3c, 3d and 4.
SIGMA = 0.05

YES = "reproduced"
OTHER_PRESET = "reproduced with the other preset"
OTHER_WAY = "reproduced as the code has it, not the text"
PARTLY = "reproduced in part"
NO = "not reproduced"


class Finding(NamedTuple):
    """A statement of the paper beside ours."""

    statement: str
    published: str
    ours: str
    verdict: str
    why: str = ""
    # In a line, where the paper and its code differ.
    differ: str = ""


def verdict(holds: bool, partly: bool = False) -> str:
    """Return the plain verdict; ``partly`` counts where the whole does not hold."""
    return YES if holds else (PARTLY if partly else NO)


def outcomes(population: vc.Population, patients: int, seed: int, **options) -> xr.Dataset:
    """Run a population by the closed form, for outcomes alone."""
    cohort = population.sample(patients, seed=seed)
    return vc.simulate(
        cohort, "exact", seed=seed, endpoints=[vc.Outcome()], progress=False, **options
    )


def cured(ds: xr.Dataset) -> float:
    """Return the share of patients whose first event is cure."""
    return float((ds["outcome"] == 1).mean())


def free_at_720(ds: xr.Dataset) -> float:
    """Return the share that has not progressed by day 720, the paper's "probability of CR"."""
    return float(vc.progression_free_survival(ds, [720.0])[0])


def days_of(ds: xr.Dataset, outcome: int) -> np.ndarray:
    """Return the days of one outcome: 1 cure, 2 progression."""
    return ds["event_time"].values[ds["outcome"].values == outcome].astype(float)


def standard_error(share: float, patients: int) -> float:
    """Return the Monte Carlo error of a share; that of one patient at the least."""
    return float(np.sqrt(max(share * (1 - share), 1 / patients) / patients))


def deviations(ours, published, patients: int) -> np.ndarray:
    """Return by how many standard errors shares of ``patients`` differ from published ones."""
    errors = [
        np.hypot(standard_error(float(theirs), PUBLISHED_PATIENTS), standard_error(own, patients))
        for own, theirs in zip(np.ravel(ours).tolist(), np.ravel(published), strict=True)
    ]
    return (np.ravel(ours) - np.ravel(published)) / np.array(errors)


def variable(values, dims, units: str, long_name: str) -> tuple:
    """Return a dataset's variable with its units and name."""
    return dims, values, {"units": units, "long_name": long_name}


def write(module, patients: int, seed: int, out: Path) -> list[Finding]:
    """Run an experiment, write its dataset and picture into ``out``, return its findings."""
    name = module.__spec__.name if module.__spec__ else Path(module.__file__).stem
    ds = module.run(patients, seed).assign_attrs(patients=patients, experiment_seed=seed)
    vc.save(ds, out / f"{name}.nc")
    figure: Figure = module.draw(ds)
    figure.savefig(out / f"{name}.png", dpi=150)
    plt.close(figure)
    return module.compare(ds)


def main() -> None:
    """Run the experiment that is the program, by its command line."""
    module = sys.modules["__main__"]
    parser = argparse.ArgumentParser(description=module.__doc__)
    parser.add_argument("--patients", type=int, default=10_000, help="virtual patients a cohort")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder to write to")
    arguments = parser.parse_args()
    if arguments.patients < 100:
        parser.error("--patients: give at least 100, for shares to mean anything")
    arguments.out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    for finding in write(module, arguments.patients, arguments.seed, arguments.out):
        print(f"{finding.statement}\n   published: {finding.published}\n   ours: {finding.ours}")
        print(f"   {finding.verdict}. {finding.why}".rstrip())
    name = Path(module.__file__).stem
    print(f"wrote {arguments.out}/{name}.nc and .png in {time.perf_counter() - start:.1f} s")
