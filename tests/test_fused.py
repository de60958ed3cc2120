"""Programs in one kernel, against the same programs step by step; what no kernel can do is told.

Without a GPU a kernel's operations are run by XLA; whether a GPU could be told them is tried by
translating them for one.
"""

from contextlib import nullcontext
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vcohort as vc
from vcohort.endpoints import TumourEndpoint, Variable
from vcohort.engine.chance.random import seed_key
from vcohort.engine.compiling.platform import compiling_for
from vcohort.engine.execution.backend import VARIABLE, has_kernels
from vcohort.engine.execution.executor import compiled_for
from vcohort.engine.inputs import Settings
from vcohort.engine.programs.halving import Halving
from vcohort.engine.programs.survival import Level, SurvivalPath
from vcohort.errors import VcohortError
from vcohort.models import LAW_KINDS
from vcohort.models.law import laws
from vcohort.simulation.jobs import cure_programs, programs_of
from vcohort.simulation.preparation import grid_spec, make_patient_table

FIGURES = "kimmel2021-figures"
ENDS = (vc.Outcome(), vc.Nadir(), vc.Kinetics(), vc.Response((30.0,)), vc.BestResponse(90.0),
        vc.Escaped())  # fmt: skip
TREATED = vc.Regimen(vc.Infusion(60.0, 3e8), vc.Lymphodepletion(58.5, 0.02))
OWN_DAYS = vc.Regimen(vc.Infusion(np.linspace(20.0, 70.0, 40), 3e8))
OTHER = vc.car_t(memory="linear", escape="mutation")


def drawn(model=None, patients=40):
    return vc.Population(FIGURES, 0.05, model=model).sample(patients, seed=1)


def both(monkeypatch, work):
    """Return what work gives step by step, and in a kernel."""
    found = []
    for backend in ("scan", "fused"):
        monkeypatch.setenv(VARIABLE, backend)
        found.append(work())
    return found


def agree(scan, fused):
    """Hold two datasets to each other, to rounding: chance is the same, number by number."""
    assert set(scan.variables) == set(fused.variables)
    for name in scan.variables:
        one, other = scan[name].values, fused[name].values
        if one.dtype.kind == "f":
            np.testing.assert_allclose(other, one, rtol=3e-5, atol=1e-4, err_msg=name)
        else:
            np.testing.assert_array_equal(other, one, err_msg=name)


def compare(monkeypatch, cohort, method, **options):
    options = {"horizon": 300.0, "seed": 3, "progress": False, "endpoints": ENDS} | options
    agree(*both(monkeypatch, lambda: vc.simulate(cohort, method, **options)))


SLOW = pytest.mark.slow
ALONE = {"endpoints": (vc.Outcome(),)}


@pytest.mark.parametrize(
    ("method", "regimen", "options"),
    [
        ("deterministic", TREATED, {}),
        ("exact", None, ALONE),
        ("hybrid", None, ALONE),
        pytest.param("hybrid", TREATED, {}, marks=SLOW),
        pytest.param("exact", TREATED, {}, marks=SLOW),
        pytest.param("exact", OWN_DAYS, ALONE, marks=SLOW),
        pytest.param("hybrid", OWN_DAYS, ALONE | {"dtype": "float64"}, marks=SLOW),
        pytest.param("exact", None, ALONE | {"dtype": "float64"}, marks=SLOW),
        pytest.param("gillespie", TREATED, ALONE, marks=SLOW),
    ],
)
def test_outcomes_are_those_of_the_loop(method, regimen, options, monkeypatch):
    compare(monkeypatch, drawn(), method, regimen=regimen, **options)


@pytest.mark.parametrize(
    ("method", "regimen"),
    [
        ("deterministic", None),
        pytest.param("hybrid", TREATED, marks=SLOW),
        pytest.param("hybrid", OWN_DAYS, marks=SLOW),
    ],
)
def test_saved_states_are_those_of_the_loop(method, regimen, monkeypatch):
    options = {"save_at": [0.0, 20.0, 60.0, 300.0], "regimen": regimen}
    compare(monkeypatch, drawn(), method, **ALONE, **options)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["hybrid", "gillespie", "deterministic"])
def test_more_cells(method, monkeypatch):
    """Memory cells and escape: numbers beside logs, clones drawn by parts and newcomers."""
    compare(monkeypatch, drawn(OTHER), method)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*far from the usual")
def test_small_tumours_are_played(monkeypatch):
    """Of five cells: by their events, until it is known whether they progress."""
    small = vc.Population(FIGURES, 0.05, B0=5.0).sample(40, seed=1)
    for method in ("hybrid", "exact"):
        compare(monkeypatch, small, method, **ALONE)


@pytest.mark.parametrize("regimen", [None, pytest.param(TREATED, marks=SLOW)])
def test_probabilities_of_cure(regimen, monkeypatch):
    scan, fused = both(monkeypatch, lambda: vc.cure_probability(drawn(), regimen=regimen))
    np.testing.assert_allclose(fused, scan, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("regimen", [None, pytest.param(TREATED, marks=SLOW)])
def test_probabilities_of_survival(regimen, monkeypatch):
    def work():
        days = [0.0, 60.0, 400.0, 1500.0]
        return vc.progression_free_probability(drawn(), days, regimen=regimen)

    scan, fused = both(monkeypatch, work)
    assert 0.05 < scan.mean() < 0.95
    np.testing.assert_allclose(fused, scan, rtol=1e-5, atol=1e-5)


def other_laws():
    """Return all laws that no default holds, by kind and name."""
    usual = vc.car_t().composition
    return [(kind, name) for kind in LAW_KINDS for name, law in laws(kind).items()
            if law != usual.get(kind) and name != "none"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), other_laws())
def test_every_law(kind, name, monkeypatch):
    cohort = drawn(vc.car_t(**{kind: name}))
    compare(monkeypatch, cohort, "deterministic", endpoints=(vc.Kinetics(), vc.Nadir()))


@dataclass(frozen=True)
class Sorted(TumourEndpoint):
    """The smaller end of a step, by a sort."""

    variables = (Variable("sorted", "smaller end", "1"),)

    def init(self, start):
        return start.log_tumour

    def update(self, carry, segment):
        path = segment.log_cells
        return jnp.sort(jnp.stack([path.start, path.end]))[0] + 0.0 * carry

    def final(self, carry):
        return (carry,)


def test_what_a_kernel_cannot_do_is_refused_where_it_is_asked_for(monkeypatch):
    monkeypatch.setenv(VARIABLE, "fused")
    with pytest.raises(VcohortError, match=r"sort.*no kernel"):
        vc.simulate(drawn(), "deterministic", endpoints=(Sorted(),), progress=False)
    with pytest.raises(VcohortError, match="goes back in time"):
        vc.cure_probability(drawn(vc.car_t(escape="mutation")))


def test_another_word_is_refused(monkeypatch):
    monkeypatch.setenv(VARIABLE, "fusion")
    with pytest.raises(VcohortError, match="fused"):
        vc.cure_probability(drawn())


def described():
    """Return the description of a GPU, where a JAX asks for one before it translates for it."""
    if jax.__version__.startswith("0.10."):
        return nullcontext()
    device = jax.sharding.AbstractDevice("NVIDIA H100 80GB HBM3", 132, platform="gpu")
    kinds = (jax.sharding.AxisType.Auto,)
    mesh = jax.sharding.AbstractMesh((1,), ("x",), axis_types=kinds, abstract_device=device)
    return jax.sharding.use_abstract_mesh(mesh)


def translated(programs, cohort, run, points=None):
    """Return programs as a GPU is told them."""
    patients = make_patient_table(cohort, run).take(np.arange(40), np.dtype(run.dtype))
    settings = Settings(*np.asarray((100.0, 1.2, 300.0), run.dtype))
    settings = np.asarray(-1.0, run.dtype) if isinstance(programs[0], Halving) else settings
    settings = Level(*settings[1:]) if isinstance(programs[0], SurvivalPath) else settings
    with compiling_for("gpu"), described(), jax.enable_x64(run.dtype == "float64"):
        grid = grid_spec(run, run.required_days).with_steps(40).grid(patients)
        seed = seed_key(0, run.method)
        given = patients, grid, None, seed, settings, points
        traced = compiled_for("gpu", None).trace(programs, *given)
        return traced.lower(lowering_platforms=("cuda",)).as_text()


def kernels(*block):
    return translated(*block).count("__gpu$xla.gpu.triton")


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=SLOW)])
@pytest.mark.parametrize("method", ["exact", "hybrid", "gillespie", "deterministic"])
def test_a_gpu_is_told_one_kernel(method, dtype):
    run = vc.Run(method=method, endpoints=ENDS, regimen=TREATED, dtype=dtype, horizon=300.0)
    cohort = drawn()
    assert kernels(programs_of(cohort.model, run), cohort, run) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), other_laws())
def test_a_gpu_is_told_one_kernel_for_every_law(kind, name):
    cohort, run = drawn(vc.car_t(**{kind: name})), vc.Run(endpoints=ENDS, horizon=300.0)
    assert kernels(programs_of(cohort.model, run), cohort, run) == 1


@pytest.mark.parametrize("programs_of", [cure_programs, lambda model: (Halving(model),)])
def test_probabilities_and_pilots_are_one_kernel_too(programs_of):
    cohort, run = drawn(), vc.Run(regimen=TREATED)
    assert kernels(programs_of(cohort.model), cohort, run) == 1


@pytest.mark.parametrize(
    ("capability", "has"), [("7.5", False), ("8.0", True), ("12.0", True), ("gfx942", False)]
)
def test_kernels_are_for_what_triton_compiles_for(capability, has, monkeypatch):
    class Device:
        compute_capability = capability

    monkeypatch.setattr(jax, "local_devices", lambda: [Device()])
    with compiling_for("gpu"):
        assert has_kernels() == has
    assert not has_kernels()


def test_days_are_saved_by_the_kernel_too():
    cohort, run = drawn(), vc.Run(method="deterministic", save_at=[0.0, 90.0])
    points = np.zeros((2, 1), np.int32)
    assert kernels(programs_of(cohort.model, run), cohort, run, points) == 1


@pytest.mark.parametrize("looks_always", [False, True])
def test_days_of_survival_are_saved_by_the_kernel_too(looks_always):
    cohort, run = drawn(), vc.Run(method="exact", regimen=TREATED)
    programs, points = (SurvivalPath(cohort.model, looks_always),), np.zeros((2, 1), np.int32)
    assert kernels(programs, cohort, run, points) == 1


def test_what_a_kernel_cannot_do_is_a_loop_on_a_gpu():
    cohort, run = drawn(), vc.Run(method="deterministic", endpoints=(Sorted(),), horizon=300.0)
    text = translated(programs_of(cohort.model, run), cohort, run)
    assert "triton" not in text and "stablehlo.while" in text
