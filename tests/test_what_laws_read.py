"""Which rates depend on the tumour is told from the laws themselves, whatever they say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vcohort as vc
from vcohort.models import LAW_KINDS, Cells, shared
from vcohort.models.law import Feedback, Growth, Killing, Proliferation, find_law

GOMPERTZ = find_law("growth", "gompertz")


def feedback(rate):
    return vc.car_t(feedback=Feedback("own", "own", (shared.rho_C,), rate))


def killing(rate, *parameters):
    return vc.car_t(killing=Killing("own", "own", (shared.k_B, *parameters), rate))


def growth(rates=GOMPERTZ.rates, relaxation=GOMPERTZ.relaxation):
    return vc.car_t(growth=Growth("own", "own", GOMPERTZ.parameters, rates, relaxation))


def hindered(values, cells, car_rate):
    """Growth of the CAR T cells that a large tumour hinders."""
    normal, car = GOMPERTZ.rates(values, cells, car_rate)
    return normal, car / (1.0 + cells.tumour / 1e11)


@jax.jit
def larger(rate, tumour):
    """Return two numbers, one of which depends on the tumour."""
    return 2.0 * rate, rate * tumour


@jax.custom_jvp
def plain(rate, tumour):
    return 3.0 * rate


@jax.custom_vjp
def with_tumour(rate, tumour):
    return rate + tumour


plain.defjvp(lambda inputs, ways: (plain(*inputs), 3.0 * ways[0]))
with_tumour.defvjp(lambda rate, tumour: (rate + tumour, None), lambda _, slope: (slope, slope))


def by_cond(chosen, branch):
    """Choose between a constant rate and a branch, by a condition."""

    def rate(values, cells):
        return jax.lax.cond(
            chosen(values, cells) > 1.0, branch, lambda rho, tumour: rho,
            values["rho_C"], cells.log_tumour,
        )  # fmt: skip

    return rate


def by_scan(values, cells):
    """Add up the tumour, a tenth at a time."""
    total, _ = jax.lax.scan(
        lambda sofar, _: (sofar + 0.1 * cells.log_tumour, None), values["rho_C"], None, length=10
    )
    return total


def by_while(values, cells):
    return jax.lax.while_loop(lambda x: x < cells.log_tumour, lambda x: 2.0 * x, values["rho_C"])


def loop_without(values, cells):
    return jax.lax.fori_loop(0, 3, lambda _, x: x * 1.01, values["rho_C"])


READERS = {
    "growth": growth(hindered),
    "relaxation": growth(relaxation=lambda v, c, r: (v["r_N"], r * jnp.exp(-c.log_tumour))),
    "killing": killing(lambda v, c: c.tumour / v["k_B"]),
    "birth": vc.car_t(proliferation=Proliferation("own", "", (), lambda v, c: 1.0 / c.log_tumour)),
    "a log": feedback(lambda v, c: v["rho_C"] * c.log_tumour),
    "times zero": feedback(lambda v, c: v["rho_C"] + 0.0 * c.tumour),
    "jit": feedback(lambda v, c: larger(v["rho_C"], c.tumour)[1]),
    "remat": feedback(jax.checkpoint(lambda v, c: v["rho_C"] * c.tumour)),
    "custom_vjp": feedback(lambda v, c: with_tumour(v["rho_C"], c.log_tumour)),
    "a branch": feedback(by_cond(lambda v, c: v["rho_C"], lambda rho, tumour: rho * tumour)),
    "a condition": feedback(by_cond(lambda v, c: c.log_tumour, lambda rho, tumour: 2.0 * rho)),
    "scan": feedback(by_scan),
    "while": feedback(by_while),
}  # fmt: skip

OTHERS = {
    "jit": feedback(lambda v, c: larger(v["rho_C"], c.tumour)[0]),
    "nested jit": feedback(jax.jit(lambda v, c: larger(v["rho_C"], c.tumour)[0])),
    "remat": feedback(jax.checkpoint(lambda v, c: larger(v["rho_C"], c.tumour)[0])),
    "custom_jvp": feedback(lambda v, c: plain(v["rho_C"], c.tumour)),
    "a branch": feedback(by_cond(lambda v, c: v["rho_C"], lambda rho, tumour: 2.0 * rho)),
    "a loop": feedback(loop_without),
    "a number": feedback(lambda v, c: 0.03),
    "its shape": feedback(lambda v, c: v["rho_C"] + jnp.zeros_like(c.log_tumour)),
    "the first tumour": feedback(lambda v, c: v["rho_C"] * (1.0 + 1e-12 * v["B0"])),
    "unused by growth": vc.car_t(
        Growth("own", "", GOMPERTZ.parameters,
               lambda v, c, rate: GOMPERTZ.rates(v, c, v["r_N"]),
               lambda v, c, rate: GOMPERTZ.relaxation(v, c, v["r_N"])),
        feedback="B",
    ),
}  # fmt: skip


@pytest.mark.parametrize("model", READERS.values(), ids=READERS)
def test_a_rate_that_reads_the_tumour_is_found_out(model):
    assert not model.tumour_is_linear


@pytest.mark.parametrize("model", OTHERS.values(), ids=OTHERS)
def test_a_rate_that_does_not_is_no_hindrance(model):
    assert model.tumour_is_linear


def test_the_laws_of_the_package_against_their_slopes():
    """A rate depends on the tumour where its derivative to the tumour is not zero."""
    numbers = dict(zip("NCMBE", map(jnp.float32, (1.2e11, 9e9, 1e9, 4e10, 1e5)), strict=True))
    for kind in LAW_KINDS:
        for name in vc.laws(kind):
            model = vc.car_t(**{kind: name})
            values = {each.name: jnp.float32(each.default) for each in model.parameters.values()}

            def everything(log_tumour, model=model, values=values):
                state = Cells.counted(model.species, numbers | {"B": jnp.exp(log_tumour)})
                return model.rates(values, state), model.relaxation(values, state)

            slopes = jax.tree.leaves(jax.jacfwd(everything)(jnp.log(numbers["B"])))
            assert model.tumour_is_linear == (not np.any(slopes)), name


@pytest.mark.parametrize("name", ["growth", "a log", "scan"])
def test_closed_forms_refuse_such_a_model(name):
    cohort = vc.Population("kimmel2021", model=READERS[name]).sample(3)
    refused = pytest.raises(vc.VcohortError, match="rates that do not depend on the tumour")
    with refused:
        vc.simulate(cohort, "exact")
    with refused:
        vc.cure_probability(cohort)
    with refused:
        vc.progression_free_probability(cohort, [100.0])


def test_a_law_that_reads_what_nobody_owns_is_refused():
    for wrap in (jax.jit, lambda rate: rate):
        with pytest.raises(vc.VcohortError, match=r"'gama_B', which no law .* mean 'gamma_B'"):
            vc.car_t(killing=Killing("own", "", (shared.gamma_B,), wrap(lambda v, c: v["gama_B"])))
    assert killing(lambda v, c: v["r_N"] * c.car / v["k_B"]).tumour_is_linear


def test_two_parameters_of_one_name_are_refused():
    hours = vc.Param("r_N", "r_N", "/hour", 0.01, (1e-4, 1.0), "another rate", "made up")
    with pytest.raises(vc.VcohortError, match="two different parameters of the name 'r_N'"):
        killing(lambda v, c: v["r_N"], hours)
    assert "r_N" in killing(lambda v, c: v["r_N"], shared.r_N).parameters
