"""The main job on the data that comes with the package: a virtual ZUMA-1 trial."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from rich.console import Console

from vcohort import data, plots
from vcohort.cli.outputs import save_picture
from vcohort.endpoints import BestResponse, Outcome
from vcohort.errors import VcohortError
from vcohort.populations.distributions import Empirical
from vcohort.populations.population import Population
from vcohort.regimens.regimen import Infusion, Lymphodepletion, Regimen
from vcohort.results.netcdf import save
from vcohort.results.saveable import check_saveable
from vcohort.results.summary import Summary, summarise, summary_table
from vcohort.simulation.simulate import simulate

SIGMA = 0.05
PRESETS = ("kimmel2021", "kimmel2021-figures")

# What a second infusion is in the picture: on a day on which few have progressed, after all but a
# hundredth of the T cells are gone.
SECOND_DAY, SURVIVAL = 60.0, 0.01

CALIBRATED, COURSES = "calibrated", "courses"
AGAIN = f"second infusion on day {SECOND_DAY:g}, prepared"
ARMS = (CALIBRATED, AGAIN, COURSES, *PRESETS)

# Patients whose courses are kept, and days on which they are.
FEW, COURSE_DAYS = 4000, np.arange(1.0, 181.0).tolist()

# Error of the logs of what is but drawn: few tumours in thousands are killed too fast for less.
_DRAWN = 5e-3

# Best responses of ZUMA-1 (Neelapu et al. 2017, N. Engl. J. Med. 377:2531).
RESPONSES = {"CR": 0.54, "PR": 0.28}
TRIAL_SIZE = 101


def run_demo(folder: Path, patients: int, seed: int, console: Console, force: bool) -> None:
    """Run the calibrated population, and the published presets; write datasets and pictures.

    ``force``: replace those that the folder holds already.
    """
    paths = {name: folder / f"virtual-zuma1-{_file_name(name)}.nc" for name in ARMS}
    pictures = folder / "virtual-zuma1.png", folder / "published-presets.png"
    _check(folder, (*paths.values(), *pictures), force)
    rows: dict[str, tuple[Summary, float]] = {}
    outcomes: dict[str, xr.Dataset] = {}
    for name, run in _arms(patients, seed).items():
        start = time.perf_counter()
        outcomes[name] = run()
        if name != COURSES:
            rows[name] = (summarise(outcomes[name]), time.perf_counter() - start)
    folder.mkdir(parents=True, exist_ok=True)
    written = [save(outcomes[name], path, overwrite=force) for name, path in paths.items()]
    _draw_trial(outcomes)
    written.append(save_picture(pictures[0], force))
    _draw_presets(outcomes)
    written.append(save_picture(pictures[1], force))
    console.print(summary_table(rows))
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True)


def _arms(patients: int, seed: int) -> dict[str, Callable[[], xr.Dataset]]:
    """Return what is run, by name."""
    cohort = Population("zuma1").sample(patients, seed)
    again = Regimen(Infusion(SECOND_DAY), Lymphodepletion(SECOND_DAY, SURVIVAL))
    baseline = Empirical(data.baseline_tumour_cells().values)

    def published(name: str) -> Callable[[], xr.Dataset]:
        drawn = Population(name, SIGMA, B0=baseline).sample(patients, seed)
        return lambda: simulate(drawn, "hybrid", seed=seed)

    return {
        CALIBRATED: lambda: simulate(cohort, "exact", seed=seed, endpoints=[BestResponse()]),
        AGAIN: lambda: simulate(
            cohort, "exact", seed=seed, regimen=again, endpoints=[BestResponse()],
            tolerance=_DRAWN,
        ),
        COURSES: lambda: simulate(
            cohort.select(slice(0, FEW)), "deterministic", 200.0, save_at=COURSE_DAYS,
            endpoints=[Outcome()], tolerance=_DRAWN,
        ),
        **{name: published(name) for name in PRESETS},
    }  # fmt: skip


def _file_name(name: str) -> str:
    return name.partition(" on ")[0].replace(" ", "-")


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


def _draw_trial(outcomes: dict[str, xr.Dataset]) -> None:
    """Draw survival, CAR T cell counts and responses beside the trial's."""
    figure, axes = plt.subplots(1, 3, figsize=(14, 5.6), layout="constrained")
    arms = {name: outcomes[name] for name in (CALIBRATED, AGAIN)}
    # Of a few patients no trials can be made.
    size = TRIAL_SIZE if outcomes[CALIBRATED].sizes["patient"] >= 20 * TRIAL_SIZE else None
    plots.progression_free_survival(
        arms, np.linspace(0.0, 720.0, 361), trial=data.progression_free_survival(),
        trial_size=size, axes=axes[0],
    )  # fmt: skip
    counts = data.t_cell_counts().rename({f"car_t_{name}": name for name in data.QUARTILES})
    plots.car_t_kinetics(outcomes[COURSES], trial=counts, axes=axes[1])
    plots.tumour_responses(outcomes[CALIBRATED], trial=RESPONSES, axes=axes[2])
    figure.suptitle("A virtual ZUMA-1 trial", x=0.01, ha="left")


def _draw_presets(outcomes: dict[str, xr.Dataset]) -> None:
    figure, axes = plt.subplots(figsize=(6.4, 5.4), layout="constrained")
    plots.progression_free_survival(
        {name: outcomes[name] for name in PRESETS}, np.linspace(0.0, 720.0, 361),
        trial=data.progression_free_survival(), axes=axes,
    )  # fmt: skip
    figure.suptitle("The paper's median patient, with the trial's tumours", x=0.01, ha="left")
