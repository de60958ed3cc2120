"""What blocks of patients are put through: to draw their outcomes, to say what they may expect."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from vcohort.engine.chance.random import Key, seed_key
from vcohort.engine.closed_forms.progression import probabilities
from vcohort.engine.execution.blocks import Job
from vcohort.engine.execution.executor import execute
from vcohort.engine.execution.loop import Programs
from vcohort.engine.inputs import GridSpec, Patients, Settings
from vcohort.engine.integrator.grid import grid_points
from vcohort.engine.methods.tumour import SMALL
from vcohort.engine.programs.cure import Cure
from vcohort.engine.programs.cure_of_clones import Extinction, RatesOnThePath
from vcohort.engine.programs.exact import exact
from vcohort.engine.programs.stepped import Stepped
from vcohort.models import Model
from vcohort.simulation.run import Run

# Below so many cells method ``exact`` follows a tumour that is small from the start by chance.
WATCHED = 1e5


def outcome_job(model: Model, run: Run, grid: GridSpec) -> Job:
    """Return the job of a run: results of the endpoints, saved states, if any, and strains."""
    dtype, (room, count) = np.dtype(run.dtype), grid.loop_length()
    seed = _key_of(run.seed, run.method)
    numbers = (np.asarray(x, dtype) for x in (run.threshold, run.progression, run.horizon))
    settings = Settings(*(cast("Array", each) for each in numbers))
    watched = settings._replace(threshold=cast("Array", np.asarray(WATCHED, dtype)))
    programs = programs_of(model, run)
    saved = None if run.save_at is None else np.asarray(run.save_at, dtype)

    def work(patients: Patients) -> list[Array]:
        cut = grid.grid(patients, room)
        points = None if saved is None else grid_points(cut, saved)
        (results, strain), states = execute(programs, patients, cut, count, seed, settings, points)
        small = run.progression * np.asarray(patients.values["B0"]) <= SMALL
        if run.method == "exact" and small.any():
            # Chance decides whether a small tumour progresses: no closed form says it.
            stepped = (Stepped("hybrid", model, run.all_endpoints),)
            (played, _), _ = execute(stepped, patients, cut, count, seed, watched)
            pairs = zip(played, results, strict=True)
            results = tuple(jnp.where(small, one, other) for one, other in pairs)
        return [*results, *(states or ()), strain]

    return Job((programs, 0 if saved is None else saved.size, room), work)


def cure_job(model: Model, grid: GridSpec) -> Job:
    """Return the job that finds probabilities of cure (patient,) and strains."""
    programs, (room, count) = cure_programs(model), grid.loop_length()

    def work(patients: Patients) -> list[Array]:
        found, _ = execute(programs, patients, grid.grid(patients, room), count)
        return list(found)

    return Job((programs, room), work)


def survival_job(
    model: Model, run: Run, days: ArrayLike, grid: GridSpec, noise: float | Array = 0.0
) -> Job:
    """Return the job that finds P(cure) (patient,), P(no progression) (patient, day), strains."""
    numbers = [cast("Array", np.asarray(each, run.dtype))
               for each in (days, run.progression, noise)]  # fmt: skip
    room, count = grid.loop_length()

    def work(patients: Patients) -> list[Array]:
        cut = grid.grid(patients, room)
        return list(probabilities(model, patients, cut, *numbers, count=count))

    return Job(("survival", model, numbers[0].size, room), work)


def cure_programs(model: Model) -> Programs:
    """Return the programs that find P(no tumour cell is left), of one clone or of several."""
    if model.has_one_clone:
        return (Cure(model),)
    return RatesOnThePath(model), Extinction(model)


def programs_of(model: Model, run: Run) -> Programs:
    """Return the programs that a run's method runs in turn."""
    if run.method == "exact":
        return exact(model, run.all_endpoints)
    return (Stepped(run.method, model, run.all_endpoints, keeps=run.save_at is not None),)


@lru_cache(maxsize=256)
def _key_of(seed: int, method: str) -> Key:
    """Return the key of a run's chance, on the host: a block of a sweep has no time to make it."""
    return Key(*(cast("Array", np.asarray(word)) for word in seed_key(seed, method)))
