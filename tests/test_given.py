"""Numbers of every kind mean the same, also in a traced function; what is none is refused."""

from decimal import Decimal
from fractions import Fraction

import jax
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import vcohort as vc

COHORT = vc.Population("kimmel2021-figures", 0.05).sample(4, seed=1)
LARGE = {"B0": 10**11, "K_C": 70_000_000_000, "N0": 3_000_000_000, "C0": 2**31}


def traced(cohort, regimen=None):
    """Return the probability of cure as part of a traced function."""
    vary = jax.jit(lambda b: vc.cure_probability(cohort.replace(b=b), regimen=regimen))
    return np.asarray(vary(cohort["b"]))


@pytest.fixture(scope="module")
def right():
    return {name: traced(COHORT.replace(**{name: float(value)})) for name, value in LARGE.items()}


KINDS = {
    "array": lambda value: np.full(4, value),
    "list": lambda value: [value] * 4,
    "number": lambda value: value,
    "numpy's number": np.int64,
    "0-d array": np.array,
    "fractions": lambda value: np.array([Fraction(value)] * 4),
    "decimal": Decimal,
    "series": lambda value: pd.Series([value] * 4, index=[9, 8, 7, 6]),
    "nullable": lambda value: pd.Series([value] * 4, dtype="Int64"),
    "labelled": lambda value: xr.DataArray(np.full(4, value), dims="patient"),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_whole_numbers_of_cells_keep_their_size_when_traced(make, right):
    for name, value in LARGE.items():
        cohort = COHORT.replace(**{name: make(value)})
        assert isinstance(cohort[name], np.ndarray) and cohort[name].dtype == np.float64
        np.testing.assert_array_equal(cohort[name], np.full(4, float(value)))
        np.testing.assert_allclose(traced(cohort), right[name], atol=1e-6)
        built = vc.Cohort.from_values("kimmel2021-figures", **{name: make(value)})
        np.testing.assert_array_equal(built[name], float(value))


def test_cohorts_made_by_hand_and_by_jax():
    values = {**COHORT.values, "B0": np.full(4, 10**11), "K_C": pd.Series([7 * 10**10] * 4)}
    cohort = vc.Cohort(values, np.arange(4), COHORT.model)
    assert cohort["B0"].dtype == cohort["K_C"].dtype == np.float64
    through = jax.jit(vc.cure_probability)(cohort)
    np.testing.assert_allclose(through, traced(cohort), atol=1e-6)
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), cohort)
    assert shapes.values["B0"].dtype == np.float64
    assert jax.tree.map(lambda leaf: None, cohort).values["B0"] is None


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_whole_numbers_of_a_regimen(make):
    def regimen(change=lambda value: value):
        return vc.Regimen(
            vc.Infusion(change(60), change(10**10)), vc.Lymphodepletion(change(55), change(1))
        )

    float_regimen = regimen(float)
    cohort = COHORT.replace(gamma_B=0.9)
    found = traced(cohort, regimen(make))
    np.testing.assert_allclose(found, traced(cohort, float_regimen), atol=1e-6)
    assert np.abs(found - traced(cohort)).max() > 1e-3
    np.testing.assert_array_equal(
        vc.cure_probability(cohort, regimen=regimen(make)),
        vc.cure_probability(cohort, regimen=float_regimen),
    )


def test_cells_that_jax_may_have_cut_short_are_refused():
    """A whole number that is traced has 32 bits, whatever it was before."""
    cells = np.full(4, 10**11)
    with pytest.raises(vc.VcohortError, match="B0 is traced as int32"):
        jax.jit(lambda b: vc.cure_probability(COHORT.replace(B0=b)))(cells)
    with pytest.raises(vc.VcohortError, match=r"cells.* is traced as int32"):
        jax.jit(
            lambda c: vc.cure_probability(COHORT, regimen=vc.Regimen(vc.Infusion(60.0, c)))
        )(cells)  # fmt: skip
    by_day = jax.jit(lambda day: vc.cure_probability(COHORT, regimen=vc.Regimen(vc.Infusion(day))))
    np.testing.assert_array_equal(by_day(60), by_day(60.0))


NONE = [True, "7e10", ["7e10"] * 4, [None] * 4, 7e10 + 0j, np.ones(4, bool), [[1.0], [2.0, 3.0]],
        np.ma.masked_greater(np.full(4, 7e10), 1e10),
        np.array(["2020-01-01"] * 4, "M8[D]")]  # fmt: skip


@pytest.mark.parametrize("value", NONE, ids=repr)
def test_what_is_no_number_is_refused(value):
    refused = pytest.raises(vc.VcohortError, match="number")
    for use in (
        lambda: COHORT.replace(K_C=value),
        lambda: vc.Cohort.from_values(K_C=value),
        lambda: vc.Infusion(60.0, value),
        lambda: vc.Infusion(value),
        lambda: vc.Lymphodepletion(60.0, value),
        lambda: vc.Population(K_C=value),
        lambda: vc.Population(sigma=value),
        lambda: vc.Kinetics(auc_until=value),
        lambda: vc.simulate(COHORT, horizon=value),
        lambda: vc.simulate(
            vc.Cohort({**COHORT.values, "K_C": value}, COHORT.patient, COHORT.model)
        ),
    ):
        with refused:
            use()


def test_a_series_is_no_distribution():
    with pytest.raises(vc.VcohortError, match="from_values"):
        vc.Population(K_C=pd.Series([6e10, 7e10]))
