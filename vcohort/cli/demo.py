"""The main job on the data that comes with the package: a virtual ZUMA-1 trial."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from rich.console import Console

from vcohort import data, plots
from vcohort.cli.outputs import save_picture
from vcohort.errors import VcohortError
from vcohort.populations.distributions import Empirical
from vcohort.populations.population import Population
from vcohort.results.netcdf import save
from vcohort.results.saveable import check_saveable
from vcohort.results.summary import Summary, summarise, summary_table
from vcohort.simulation.simulate import simulate

SIGMA = 0.05
PRESETS = ("kimmel2021", "kimmel2021-figures")


def run_demo(folder: Path, patients: int, seed: int, console: Console, force: bool) -> None:
    """Run both published presets with the trial's baseline tumours; write datasets and a picture.

    ``force``: replace those that the folder holds already.
    """
    paths = {name: folder / f"virtual-zuma1-{name}.nc" for name in PRESETS}
    picture = folder / "virtual-zuma1.png"
    _check(folder, (*paths.values(), picture), force)
    baseline = Empirical(data.baseline_tumour_cells().values)
    cohorts = {
        name: Population(name, SIGMA, B0=baseline).sample(patients, seed) for name in PRESETS
    }
    rows: dict[str, tuple[Summary, float]] = {}
    outcomes: dict[str, xr.Dataset] = {}
    for name, cohort in cohorts.items():
        start = time.perf_counter()
        outcomes[name] = simulate(cohort, "hybrid", seed=seed)
        rows[name] = (summarise(outcomes[name]), time.perf_counter() - start)
    folder.mkdir(parents=True, exist_ok=True)
    written = [save(outcomes[name], path, overwrite=force) for name, path in paths.items()]
    _draw(outcomes)
    written.append(save_picture(picture, force))
    console.print(summary_table(rows))
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True)


def _check(folder: Path, paths: Sequence[Path], force: bool) -> None:
    """Refuse, before any work, a folder that cannot be written to, or that holds the files."""
    above = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    if not above.is_dir():
        raise VcohortError(f"{above} is a file. Give a folder to write to: -o FOLDER.")
    if above != folder:
        check_saveable(above / paths[0].name)
        return
    for path in paths:
        check_saveable(path, overwrite=force)


def _draw(cohorts: dict[str, xr.Dataset]) -> None:
    days = np.linspace(0.0, 720.0, 361)
    trial = data.progression_free_survival()
    _, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    plots.progression_free_survival(cohorts, days, trial=trial, axes=axes)
    axes.set_title("Virtual ZUMA-1 trial", loc="left")
