"""The engine's programs as a GPU would be given them, their arguments known by shape alone."""

from functools import partial

import jax
import numpy as np

import vcohort as vc
from bench.compiled.cards import Work
from vcohort.engine.chance.random import seed_key
from vcohort.engine.closed_forms.progression import probabilities
from vcohort.engine.compiling.platform import compiler_options
from vcohort.engine.execution.derivatives import differentiable
from vcohort.engine.execution.executor import compiled_for
from vcohort.engine.inputs import Settings
from vcohort.engine.programs.survival import Level, SurvivalPath
from vcohort.simulation.jobs import cure_programs, programs_of
from vcohort.simulation.preparation import grid_spec, make_patient_table

PATIENTS = 1 << 20
STEPS, STEPS_OF_GRADIENTS = 36, 96
DAYS = (90.0, 180.0, 365.0)

ALONE = (vc.Outcome(),)
ALL = (vc.Outcome(), vc.Nadir(), vc.Kinetics(), vc.Response(), vc.BestResponse(), vc.Escaped())
TREATED = vc.Regimen(vc.Infusion(100.0), vc.Lymphodepletion(100.0, 0.01))
RATES = ("r_N", "rho_C", "K_N", "K_C", "a", "b", "r_B", "gamma_B", "k_B")


class Given:
    """A block on a card, by shape: patients of a model, a grid, settings."""

    def __init__(self, card, steps, run, model=None):
        self.card, self.run, self.steps = card, run, steps
        cohort = vc.Population("kimmel2021-figures", 0.05, model=model).sample(2, seed=1)
        self.model = cohort.model
        patients = make_patient_table(cohort, run).take(slice(0, 2), np.dtype("f4"))
        grid = grid_spec(run, run.required_days).with_steps(steps).grid(patients)
        settings = Settings(*np.float32((run.threshold, run.progression, run.horizon)))
        self.patients = card.abstract(patients, PATIENTS)
        self.grid, self.settings = card.abstract(grid), card.abstract(settings)
        self.seed = card.abstract(seed_key(run.seed, run.method))


def outcomes(backend, method, card, endpoints=ALONE, regimen=None, save_at=None, **laws):
    run = vc.Run(method=method, endpoints=endpoints, regimen=regimen, save_at=save_at)
    given = Given(card, STEPS, run, vc.car_t(**laws))
    points = None if save_at is None else card.abstract(np.zeros((len(save_at), 1), np.int32))
    arguments = given.patients, given.grid, None, given.seed, given.settings, points
    return Work(
        compiled_for("gpu", backend), (programs_of(given.model, run), *arguments), {}
    ), STEPS


def cure(backend, card, regimen=None, **laws):
    given = Given(card, STEPS, vc.Run(method="exact", regimen=regimen), vc.car_t(**laws))
    arguments = cure_programs(given.model), given.patients, given.grid, None
    return Work(compiled_for("gpu", backend), arguments, {}), STEPS


def survival(card):
    given = Given(card, STEPS, vc.Run(method="exact", endpoints=(vc.Response(DAYS),)))
    block = given.patients, given.grid
    numbers = (card.abstract(np.float32(each)) for each in (DAYS, 1.2, 0.0))
    jitted = jax.jit(partial(probabilities, given.model))
    return Work(jitted, (*block, *numbers), compiler_options("gpu")), STEPS


def survival_path(backend, card):
    """Return the path as it is kept on days, of which survival is told."""
    given = Given(card, STEPS, vc.Run(method="exact"))
    level = card.abstract(Level(*np.float32((np.log(1.2), 0.0))))
    points = card.abstract(np.zeros((len(DAYS), 1), np.int32))
    programs = (SurvivalPath(given.model, looks_always=False),)
    arguments = programs, given.patients, given.grid, None, None, level, points
    return Work(compiled_for("gpu", backend), arguments, {}), STEPS


def gradient(names, card):
    """Return the mean probability of cure with its gradient to some values of all patients."""
    given = Given(card, STEPS_OF_GRADIENTS, vc.Run(method="exact"))
    programs, values = cure_programs(given.model), given.patients.values

    def mean(moved, others, grid):
        return differentiable(programs, {**others, **moved}, None, grid)[0].mean()

    moved = {name: values[name] for name in names}
    others = {name: value for name, value in values.items() if name not in names}
    jitted = jax.jit(jax.value_and_grad(mean))
    return Work(jitted, (moved, others, given.grid), {}), STEPS_OF_GRADIENTS


CASES = {
    "": {},
    ", all endpoints": {"endpoints": ALL},
    ", treated": {"regimen": TREATED},
    ", memory": {"memory": "linear"},
}

PROGRAMS = {
    f"{method}{case}, fused": partial(outcomes, "fused", method, **options)
    for method in ("exact", "hybrid", "deterministic")
    for case, options in CASES.items()
}
PROGRAMS |= {
    "hybrid, three days saved, fused": partial(outcomes, "fused", "hybrid", save_at=DAYS),
    "hybrid, escape, fused": partial(outcomes, "fused", "hybrid", escape="mutation"),
    "P(cure), fused": partial(cure, "fused"),
    "P(cure), treated, fused": partial(cure, "fused", regimen=TREATED),
    "path of survival, three days, fused": partial(survival_path, "fused"),
    "exact, scan": partial(outcomes, "scan", "exact"),
    "hybrid, scan": partial(outcomes, "scan", "hybrid"),
    "deterministic, scan": partial(outcomes, "scan", "deterministic"),
    "P(cure), scan": partial(cure, "scan"),
    "P(cure), escape, scan": partial(cure, "scan", escape="mutation"),
    "survival probabilities, scan": survival,
    "gradient of P(cure) to K_C, scan": partial(gradient, ("K_C",)),
    "gradient of P(cure) to nine, scan": partial(gradient, RATES),
}
"""``program(card)``: what is compiled, and of how many steps."""
