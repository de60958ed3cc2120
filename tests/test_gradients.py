"""Gradients of the cure probability against central differences, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vcohort as vc

PARAMETERS = tuple(vc.car_t().parameters)


@pytest.fixture(scope="module")
def doubtful():
    """Patients whose cure is in doubt, on either side of one half."""
    population = vc.Population("kimmel2021-figures", 0.03)
    cohort = population.sample(400, seed=6)
    probability = np.asarray(vc.cure_probability(cohort, dtype="float64"))
    return cohort.select(np.flatnonzero((probability > 0.02) & (probability < 0.98))[:24])


def cure_as_function_of(cohort, name):
    return jax.jit(lambda values: vc.cure_probability(cohort.replace(**{name: values})))


# Half of them wait for the slow tests: each compiles two programs of its own.
SOME = [
    pytest.param(name, marks=[] if index % 2 else pytest.mark.slow)
    for index, name in enumerate(PARAMETERS)
]


@pytest.mark.parametrize("name", SOME)
def test_gradient_equals_central_differences(name, doubtful):
    assert len(doubtful) == 24
    with jax.enable_x64(True):
        values = jnp.asarray(doubtful[name])
        cure = cure_as_function_of(doubtful, name)
        gradient = jax.grad(lambda x: cure(x).sum())(values)
        step = 1e-5 * values
        difference = (cure(values + step) - cure(values - step)) / (2 * step)
        np.testing.assert_allclose(gradient, difference, rtol=2e-5, atol=1e-9 / values[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PARAMETERS)
def test_gradients_are_finite_everywhere(name, dtype):
    """Also where the probability is 0 or 1 to rounding, over three times the usual variability."""
    cohort = vc.Population("kimmel2021-figures", 0.15).sample(2000, seed=7)
    with jax.enable_x64(dtype == "float64"):
        values = jnp.asarray(cohort[name], dtype)
        gradient = jax.grad(lambda x: vc.cure_probability(cohort.replace(**{name: x})).sum())(
            values
        )
        assert bool(jnp.isfinite(gradient).all())


def test_forward_mode_agrees_with_reverse_mode(doubtful):
    with jax.enable_x64(True):
        values = jnp.asarray(doubtful["K_C"])
        cure = cure_as_function_of(doubtful, "K_C")
        _, forward = jax.jvp(cure, (values,), (jnp.ones_like(values),))
        backward = jax.grad(lambda x: cure(x).sum())(values)
        np.testing.assert_allclose(forward, backward, rtol=1e-9)


def test_traced_and_plain_values_agree():
    cohort = vc.Population("kimmel2021-figures", 0.1).sample(1000, seed=1)
    plain = np.asarray(vc.cure_probability(cohort))
    traced = np.asarray(jax.jit(vc.cure_probability)(cohort))
    assert np.abs(plain - traced).max() < 1e-3


# Day and cells of an infusion, survivals (normal, CAR) of a lymphodepletion.
EDGES = {
    "no dose": (60.0, 0.0, 0.1, 0.1),
    "no dose, no depletion": (60.0, 0.0, 1.0, 1.0),
    "no depletion": (60.0, 1e8, 1.0, 1.0),
    "no normal T cell is left": (60.0, 1e8, 0.0, 0.5),
    "no CAR T cell is left, no dose": (60.0, 0.0, 0.3, 0.0),
    "an infusion that never comes": (np.inf, 0.0, 0.3, 0.3),
}


@pytest.mark.parametrize("point", EDGES.values(), ids=EDGES)
def test_slopes_where_a_treatment_does_nothing_or_all_it_can(point, doubtful):
    """Against one-sided differences where the other side is impossible."""

    def cure(fields):
        day, cells, *survivals = fields
        depletion = vc.Lymphodepletion(55.0, tuple(survivals))
        regimen = vc.Regimen(vc.Infusion(day, cells), depletion)
        return vc.cure_probability(doubtful, regimen=regimen).mean()

    with jax.enable_x64(True):
        at, of = np.array(point), jax.jit(cure)
        found = np.array(jax.jit(jax.grad(cure))(at))
        expected = np.zeros(4)
        for index, step in enumerate((1e-3, 1e4, -1e-5, -1e-5)):
            # A day that never comes cannot move, and of nobody less than one cell is left.
            if not np.isfinite(at[index]) or (index >= 2 and at[index] == 0.0):
                continue
            near, far = (of(np.where(np.arange(4) == index, at + k * step, at)) for k in (1, 2))
            expected[index] = (4.0 * near - far - 3.0 * of(at)) / (2.0 * step)
    scale = np.array([1.0, 1e-9, 1.0, 1.0])
    np.testing.assert_allclose(found / scale, expected / scale, rtol=1e-4, atol=1e-7)


IMPOSSIBLE = {
    "a day before the first": lambda x: vc.Regimen(vc.Infusion(-x, 1e9)),
    "a dose below none": lambda x: vc.Regimen(vc.Infusion(60.0, -x)),
    "a survival below none": lambda x: vc.Regimen(vc.Lymphodepletion(60.0, -0.1 * x)),
    "a survival above all": lambda x: vc.Regimen(vc.Lymphodepletion(60.0, (1.0 + x, 0.5))),
    "a first dose of nothing": lambda x: vc.Regimen(vc.Infusion(0.0, 0.0 * x)),
}


@pytest.mark.parametrize("make", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_traced_treatments_that_are_impossible_give_no_number(make):
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(4, seed=1)
    found = jax.jit(lambda x: vc.cure_probability(cohort, regimen=make(x)))(1.0)
    assert np.isnan(found).all()
    slope = jax.grad(lambda x: vc.cure_probability(cohort, regimen=make(x)).sum())(1.0)
    assert np.isnan(slope)
    with pytest.raises(vc.VcohortError, match="impossible"):
        vc.cure_probability(cohort, regimen=make(1.0))


@pytest.mark.parametrize(("name", "value"), [("r_B", -0.1), ("r_N", 0.0), ("K_C", 1e20)])
def test_traced_values_that_are_impossible_give_no_number(name, value):
    """Of the patient that has one; the others keep theirs."""
    cohort = vc.Population("kimmel2021-figures", 0.05, gamma_B=2.0).sample(4, seed=1)
    cure = cure_as_function_of(cohort, name)
    wrong = np.where(np.arange(4) == 2, value, cohort[name])
    right, found = np.asarray(cure(cohort[name])), np.asarray(cure(wrong))
    assert np.isnan(found[2]) and np.isnan(jax.grad(lambda x: cure(x).sum())(wrong)[2])
    np.testing.assert_array_equal(np.delete(found, 2), np.delete(right, 2))
    with pytest.raises(vc.VcohortError, match=f"{name} = .* is impossible"):
        vc.cure_probability(cohort.replace(**{name: wrong}))


def test_traced_days_past_the_horizon_never_come():
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(4, seed=1)

    @jax.jit
    def cure(day):
        return vc.cure_probability(cohort, 500.0, regimen=vc.Regimen(vc.Infusion(day, 1e10)))

    np.testing.assert_array_equal(cure(600.0), cure(np.inf))
    assert (np.asarray(cure(60.0)) > np.asarray(cure(600.0)) + 0.1).any()


# Bounds at which a value is allowed, with patients whose cure is in doubt there; the one parameter
# at its bound, the step of a one-sided difference, and values beside it.
BOUNDS = {
    "b": ({}, 1e-5, {"B0": 1e12, "C0": 3e9}),
    "gamma_B": ({}, 1e-5, {}),
    "r_B": ({}, 1e-6, {}),
    "c": ({"growth": "logistic"}, 1e-5, {}),
    "delta_N": ({"growth": "interaction"}, 1e-6, {"K_C": 1.5e8}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BOUNDS)
def test_slopes_at_the_bounds_of_parameters(name):
    """First and second derivatives, both modes, against one-sided differences in float64."""
    laws, step, beside = BOUNDS[name]
    population = vc.Population("kimmel2021-figures", 0.03, model=vc.car_t(**laws))
    cohort = population.sample(4, seed=6).replace(**beside)
    bound = cohort.model.param(name).lower

    def cure(value):
        return vc.cure_probability(cohort.replace(**{name: value})).mean()

    with jax.enable_x64(True):
        at, of = [bound + k * step for k in range(4)], jax.jit(cure)
        y = np.array([of(x) for x in at])
        slope = float(jax.grad(cure)(at[0]))
        bend = float(jax.jit(jax.hessian(cure))(at[0]))
        np.testing.assert_allclose(slope, jax.jacfwd(cure)(at[0]), rtol=1e-9)
        first = (-11 * y[0] + 18 * y[1] - 9 * y[2] + 2 * y[3]) / (6 * step)
        second = (2 * y[0] - 5 * y[1] + 4 * y[2] - y[3]) / step**2
    assert slope == pytest.approx(first, rel=1e-4, abs=1e-9)
    assert bend == pytest.approx(second, rel=1e-2, abs=1e-4)
    assert float(jax.grad(cure)(np.float32(at[0]))) == pytest.approx(slope, rel=1e-2, abs=1e-6)


@pytest.mark.slow
def test_a_whole_cohort_has_a_slope(doubtful):
    """The patients' numbers have none; values alone serve what takes no whole numbers."""
    with jax.enable_x64(True):
        whole = jax.grad(lambda each: vc.cure_probability(each).mean(), allow_int=True)(doubtful)
        values = {name: jnp.asarray(value) for name, value in doubtful.values.items()}

        def cure(values):
            return vc.cure_probability(doubtful.replace(**values)).mean()

        forward, backward = jax.jacfwd(cure)(values), jax.grad(cure)(values)
    assert isinstance(whole, vc.Cohort) and whole.patient.dtype == jax.dtypes.float0
    for name in PARAMETERS:
        np.testing.assert_allclose(whole[name], backward[name], rtol=1e-9)
        np.testing.assert_allclose(forward[name], backward[name], rtol=1e-8)


def test_mapped_over_cohorts(doubtful):
    """Each of several cohorts at once is what it is by itself."""
    two = [doubtful.select(slice(0, 6)), doubtful.select(slice(6, 12))]
    both = jax.tree.map(lambda *parts: np.stack(parts), *two)
    found = jax.jit(jax.vmap(vc.cure_probability))(both)
    for each, row in zip(two, found, strict=True):
        np.testing.assert_allclose(row, jax.jit(vc.cure_probability)(each), atol=1e-6)
