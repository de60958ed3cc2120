"""What the engine, endpoints and laws say of their arrays is held to while they are traced."""

import subprocess
import sys

# In a process of its own: from the first import on, every call is checked.
PROGRAM = """
import tests.checker
from jaxtyping import install_import_hook

ROOMS = [
    *(f"vcohort.models.{kind}" for kind in ("growth", "feedback", "killing", "proliferation")),
    "vcohort.models.law", "vcohort.models.model", "vcohort.endpoints",
    *(f"vcohort.engine.{room}" for room in ("integrator", "chance", "methods", "programs")),
]
with install_import_hook(ROOMS, "tests.checker.check"):
    from functools import partial

    import jax
    import numpy as np

    import vcohort as vc
    from vcohort.engine.chance.random import seed_key
    from vcohort.engine.closed_forms.path import path
    from vcohort.engine.execution.derivatives import differentiable
    from vcohort.engine.execution.executor import compiled_for
    from vcohort.engine.inputs import Settings
    from vcohort.engine.programs.halving import Halving
    from vcohort.models import Cells
    from vcohort.models.law import laws
    from vcohort.models.model import LAW_KINDS
    from vcohort.simulation.jobs import cure_programs, programs_of
    from vcohort.simulation.preparation import grid_spec, make_patient_table

    execute = compiled_for("cpu", None)
    float32, ends = np.dtype("f4"), (vc.Outcome(), vc.Response(), vc.Kinetics(), vc.Escaped())
    regimen = vc.Regimen(vc.Infusion(20.0, 1e8), vc.Lymphodepletion(18.0, 0.1))
    settings = Settings(*np.float32((100.0, 1.2, 2000.0)))

    def trace(model, methods):
        cohort = vc.Population("kimmel2021-figures", model=model).sample(8, seed=1)
        run = vc.Run(regimen=regimen, endpoints=ends)
        patients = make_patient_table(cohort, run).take(np.arange(8), float32)
        grid = grid_spec(run, ()).with_steps(40).grid(patients)
        shared = patients, grid, np.int32(40)
        for method in methods:
            programs = programs_of(model, vc.Run(method=method, endpoints=ends))
            execute.trace(programs, *shared, seed_key(1, method), settings)
        execute.trace((Halving(model),), *shared, None, np.float32(0.0))
        block = patients.values, patients.schedule, grid
        jax.eval_shape(partial(path, model), *block)
        number = lambda values, *rest: differentiable(cure_programs(model), values, *rest)[0].sum()
        jax.eval_shape(jax.grad(number), *block)

    trace(vc.car_t(), ("hybrid", "gillespie", "deterministic", "exact"))
    trace(vc.car_t(memory="linear", escape="mutation"), ("hybrid", "deterministic"))

    number = jax.ShapeDtypeStruct((), "float32")
    for kind in LAW_KINDS:
        for name in laws(kind):
            model = vc.car_t(**{kind: name})
            values, species = dict.fromkeys(model.parameters, number), model.species
            logs = dict.fromkeys((*species.grown, *species.tumour), number)
            cells = Cells(logs, dict.fromkeys(species.fed, number), species)
            jax.eval_shape(model.rates, values, cells)
            jax.eval_shape(model.relaxation, values, cells)

    several = jax.numpy.ones(3)
    try:
        cells = Cells(dict.fromkeys("NCB", several))
        vc.car_t().rates(dict.fromkeys(model.parameters, several), cells)
    except Exception as error:
        print(type(error).__name__)
"""


def test_every_call_is_as_annotated():
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=False, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr[-3000:]
    # And calls are checked: laws are written for one patient.
    assert told.stdout.split() == ["TypeCheckError"]
