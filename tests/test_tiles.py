"""Tiles change how a block is worked through, not what comes out."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vcohort as vc
from vcohort.engine.compiling import operations
from vcohort.engine.compiling.tiles import in_tiles

TARGET = np.float32(2.0)


def settle(values, unread, target):
    """Return where a slow loop ends, and its path, (patient,) and (patient, 3)."""

    def step(value, _):
        value = value + 0.1 * (target - jnp.exp(value))
        return value, value

    end, path = jax.lax.scan(step, values, None, length=30)
    return end, path[::10].T


@pytest.fixture
def run():
    return jax.jit(
        lambda values, unread: in_tiles(settle, (0, 0, None), 30, values, unread, TARGET)
    )


@pytest.mark.parametrize("patients", [1, 5, 127, 128, 129, 300, 1024])
def test_any_number_of_patients(run, patients):
    values = jnp.linspace(-1.0, 1.0, patients)
    end, path = run(values, values)
    plain = settle(values, values, TARGET)
    np.testing.assert_allclose(end, plain[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(path, plain[1], rtol=1e-5, atol=1e-6)


def test_a_patients_bits_do_not_depend_on_its_place(run):
    values = jnp.linspace(-1.0, 1.0, 300)
    whole, part = run(values, values)[0], run(values[43:], values[43:])[0]
    np.testing.assert_array_equal(whole[43:], part)


def kernels(work, folder):
    """Return how many programs XLA makes of 300 patients' work: it writes each to a file."""
    tiled = jax.jit(lambda values: in_tiles(work, (0,), 1, values))
    kept = jax.config.jax_persistent_cache_min_compile_time_secs
    jax.config.update("jax_persistent_cache_min_compile_time_secs", float("inf"))
    try:
        tiled.lower(jnp.zeros(300)).compile({"xla_dump_to": str(folder)})
    finally:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", kept)
    return len(list(folder.glob("*.o")))


def loops(count, step):
    """Return work of so many loops, one after the other."""

    def work(values):
        for rate in range(count):
            values = jax.lax.fori_loop(0, 30, lambda _, x, by=rate: step(x + by), values)
        return values

    return work


def test_each_tile_is_one_program(tmp_path):
    """More work in a tile makes no more programs; where XLA must make several, this shows."""

    def more(name, step):
        found = [kernels(loops(count, step), tmp_path / f"{name}-{count}") for count in (1, 3)]
        assert found[0] > 0
        return found[1] - found[0]

    assert more("one", jnp.exp) == 0
    assert more("several", lambda x: jnp.exp(jnp.sort(x))) > 0


def test_what_holds_much_of_a_patient_is_not_cut():
    """XLA shares large arrays out among threads, which no tile can."""

    def loops_of(rows):
        run = jax.jit(lambda values: in_tiles(settle, (0, 0, None), rows, values, values, TARGET))
        return run.lower(jnp.zeros(256)).as_text().count("stablehlo.while")

    assert loops_of(100_000) == 1
    assert loops_of(30) == 2


@pytest.mark.parametrize(
    "odd",
    [
        jnp.sort,
        lambda x: x @ jnp.eye(2),
        lambda x: x.at[0].set(1.0),
        lambda x: x + jnp.sum(x[0] ** jnp.arange(40.0)),
    ],
)
def test_what_xla_cannot_make_one_program_of_is_done_without(odd):
    """A law or an endpoint of the user's own may hold anything."""

    def work(values):
        return jax.vmap(lambda x: odd(jnp.stack([x, -x])))(values)

    values = jnp.linspace(0.5, 2.0, 300)
    found = jax.jit(lambda values: in_tiles(work, (0,), 1, values))(values)
    np.testing.assert_allclose(found, work(values), rtol=1e-6)


@pytest.mark.parametrize("method", ["exact", "hybrid", "deterministic", "gillespie"])
@pytest.mark.parametrize("treated", [False, True])
def test_what_the_engine_does_is_fit_for_tiles(method, treated, cohort):
    """Else it would be slow, and nobody would know why."""
    regimen = vc.Regimen(vc.Infusion(100.0)) if treated else None
    days = None if method == "exact" else (50.0,)
    found = []

    def seen(program):
        found.append(operations.is_one_program(program))
        return found[-1]

    # An endpoint that no other test has: its program was never traced.
    own = vc.Response(detection_limit=1e8 + 1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vcohort.engine.compiling.tiles.is_one_program", seen)
        endpoints = [own] if treated else [vc.Nadir(), vc.Kinetics(), own]
        options = {"endpoints": endpoints, "progress": False}
        vc.simulate(cohort, method, 300.0, regimen=regimen, save_at=days, **options)
    assert found
    assert all(found)


def test_derivatives_and_batches_pass(run):
    values = jnp.linspace(-1.0, 1.0, 200)
    many = jnp.stack([values, values + 0.5])
    found = jax.vmap(run, (0, None))(many, values)[0]
    np.testing.assert_allclose(found[1], settle(many[1], values, TARGET)[0], rtol=1e-5, atol=1e-6)
    slope = jax.grad(lambda values: run(values, values)[0].sum())(values)
    plain = jax.grad(lambda values: settle(values, values, TARGET)[0].sum())(values)
    np.testing.assert_allclose(slope, plain, rtol=1e-4, atol=1e-6)


def probability(cohort, values):
    return vc.cure_probability(cohort.replace(**values))


@pytest.fixture(scope="module")
def cohort():
    return vc.Population("kimmel2021-figures", 0.05).sample(150, seed=5)


def test_slopes_forwards_and_backwards_are_the_same(cohort):
    values = {name: jnp.asarray(np.asarray(cohort[name]), "f4") for name in ("K_C", "r_B")}
    ways = jax.tree.map(lambda value: 0.1 * value, values)
    of = jax.jit(partial(probability, cohort))
    _, forwards = jax.jvp(of, (values,), (ways,))
    back = jax.vjp(of, values)[1](jnp.ones(150))[0]
    backwards = sum(back[name] * ways[name] for name in ways)
    np.testing.assert_allclose(forwards, backwards, rtol=1e-4, atol=1e-6)


def test_second_derivatives_pass(cohort):
    """Of the mean to ln K_C, against differences of slopes."""
    start = jnp.asarray(np.asarray(cohort["K_C"]), "f4")

    def mean(shift):
        return probability(cohort, {"K_C": start * jnp.exp(shift)}).mean()

    slope = jax.jit(jax.grad(mean))
    found = jax.jit(jax.hessian(mean))(0.0)
    differences = (slope(0.001) - slope(-0.001)) / 0.002
    assert float(found) == pytest.approx(float(differences), rel=0.02)


def test_batches_of_cohorts_pass(cohort):
    values = jnp.stack([jnp.asarray(np.asarray(cohort["r_B"]), "f4") * f for f in (0.9, 1.0, 1.1)])
    found = jax.vmap(lambda r_B: probability(cohort, {"r_B": r_B}))(values)
    alone = jax.jit(lambda r_B: probability(cohort, {"r_B": r_B}))
    for batch, row in zip(found, values, strict=True):
        np.testing.assert_allclose(batch, alone(row), rtol=1e-4, atol=1e-5)
