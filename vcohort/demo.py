"""The main job on the data that comes with the package: a virtual ZUMA-1 trial."""

from __future__ import annotations

import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from rich.console import Console

from vcohort import data, plots
from vcohort.distributions import Empirical
from vcohort.files import replacing, save
from vcohort.models import presets
from vcohort.population import Population
from vcohort.simulate import simulate
from vcohort.summary import Summary, summarise, summary_table

SIGMA = 0.05


def run_demo(folder: Path, patients: int, seed: int, console: Console) -> None:
    """Run both presets with the trial's baseline tumours; write datasets and a picture."""
    baseline = Empirical(data.baseline_tumour_cells().values)
    cohorts = {
        name: Population(name, SIGMA, B0=baseline).sample(patients, seed) for name in presets()
    }
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, tuple[Summary, float]] = {}
    outcomes: dict[str, xr.Dataset] = {}
    written: list[Path] = []
    for name, cohort in cohorts.items():
        start = time.perf_counter()
        outcomes[name] = simulate(cohort, "hybrid", seed=seed)
        rows[name] = (summarise(outcomes[name]), time.perf_counter() - start)
        written.append(save(outcomes[name], folder / f"virtual-zuma1-{name}.nc"))
    written.append(_picture(outcomes, folder / "virtual-zuma1.png"))
    console.print(summary_table(rows))
    console.print("Patients a second: all of the run counts, compiling too.")
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True)


def _picture(cohorts: dict[str, xr.Dataset], path: Path) -> Path:
    days = np.linspace(0.0, 720.0, 361)
    trial = data.progression_free_survival()
    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    plots.progression_free_survival(cohorts, days, trial=trial, axes=axes)
    axes.set_title("Virtual ZUMA-1 trial", loc="left")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=160)
    plt.close(figure)
    return path
