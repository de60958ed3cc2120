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


VALUES = np.array([0.30, 0.03, 0.10, 0.20])
ELSEWHERE = [[2, 0, 3, 1], list("dbac"), pd.date_range("2020", periods=4)]
PLAIN = {
    **{f"series by {index[0]}": pd.Series(VALUES, index=index) for index in ELSEWHERE},
    "sorted column": pd.DataFrame({"x": VALUES[::-1]}, index=[3, 2, 1, 0]).iloc[::-1]["x"],
    "another dimension": xr.DataArray(VALUES, dims="row", coords={"row": [9, 7, 8, 6]}),
    "its own patients": xr.DataArray(VALUES, dims="patient", coords={"patient": range(4)}),
    "a tuple": tuple(VALUES),
}


def doors(cohort, value):
    """Return, from every place that takes one value per patient, what it made of them."""
    one = vc.Infusion(value)
    yield cohort.replace(r_B=value)["r_B"]
    yield vc.Cohort.from_values("kimmel2021-figures", r_B=value)["r_B"]
    yield vc.Cohort({**cohort.values, "r_B": value}, cohort.patient, cohort.model)["r_B"]
    yield from (one.day, vc.Infusion(5.0).replace(day=value).day)
    depletion = vc.Lymphodepletion(value, (value, value))
    yield from (depletion.day, *depletion.fractions)
    yield vc.Regimen(vc.Infusion(2.0)).replace(infusion_1_day=value).treatments[0].day


@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
def test_one_value_a_patient_is_read_by_position(value):
    for found in doors(COHORT, value):
        assert type(found) is np.ndarray and found.dtype == np.float64
        np.testing.assert_array_equal(found, VALUES)
    last = COHORT.replace(r_B=value).select([3, 0])
    np.testing.assert_array_equal(last["r_B"], VALUES[[3, 0]])
    saved = vc.simulate(COHORT, "deterministic", horizon=5.0, save_at=value[::-1][:1])
    assert saved["time"].dtype == np.float64 and saved.sizes["time"] == 1


OTHERS = {"in another order": [1, 0, 2, 3], "others": [4, 5, 6, 7], "names": list("abcd")}


@pytest.mark.parametrize("patients", OTHERS.values(), ids=OTHERS)
def test_labels_that_say_otherwise_are_refused(patients):
    """Values by position would be another patient's."""
    value = xr.DataArray(VALUES, dims="patient", coords={"patient": patients})
    treatments = (
        vc.Infusion(value), vc.Infusion(60.0, 1e8).replace(day=value),
        vc.Lymphodepletion(5.0, value),
        vc.Infusion(value).replace(cells=1e8),
    )  # fmt: skip
    for use in (
        lambda: COHORT.replace(r_B=value),
        lambda: COHORT.select(value > 0.05),
        lambda: vc.Cohort({**COHORT.values, "r_B": value}, COHORT.patient, COHORT.model),
        *(lambda each=each: vc.cure_probability(COHORT, regimen=vc.Regimen(each))
          for each in treatments),
        lambda: vc.Cohort.from_values(r_B=value, r_N=value.assign_coords(patient=[9, 8, 7, 6])),
    ):  # fmt: skip
        with pytest.raises(vc.VcohortError, match="labelled with other patients"):
            use()


SHAPES = [np.full((4, 1), 0.1), np.full((2, 2), 0.1), xr.DataArray(np.full((4, 2), 0.1)),
          pd.DataFrame({"r_B": VALUES})]  # fmt: skip


@pytest.mark.parametrize("value", SHAPES, ids=lambda value: f"{type(value).__name__}{value.shape}")
def test_more_than_one_dimension_is_refused(value):
    for use in (
        lambda: COHORT.replace(r_B=value),
        lambda: vc.Cohort.from_values(r_B=value),
        lambda: vc.simulate(
            vc.Cohort({**COHORT.values, "r_B": value}, COHORT.patient, COHORT.model)
        ),
        lambda: vc.Infusion(value),
        lambda: vc.Infusion(5.0, value),
        lambda: vc.Lymphodepletion(5.0, value),
        lambda: vc.simulate(COHORT, save_at=value),
        lambda: vc.progression_free_probability(COHORT, value),
        lambda: vc.local_sensitivity(COHORT, value),
        lambda: vc.Response(days=value),
    ):
        with pytest.raises(vc.VcohortError, match=r"shape|arrays of"):
            use()


MASK = np.array([True, False, False, True])
CHOICES = {
    "mask": MASK,
    "list": MASK.tolist(),
    "series": pd.Series(MASK, index=[3, 2, 1, 0]),
    "nullable": pd.Series(MASK, dtype="boolean"),
    "labelled": xr.DataArray(MASK, dims="patient", coords={"patient": range(4)}),
    "places": pd.Series([0, 3], index=[7, 5]),
    "from the end": [-4, -1],
    "slice": slice(0, 4, 3),
    "jax": jax.numpy.array([0, 3]),
}


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_some_of_the_patients(choice):
    some = COHORT.select(choice)
    np.testing.assert_array_equal(some.patient, [0, 3])
    np.testing.assert_array_equal(some["K_C"], COHORT["K_C"][[0, 3]])


@pytest.mark.parametrize(
    "choice", [MASK[:3], [4], [0.0], ["a"], 2, [], slice(4, None), [[0, 1]], None], ids=repr
)
def test_patients_that_are_not_there(choice):
    with pytest.raises(vc.VcohortError, match="selects no patient"):
        COHORT.select(choice)


@pytest.mark.parametrize(
    ("values", "patient", "message"),
    [
        ({"K_C": np.ones(3)}, range(4), r"K_C has the shape \(3,\)"),
        ({"K_C": 7e10}, range(4), r"K_C has the shape \(\)"),
        ({"K_c": np.ones(4)}, range(4), "Did you mean 'K_C'"),
        ({}, [0.5, 1.0, 2.0, 3.0], "whole numbers"),
        ({}, list("abcd"), "whole numbers"),
        ({}, [-1, 0, 1, 2], "at least 0"),
        ({}, 4, "whole numbers"),
    ],
)
def test_cohorts_made_by_hand_are_checked(values, patient, message):
    patient = list(patient) if isinstance(patient, range) else patient
    cohort = vc.Cohort({**COHORT.values, **values}, patient, COHORT.model)
    for use in (vc.simulate, vc.cure_probability):
        with pytest.raises(vc.VcohortError, match=message):
            use(cohort)


def test_a_cohort_that_lacks_a_parameter():
    values = {name: value for name, value in COHORT.values.items() if name != "k_B"}
    with pytest.raises(vc.VcohortError, match="no values of k_B"):
        vc.simulate(vc.Cohort(values, COHORT.patient, COHORT.model))
