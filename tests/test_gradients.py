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


@pytest.fixture(scope="module")
def cure(doubtful):
    """Each patient's probability (patient,) as a function of their values by name."""
    return jax.jit(lambda values: vc.cure_probability(doubtful.replace(**values)))


def slopes_of(cure):
    """Return what gives each patient's probability, and its derivatives by name, (patient,)."""

    def total(values):
        each = cure(values)
        return each.sum(), each

    slopes = jax.jit(jax.grad(total, has_aux=True))
    return lambda values: slopes(values)[::-1]


@pytest.fixture(scope="module")
def slopes(cure):
    return slopes_of(cure)


def values_of(cohort, dtype="float64"):
    return {name: jnp.asarray(cohort[name], dtype) for name in PARAMETERS}


@pytest.mark.parametrize("name", PARAMETERS)
def test_gradient_equals_central_differences(name, doubtful, cure, slopes):
    assert len(doubtful) == 24
    with jax.enable_x64(True):
        at = values_of(doubtful)
        gradient = slopes(at)[1][name]
        step = 1e-5 * at[name]
        up, down = (cure(at | {name: at[name] + move}) for move in (step, -step))
        difference = (up - down) / (2 * step)
        np.testing.assert_allclose(gradient, difference, rtol=2e-5, atol=1e-9 / at[name][0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_are_finite_everywhere(dtype):
    """Also where the probability is 0 or 1 to rounding, over three times the usual variability."""
    cohort = vc.Population("kimmel2021-figures", 0.15).sample(2000, seed=7)
    with jax.enable_x64(dtype == "float64"):
        cure = slopes_of(lambda values: vc.cure_probability(cohort.replace(**values)))
        _, gradient = cure(values_of(cohort, dtype))
    for name in PARAMETERS:
        assert gradient[name].dtype == dtype
        assert np.isfinite(gradient[name]).all(), name


def test_gradients_of_what_is_not_compiled_as_a_whole(doubtful, slopes):
    """Step by step, as most users write it, they are the same."""
    with jax.enable_x64(True):
        at = values_of(doubtful)
        found = jax.grad(lambda K_C: vc.cure_probability(doubtful.replace(K_C=K_C)).sum())
        np.testing.assert_allclose(found(at["K_C"]), slopes(at)[1]["K_C"], rtol=1e-9)


def test_forward_mode_agrees_with_reverse_mode(doubtful, cure, slopes):
    """Along a way of its own for each parameter."""
    rng = np.random.default_rng(1)
    with jax.enable_x64(True):
        at = values_of(doubtful)
        ways = {name: rng.normal(size=24) * value for name, value in at.items()}
        _, forward = jax.jvp(cure, (at,), (ways,))
        backward = sum(ways[name] * slope for name, slope in slopes(at)[1].items())
        np.testing.assert_allclose(forward, backward, rtol=1e-9)


def test_traced_and_plain_values_agree():
    cohort = vc.Population("kimmel2021-figures", 0.1).sample(1000, seed=1)
    plain = np.asarray(vc.cure_probability(cohort))
    traced = np.asarray(jax.jit(vc.cure_probability)(cohort))
    assert np.abs(plain - traced).max() < 1e-3


@pytest.fixture(scope="module")
def treated(doubtful):
    """Each patient's probability (patient,) as a function of a day of infusion, its cells, and the
    survivals (normal, CAR) of a lymphodepletion on day 55; and the slopes of the mean.
    """

    def mean(fields):
        day, cells, *survivals = fields
        depletion = vc.Lymphodepletion(55.0, tuple(survivals))
        regimen = vc.Regimen(vc.Infusion(day, cells), depletion)
        each = vc.cure_probability(doubtful, regimen=regimen)
        return each.mean(), each

    slopes = jax.jit(jax.grad(mean, has_aux=True))
    return lambda *fields: slopes(jnp.asarray(fields))[::-1]


EDGES = {
    "no dose": (60.0, 0.0, 0.1, 0.1),
    "no dose, no depletion": (60.0, 0.0, 1.0, 1.0),
    "no depletion": (60.0, 1e8, 1.0, 1.0),
    "no normal T cell is left": (60.0, 1e8, 0.0, 0.5),
    "no CAR T cell is left, no dose": (60.0, 0.0, 0.3, 0.0),
    "an infusion that never comes": (np.inf, 0.0, 0.3, 0.3),
}


@pytest.mark.parametrize("point", EDGES.values(), ids=EDGES)
def test_slopes_where_a_treatment_does_nothing_or_all_it_can(point, treated):
    """Against one-sided differences where the other side is impossible."""

    def cure(at):
        return treated(*at)[0].mean()

    with jax.enable_x64(True):
        at, found = np.array(point), np.array(treated(*point)[1])
        expected = np.zeros(4)
        for index, step in enumerate((1e-3, 1e4, -1e-5, -1e-5)):
            # A day that never comes cannot move, and of nobody less than one cell is left.
            if not np.isfinite(at[index]) or (index >= 2 and at[index] == 0.0):
                continue
            near, far = (cure(np.where(np.arange(4) == index, at + k * step, at)) for k in (1, 2))
            expected[index] = (4.0 * near - far - 3.0 * cure(at)) / (2.0 * step)
    scale = np.array([1.0, 1e-9, 1.0, 1.0])
    np.testing.assert_allclose(found / scale, expected / scale, rtol=1e-4, atol=1e-7)


# What is impossible of an infusion's day and cells, and of a depletion's survivals.
IMPOSSIBLE = {
    "a day before the first": (-1.0, 1e9, 0.5, 0.5),
    "a dose below none": (60.0, -1e9, 0.5, 0.5),
    "a survival below none": (60.0, 1e9, -0.1, -0.1),
    "a survival above all": (60.0, 1e9, 2.0, 0.5),
}


@pytest.mark.parametrize("point", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_traced_treatments_that_are_impossible_give_no_number(point, treated, doubtful):
    with jax.enable_x64(True):
        found, slopes = treated(*point)
    assert np.isnan(found).all()
    wrong = np.array(point) != (60.0, 1e9, 0.5, 0.5)
    assert np.isnan(np.asarray(slopes)[wrong]).all()
    day, cells, *survivals = point
    with pytest.raises(vc.VcohortError, match="impossible"):
        depletion = vc.Lymphodepletion(55.0, tuple(survivals))
        vc.cure_probability(doubtful, regimen=vc.Regimen(vc.Infusion(day, cells), depletion))


def test_a_traced_first_dose_of_nothing_gives_no_number(doubtful):
    def mean(cells):
        found = vc.cure_probability(doubtful, regimen=vc.Regimen(vc.Infusion(0.0, cells)))
        return found.mean(), found

    slope, found = jax.jit(jax.grad(mean, has_aux=True))(0.0)
    assert np.isnan(found).all()
    assert np.isnan(slope)
    with pytest.raises(vc.VcohortError, match="impossible"):
        mean(0.0)


@pytest.mark.parametrize(("name", "value"), [("r_B", -0.1), ("r_N", 0.0), ("K_C", 1e20)])
def test_traced_values_that_are_impossible_give_no_number(name, value, doubtful, slopes):
    """Of the patient that has one; the others keep theirs."""
    is_third = np.arange(24) == 2
    with jax.enable_x64(True):
        at = values_of(doubtful)
        wrong = np.where(is_third, value, at[name])
        (right, _), (found, slope) = slopes(at), slopes(at | {name: wrong})
    assert np.isnan(found[2]) and np.isnan(slope[name][2])
    np.testing.assert_array_equal(found[~is_third], right[~is_third])
    with pytest.raises(vc.VcohortError, match=f"{name} = .* is impossible"):
        vc.cure_probability(doubtful.replace(**{name: wrong}))


def test_traced_days_past_the_horizon_never_come(treated):
    with jax.enable_x64(True):
        early, late, never = (treated(day, 1e10, 1.0, 1.0)[0] for day in (60.0, 2100.0, np.inf))
    np.testing.assert_array_equal(late, never)
    assert (np.asarray(early) > np.asarray(late) + 0.1).any()


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
