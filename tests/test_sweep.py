"""A sweep's cells against cohorts run one by one, and what is kept of them against all patients."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import vcohort as vc
from tests.conftest import Z_LIMIT, z_of_share
from vcohort.simulation.run import Run
from vcohort.sweeps.compute import batches, cells
from vcohort.sweeps.compute import chunk as compute
from vcohort.sweeps.compute.quantiles import BINS, histogram, histogram_quantiles
from vcohort.sweeps.compute.reduce import reduce
from vcohort.sweeps.design import plan

N = 200
K_C = [6.8e10, 7.0e10, 7.2e10]

# One program for most of these tests.
QUICK = {"tolerance": 1e-2, "progress": False}
OUTCOME = {"endpoints": [vc.Outcome()], "days": [90.0, 400.0], **QUICK}


@pytest.fixture
def population(figures):
    return figures(0.05, r_B=vc.LogNormal(0.065, 0.2))


@pytest.fixture(scope="module")
def whole():
    """A sweep that keeps its patients, with all endpoints."""
    population = vc.Population("kimmel2021-figures", 0.05, r_B=vc.LogNormal(0.065, 0.2))
    axes = {"K_C": K_C[:2], "sigma": [0.05, 0.1]}
    return vc.sweep(population, axes, N, seed=3, keep_patients=True, **QUICK)


def test_a_cell_is_the_cohort_that_simulate_runs(population):
    options = {"endpoints": [vc.Outcome()], **QUICK}
    axes = {"K_C": K_C, "gamma_B": [1.1, 1.2]}
    ds = vc.sweep(population, axes, N, seed=5, days=(), keep_patients=True, **options)
    for k in K_C:
        for g in (1.1, 1.2):
            cell = ds.sel(K_C=k, gamma_B=g)
            cohort = population.replace(K_C=k, gamma_B=g).sample(N, seed=5)
            alone = vc.simulate(cohort, "exact", seed=5, **options)
            assert alone.attrs["time_grid"].size - 1 == cell["steps"]
            np.testing.assert_array_equal(cell["outcome"], alone["outcome"])
            np.testing.assert_array_equal(cell["event_time"], alone["event_time"])
            expected = vc.cure_probability(cohort, tolerance=1e-2)
            np.testing.assert_allclose(cell["patient_cure_probability"], expected, atol=2e-6)


def test_shares_and_their_intervals_are_those_of_the_patients(whole):
    for name, code in (("cured", 1), ("progressed", 2)):
        count = (whole["outcome"].values == code).sum(axis=2)
        np.testing.assert_allclose(whole[name], count / N, rtol=1e-12)
        for place in np.ndindex(count.shape):
            interval = stats.binomtest(int(count[place]), N).proportion_ci(method="wilson")
            assert float(whole[f"{name}_lower"][place]) == pytest.approx(interval.low, abs=1e-12)
            assert float(whole[f"{name}_upper"][place]) == pytest.approx(interval.high, abs=1e-12)
    np.testing.assert_array_equal(whole["undecided"], (whole["outcome"] == 0).mean("patient"))


def test_no_share_is_off_by_the_rounding_of_others():
    """1 - 0.3 - 0.7 is less than 0."""
    axes = {"K_C": np.linspace(6.6e10, 7.4e10, 24)}
    ds = vc.sweep(vc.Population("kimmel2021-figures"), axes, 10, seed=1, **OUTCOME)
    assert np.unique(ds["cured"]).size > 4
    np.testing.assert_array_equal(ds["undecided"], 0.0)


def test_survival_is_that_of_the_patients(whole):
    progressed = whole["outcome"].values == 2
    day = np.where(progressed, whole["event_time"].values.astype(float), np.inf)
    for at in whole["day"].values:
        np.testing.assert_allclose(
            whole["pfs"].sel(day=at), (day > at).mean(axis=2), atol=1e-12
        )  # fmt: skip
    free = np.minimum(day, 720.0)
    np.testing.assert_allclose(whole["rmst"], free.mean(axis=2), rtol=1e-8)
    error = free.std(axis=2, ddof=1) / np.sqrt(N)
    np.testing.assert_allclose(whole["rmst_error"], error, rtol=1e-6)


def test_quantiles_are_those_of_the_patients(whole):
    levels = whole["quantile"].values
    for name in ("nadir", "nadir_day", "C_max", "T_max", "C_auc", "C_last_day"):
        expected = np.quantile(whole[name].values.astype(float), levels, axis=2)
        np.testing.assert_allclose(
            whole[f"{name}_quantile"], np.moveaxis(expected, 0, -1), rtol=1e-6
        )
    for name, code in (("cure_day", 1), ("progression_day", 2)):
        for place in np.ndindex(2, 2):
            days = whole["event_time"].values[place][whole["outcome"].values[place] == code]
            np.testing.assert_allclose(
                whole[f"{name}_quantile"][place], np.quantile(days.astype(float), levels), rtol=1e-6
            )


def test_exact_means_and_flags_are_those_of_the_patients(whole):
    p = whole["patient_cure_probability"].values.astype(float)
    np.testing.assert_allclose(whole["cure_probability"], p.mean(axis=2), atol=1e-8)
    error = p.std(axis=2, ddof=1) / np.sqrt(N)
    np.testing.assert_allclose(whole["cure_probability_error"], error, atol=1e-7)
    shares = whole["response_day_90_share"]
    for code, meaning in enumerate(shares["response"].values):
        share = (whole["response_day_90"].values == code).mean(axis=2)
        np.testing.assert_allclose(shares.sel(response=meaning), share, atol=1e-12)


def test_what_was_drawn_and_what_was_to_be_expected_agree(figures):
    ds = vc.sweep(figures(0.05), {"K_C": K_C}, 4000, seed=9, **OUTCOME)
    for k in K_C:
        cell = ds.sel(K_C=k)
        assert (
            abs(z_of_share(float(cell["cured"]), float(cell["cure_probability"]), 4000)) < Z_LIMIT
        )
        late = cell.sel(day=400.0)
        assert abs(z_of_share(float(late["pfs"]), float(late["pfs_probability"]), 4000)) < Z_LIMIT


def test_chunks_neighbours_and_threads_change_no_bit(population):
    axes = {"K_C": K_C, "gamma_B": [1.0, 1.1, 1.2]}
    together = vc.sweep(population, axes, 64, seed=1, **OUTCOME)
    alone = vc.sweep(population, axes, 64, seed=1, chunk=1, **OUTCOME)
    assert together.drop_attrs().identical(alone.drop_attrs())
    fewer = {"K_C": K_C[1:], "gamma_B": [1.1]}
    part = vc.sweep(population, fewer, 64, seed=1, **OUTCOME)
    assert part.drop_attrs().identical(together.sel(fewer).drop_attrs())
    planned = plan.make_plan(population, axes, 64, Run(method="exact"))
    one, two = (compute.compute_chunk(planned, [4, 5], threads=count) for count in (1, 2))
    for first, second in zip(one, two, strict=True):
        assert first[:2] == second[:2]
        for name, kept in first.reduced.items():
            np.testing.assert_array_equal(kept, second.reduced[name])


def test_a_kill_costs_a_twentieth_of_a_sweep_or_a_million_patients(figures):
    for axes, patients in (
        ({"K_C": 9, "gamma_B": 7}, 1000), ({"K_C": 20}, 10), ({"K_C": 400, "gamma_B": 2}, 5000),
        ({"K_C": 3, "gamma_B": 4}, 10**6), ({"K_C": 100, "gamma_B": 100}, 10**4),
    ):  # fmt: skip
        swept = {name: np.linspace(1.0, 1.2, size) * (7e10 if name == "K_C" else 1)
                 for name, size in axes.items()}  # fmt: skip
        made = plan.make_plan(figures(), swept, patients, Run(method="exact"))
        cells = np.prod(list(axes.values()))
        assert len(made.chunks) >= min(20, cells)
        largest = max(made.chunks.size(chunk) for chunk in range(len(made.chunks)))
        assert largest * patients <= max(2**20, patients)
        assert largest == 1 or largest <= cells // 20


def test_all_cells_hold_the_same_patients_unless_told_otherwise(population):
    axes = {"K_N": [2.4e11, 2.5e11]}
    options = {"keep_patients": True, **OUTCOME}
    same = vc.sweep(
        population, {"threshold": [100.0, 100.0 + 1e-9]}, 64, method="hybrid", **options
    )
    np.testing.assert_array_equal(same["outcome"][0], same["outcome"][1])
    other = vc.sweep(population, axes, 64, independent=True, seed=2, **options)
    second = population.replace(K_N=2.5e11).sample(64, 2, first=64)
    p = vc.cure_probability(second, tolerance=1e-2)
    np.testing.assert_allclose(other["patient_cure_probability"][1], p, atol=2e-3)


def test_a_large_cell_is_run_in_spans(population, monkeypatch):
    """Of a cell larger than a span quantiles come from histograms; all else is the same."""
    axes = {"K_C": K_C[:2]}
    sorted_ = vc.sweep(population, axes, 200, seed=4, **OUTCOME)
    for module in (plan, batches, cells):
        monkeypatch.setattr(module, "SPAN", 64)
    ds = vc.sweep(population, axes, 200, seed=4, **OUTCOME)
    for name in ds.data_vars:
        # The grid is tried on patients of the first span.
        if name != "error_estimate" and not name.endswith("_quantile"):
            np.testing.assert_array_equal(ds[name], sorted_[name], err_msg=name)
    # Between two order statistics a histogram may stop at either: few are that far apart.
    for name in ("cure_day_quantile", "progression_day_quantile"):
        np.testing.assert_allclose(ds[name], sorted_[name], rtol=0.03)


def test_histograms_tell_quantiles_within_a_thousandth():
    values = np.random.default_rng(1).lognormal(3.0, 2.0, 100_000).astype(np.float32)
    values[:5000] = 0.0
    levels = (0.01, 0.2, 0.5, 0.9, 0.999)
    counts = histogram(np, values, np.ones(values.size, bool))
    assert counts.shape == (BINS,) and counts.sum() == values.size
    expected = np.quantile(values, levels)
    np.testing.assert_allclose(histogram_quantiles(counts, levels), expected, rtol=2e-3)
    assert np.isnan(histogram_quantiles(np.zeros(BINS, np.int64), levels)).all()


@pytest.mark.parametrize("is_whole", [True, False])
def test_an_accelerator_reduces_to_the_same_bits(population, is_whole):
    planned = plan.make_plan(population, {"K_C": K_C}, 50, Run(method="exact"))
    generator = np.random.default_rng(2)
    shape = (1 if not is_whole else 3, 50)
    columns = {
        "outcome": generator.integers(0, 3, shape).astype(np.int8),
        "event_time": generator.uniform(0, 2000, shape).astype(np.float32),
        "cure_probability": generator.uniform(0, 1, shape).astype(np.float32),
        "pfs_probability": generator.uniform(0, 1, (*shape, 6)).astype(np.float32),
        **{f"response_day_{day}": generator.integers(0, 4, shape).astype(np.int8)
           for day in (30, 90)},
        **{name: generator.lognormal(5, 3, shape).astype(np.float32)
           for name in ("nadir", "nadir_day", "C_max", "T_max", "C_auc", "C_last_day")},
    }  # fmt: skip
    here = reduce(np, planned, columns, is_whole)
    with jax.enable_x64(True):
        there = compute.reduce_on_device(
            planned, {name: jnp.asarray(part) for name, part in columns.items()}, is_whole
        )
    assert here.keys() == there.keys()
    for name, kept in here.items():
        # Between two order statistics a multiplication and an addition may be rounded as one.
        rounding = 1e-14 if name.endswith("_quantile") else 0.0
        np.testing.assert_allclose(kept, there[name], rtol=rounding, err_msg=name)


def test_thresholds_can_be_swept(figures):
    """With 10 cells in place of 100 the hybrid shows fewer cures (theory page)."""
    ds = vc.sweep(figures(), {"threshold": [10.0, 100.0]}, 3000, method="hybrid", **OUTCOME)
    assert float(ds["cured"][0]) < float(ds["cured"][1]) - 0.03
    np.testing.assert_array_equal(ds["cure_probability"][0], ds["cure_probability"][1])


def test_a_regimen_can_be_swept(population):
    regimen = vc.Regimen(vc.Infusion(100.0), vc.Lymphodepletion(100.0, 0.5))
    axes = {
        "infusion_1_day,lymphodepletion_1_day": [0.0, 120.0],
        "lymphodepletion_1_survival": [0.01, 0.9],
    }
    ds = vc.sweep(population, axes, 64, regimen=regimen, seed=2, **OUTCOME)
    assert ds["cured"].dims == ("infusion_1_day", "lymphodepletion_1_survival")
    np.testing.assert_array_equal(ds["lymphodepletion_1_day"], ds["infusion_1_day"])
    other = vc.Regimen(vc.Infusion(120.0), vc.Lymphodepletion(120.0, 0.01))
    p = vc.cure_probability(population.sample(64, 2), regimen=other, tolerance=1e-2)
    cell = ds["cure_probability"].sel(infusion_1_day=120.0, lymphodepletion_1_survival=0.01)
    assert float(cell) == pytest.approx(float(p.mean()), abs=2e-3)
    # A second infusion on day 0 is the first one.
    alone = vc.cure_probability(population.sample(64, 2).replace(N0=0.9 * 3e9), tolerance=1e-2)
    cell = ds["cure_probability"].sel(infusion_1_day=0.0, lymphodepletion_1_survival=0.9)
    assert float(cell) == pytest.approx(float(alone.mean()), abs=2e-3)


TWICE = vc.Regimen(vc.Infusion(20.0), vc.Infusion(60.0))


def test_a_treatment_may_come_on_the_day_that_another_one_leaves(population):
    axes = {"infusion_1_day": [20.0, 60.0], "infusion_2_day": [60.0, 150.0]}
    ds = vc.sweep(population, axes, 64, layout="table", regimen=TWICE, seed=2, **OUTCOME)
    moved = TWICE.replace(infusion_1_day=60.0, infusion_2_day=150.0)
    p = vc.cure_probability(population.sample(64, 2), regimen=moved, tolerance=1e-2)
    assert float(ds["cure_probability"][1]) == pytest.approx(float(p.mean()), abs=2e-3)


@pytest.mark.parametrize(
    ("second", "patients", "message"),
    [([80.0, 90.0, 120.0], 8, "two of Infusion on day 90"),
     ([80.0, 90.000001, 120.0], 8, "cannot be told apart"),
     ([80.0, 90.0, 120.0], 9, "has the shape")],
)  # fmt: skip
def test_no_cell_in_the_middle_is_refused_once_there_is_a_store(
    second, patients, message, population, tmp_path
):
    depleted = vc.Lymphodepletion(np.linspace(10.0, 17.0, 8), 0.5)
    axes = {"infusion_1_day": [30.0, 90.0, 100.0], "infusion_2_day": second}
    with pytest.raises(vc.VcohortError, match=message):
        vc.sweep(population, axes, patients, tmp_path / "new.zarr", regimen=TWICE.plus(depleted),
                 **OUTCOME)  # fmt: skip
    assert not (tmp_path / "new.zarr").exists()


def test_tables_and_designs_lie_along_cells(population):
    table = {"K_C": [6.8e10, 7.2e10, 7.0e10], "sigma": [0.05, 0.05, 0.1]}
    ds = vc.sweep(population, table, 64, layout="table", **OUTCOME)
    assert ds["cured"].dims == ("cell",) and ds["sigma"].dims == ("cell",)
    grid = vc.sweep(population, {"K_C": [6.8e10, 7.2e10]}, 64, **OUTCOME)
    np.testing.assert_array_equal(ds["cure_probability"][:2], grid["cure_probability"])
    axes = {"K_C": (6.6e10, 7.4e10), "B0": vc.LogNormal(9e10, 0.5)}
    design = vc.sweep(population, axes, 64, layout="sobol", cells=8, **OUTCOME)
    assert design.sizes["cell"] == 8
    assert ((design["K_C"] > 6.6e10) & (design["K_C"] < 7.4e10)).all()
    rank = stats.spearmanr(design["K_C"], design["cure_probability"]).statistic
    assert rank > 0.8


def test_without_a_closed_form_the_exact_means_are_left_out():
    population = vc.Population(sigma=0.05, model=vc.car_t(killing="crowded"))
    with pytest.raises(vc.VcohortError, match="needs rates that do not depend on the tumour"):
        vc.sweep(population, {"K_C": K_C}, 64, **OUTCOME)
    ds = vc.sweep(population, {"K_C": K_C[:1]}, 64, method="hybrid", **OUTCOME)
    assert "cure_probability" not in ds and "pfs_probability" not in ds and "cured" in ds


def test_a_cell_that_cannot_be_followed_is_empty_and_told_of(population):
    with pytest.warns(vc.VcohortWarning, match="In 1 of 2 cells the error misses"):
        ds = vc.sweep(population, {"rho_C": [0.037, 700.0]}, 64, **OUTCOME)
    assert np.isfinite(ds["cured"][0]) and np.isnan(ds["cured"][1])


def test_an_estimate_says_what_it_would_take(population):
    axes = {"K_C": K_C, "gamma_B": [1.0, 1.2]}
    options = {name: value for name, value in OUTCOME.items() if name != "progress"}
    found = vc.estimate_sweep(population, axes, 64, price_per_hour=36.0, **options)
    assert (found.cells, found.patients, found.chunks) == (6, 384, 6)
    ds = vc.sweep(population, axes, 64, **OUTCOME)
    assert found.store_bytes == sum(each.nbytes for each in ds.data_vars.values())
    assert found.seconds == pytest.approx(384 / found.patients_per_second)
    assert found.cost == pytest.approx(found.seconds / 100)
    assert "384" in str(found) and "patients/s" in str(found)


@pytest.mark.parametrize(
    ("axes", "options", "message"),
    [
        ({}, {}, "Nothing is swept"),
        ({"K_c": [1e10]}, {}, "Did you mean 'K_C'"),
        ({"K_C": [-1.0]}, {}, "K_C = -1 is impossible"),
        ({"K_C": ["a"]}, {}, "must be numbers"),
        ({"K_C": [7e10, 7e10]}, {}, "holds a value twice"),
        ({"K_C": [7e10], "sigma,K_C": [0.1]}, {}, "swept twice"),
        ({"sigma": [-0.1]}, {}, "sigma = -0.1 is impossible"),
        ({"threshold": [10.0]}, {}, "has no threshold to sweep"),
        ({"infusion_1_day": [10.0]}, {}, "Unknown axis"),
        ({"K_C": [7e10]}, {"n": 0}, "n = 0 is impossible"),
        ({"K_C": [7e10]}, {"n": 1.5}, "n = 1.5 is impossible"),
        ({"K_C": [7e10]}, {"layout": "gird"}, "Did you mean 'grid'"),
        ({"K_C": (6e10, 8e10)}, {"layout": "sobol"}, "needs cells"),
        ({"K_C": [7e10]}, {"cells": 4}, "has no meaning"),
        ({"K_C": [1e10, 2e10, 3e10]}, {"layout": "sobol", "cells": 4}, "takes (low, high)"),
        ({"K_C": [7e10], "B0": [1e10, 2e10]}, {"layout": "table"}, "one length"),
        (
            {
                "K_C": [6e10, 7e10],
                "B0": pd.Series([1e10, 2e10], index=[1, 0]),
                "r_B": pd.Series([0.06, 0.07]),
            },
            {"layout": "table"},
            "B0 and r_B have different labels",
        ),
        ({"K_C": [7e10]}, {"days": [3000.0]}, "days = [3000.0] is impossible"),
        ({"K_C": [7e10]}, {"quantiles": [0.5, 0.1]}, "in increasing order"),
        ({"K_C": [7e10]}, {"until": 0.0}, "until = 0 is impossible"),
        ({"K_C": [7e10]}, {"chunk": 0}, "chunk = 0 is impossible"),
        ({"K_C": [7e10]}, {"design": "latin-hypercube", "independent": True}, "Latin hypercube"),
        ({"K_C": [7e10]}, {"client": 3}, "is no Dask client"),
    ],
)
def test_mistakes_are_refused_before_any_work(axes, options, message, figures):
    with pytest.raises(vc.VcohortError) as refused:
        vc.sweep(figures(0.05), axes, **{"n": 10, **options})
    assert message in str(refused.value)
