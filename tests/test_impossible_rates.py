"""Rates of one's own laws that become impossible after day 0 make their patients missing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vcohort as vc
from vcohort.models import Param
from vcohort.models.law import CloneRates, Escape, Flows, Killing, Memory, Proliferation, find_law
from vcohort.models.species import Clone

odd = Param("odd", "odd", "1", 0.0, (0.0, 1.0), "whether the law breaks", "a test", closed=True)
MEMORY = find_law("memory", "linear")
ESCAPE = find_law("escape", "mutation")
KILLING = find_law("killing", "saturating")


def breaks(values, cells):
    """From a thousandth more normal T cells than on day 0 on, where the law is odd."""
    return (values["odd"] > 0.5) & (cells.normal > 1.001 * values["N0"])


def killed(broken):
    def rate(values, cells):
        return jnp.where(breaks(values, cells), broken, KILLING.rate(values, cells))

    return vc.car_t(killing=Killing("own", "own", (*KILLING.parameters, odd), rate))


def born(broken):
    def rate(values, cells):
        return jnp.where(breaks(values, cells), broken, values["r_B"])

    own = find_law("proliferation", "exponential").parameters
    return vc.car_t(proliferation=Proliferation("own", "own", (*own, odd), rate))


def moved(broken):
    def flows(values, cells):
        found = MEMORY.flows(values, cells)
        there = jnp.where(breaks(values, cells), broken, found.transfer["C", "M"])
        return Flows(found.growth, {**found.transfer, ("C", "M"): there})

    law = Memory("own", "own", (*MEMORY.parameters, odd), MEMORY.compartments, flows,
                 MEMORY.infused)  # fmt: skip
    return vc.car_t(memory=law)


def mutating(broken):
    def rates(values, cells, births_at, killing):
        found = ESCAPE.rates(values, cells, births_at, killing)
        share = jnp.where(breaks(values, cells), broken, values["u"])
        return CloneRates(found.birth, found.death, {("B", "E"): share})

    law = Escape("own", "own", (*ESCAPE.parameters, odd), (Clone("E", "other"),), rates)
    return vc.car_t(escape=law)


KINDS = {
    "deaths below 0": killed(-0.1), "deaths that are no number": killed(np.nan),
    "infinite births": born(np.inf), "births below 0": born(-1e-3),
    "transfers below 0": moved(-0.01), "mutations of more than all": mutating(1.5),
}  # fmt: skip


def cohort_of(model):
    broken = np.array([0.0, 1.0, 0.0, 1.0])
    return vc.Population("kimmel2021-figures", 0.01, model=model).sample(4, 1).replace(odd=broken)


FIRST, *OTHERS = KINDS
FAST = [(FIRST, "hybrid"), ("mutations of more than all", "hybrid"), (FIRST, "exact")]
SLOW = [(kind, method) for kind in KINDS
        for method in ("hybrid", "exact", "deterministic", "gillespie")
        if (kind, method) not in FAST
        # The exact method knows one clone.
        and (method != "exact" or KINDS[kind].has_one_clone)]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "method"), [*FAST, *(pytest.param(*each, marks=pytest.mark.slow) for each in SLOW)]
)
def test_such_patients_are_missing_told_and_counted(kind, method):
    model = KINDS[kind]
    cohort = cohort_of(model)
    with pytest.warns(vc.VcohortWarning, match="2 of 4 patients"):
        ds = vc.simulate(cohort, method, 200.0, endpoints=[vc.Nadir()], progress=False)
    np.testing.assert_array_equal(ds["outcome"] == -1, [False, True, False, True])
    assert int(ds.attrs["patients_missing"]) == 2
    alone = vc.simulate(cohort.select([0, 2]), method, 200.0, endpoints=[vc.Nadir()],
                        progress=False)  # fmt: skip
    np.testing.assert_array_equal(alone["outcome"], ds["outcome"][[0, 2]])


@pytest.mark.parametrize(
    "kind", [FIRST, *(pytest.param(kind, marks=pytest.mark.slow) for kind in OTHERS)]
)
def test_their_probabilities_are_no_numbers(kind):
    cohort = cohort_of(KINDS[kind])
    with pytest.warns(vc.VcohortWarning, match="2 of 4 patients"):
        found = np.asarray(vc.cure_probability(cohort, 200.0))
    traced = jax.jit(lambda K_C: vc.cure_probability(cohort.replace(K_C=K_C), 200.0))
    for each in (found, np.asarray(traced(np.float32(cohort["K_C"])))):
        np.testing.assert_array_equal(np.isnan(each), [False, True, False, True])


def test_a_cohort_of_nobody_else_is_refused():
    cohort = cohort_of(KINDS["deaths below 0"]).replace(odd=1.0)
    with pytest.raises(vc.VcohortError, match="cannot be followed"):
        vc.simulate(cohort, "hybrid", 200.0, progress=False)


def test_transfers_below_0_on_day_0_are_refused():
    def flows(values, cells):
        return Flows({"M": -0.1 * cells.normal / cells.normal}, {("C", "M"): -values["k_CM"]})

    law = Memory("own", "own", MEMORY.parameters, MEMORY.compartments, flows)
    cohort = vc.Population("kimmel2021-figures", model=vc.car_t(memory=law)).sample(2)
    with pytest.raises(vc.VcohortError, match=r"transfer rate of C -> M is -0\.005"):
        vc.simulate(cohort, "hybrid", progress=False)
