"""A patient that could not be followed, or was masked, is in no count, mean or picture."""

import warnings
from dataclasses import dataclass
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from vcohort import plots
from vcohort.endpoints import TumourEndpoint, Variable
from vcohort.simulation.missing import fill_of, mask_missing, warn_missing
from vcohort.simulation.run import Run
from vcohort.sweeps.compute import chunk as compute
from vcohort.sweeps.compute.reduce import lost_of, reduce
from vcohort.sweeps.compute.variables import kept_variables, missing_note
from vcohort.sweeps.design import plan

DAY = 365.0
SAVED = (0.0, 100.0)
LOST = np.isin(np.arange(200), (0, 3, 50, 51, 199))


def bare(function, *args, **options):
    """Call without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


@pytest.fixture(scope="module")
def ds():
    cohort = vc.Population("kimmel2021-figures", 0.1).sample(200, seed=1)
    return vc.simulate(cohort, save_at=SAVED, seed=2, progress=False)


def marked(ds):
    """Return the dataset as it is when the equations of some patients are lost."""
    ds = ds.copy(deep=True)
    results = {name: ds[name].values for name in ds.data_vars}
    flags = [Variable(name, "", "1", str(values.dtype)) for name, values in results.items()]
    mask_missing(results, flags, LOST)
    return ds.assign_attrs(patients_missing=int(LOST.sum()))


def masked(ds):
    return ds.where(xr.DataArray(~LOST, dims="patient"))


def with_last_days(ds):
    """Return days, in place of masked ones, that would count if the outcome did not say no."""
    return marked(ds).assign(event_time=ds["event_time"], followed_until=ds["followed_until"])


def survival(ds):
    found = vc.progression_free_survival(ds, [30.0, DAY, 2000.0])
    return np.stack([found, found["lower"], found["upper"]])


def heights(ds):
    axes = plots.event_times(ds)
    return np.array([bar.get_height() for bar in axes.patches])


def curves(axes):
    return np.concatenate([line.get_ydata() for line in np.atleast_1d(axes)[0].lines])


READERS = {
    "progression_free_survival": survival,
    "median_survival": vc.median_survival,
    "restricted_mean_survival": lambda ds: vc.restricted_mean_survival(ds, 720.0),
    "log_rank": lambda ds: vc.log_rank(ds, ds.isel(patient=ds["patient"].values % 2 == 1)),
    "summarise": lambda ds: vc.summarise(ds)[:-1],
    "validate": lambda ds: float(vc.validate(ds)["outcome"].max()),
    "plots.progression_free_survival": lambda ds: curves(plots.progression_free_survival(ds)),
    "plots.event_times": heights,
    "plots.car_t_kinetics": lambda ds: curves(plots.car_t_kinetics(ds)),
    "plots.trajectories": lambda ds: curves(plots.trajectories(ds)),
}


@pytest.mark.parametrize("spoil", [marked, masked, with_last_days])
@pytest.mark.parametrize("reader", READERS)
def test_readers_leave_missing_patients_out_and_say_so(ds, reader, spoil):
    expected = READERS[reader](ds.isel(patient=~LOST))
    with pytest.warns(vc.VcohortWarning, match=r"[35] of [12]00 patients have no (outcome|path)"):
        found = READERS[reader](spoil(ds))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("spoil", [marked, masked])
@pytest.mark.parametrize("reader", READERS)
def test_readers_refuse_where_nobody_is_left(ds, reader, spoil):
    nobody = spoil(ds).isel(patient=LOST)
    with pytest.raises(vc.VcohortError, match="No patient is left"):
        READERS[reader](nobody)


@pytest.mark.parametrize("value", [3, -2, 0.5, np.inf])
@pytest.mark.parametrize("reader", [name for name in READERS if name != "plots.car_t_kinetics"])
def test_other_outcomes_are_refused(ds, reader, value):
    outcome = ds["outcome"].astype(type(value))
    outcome[7] = value
    with pytest.raises(vc.VcohortError, match="outcome holds"):
        READERS[reader](ds.assign(outcome=outcome.assign_attrs(ds["outcome"].attrs)))


def test_an_event_without_a_day_is_no_event(ds):
    day = ds["event_time"].copy()
    day[LOST] = np.nan
    with pytest.warns(vc.VcohortWarning, match="5 of 200"):
        found = survival(ds.assign(event_time=day))
    np.testing.assert_array_equal(found, survival(ds.isel(patient=~LOST)))


def test_pictures_say_how_many_are_missing(ds):
    def words(axes):
        legend = axes.get_legend() or axes.figure.legends[0]
        return legend.get_title().get_text() + "".join(text.get_text() for text in legend.texts)

    for draw in (plots.event_times, plots.car_t_kinetics, lambda ds: plots.trajectories(ds)[2]):
        assert "5 of 200 patients are missing" in words(bare(draw, marked(ds)))
        assert "missing" not in words(draw(ds))
    assert "n = 195, 5 missing" in words(bare(plots.progression_free_survival, marked(ds)))


def test_missing_patients_go_through_netcdf(ds, tmp_path):
    spoilt = marked(ds)
    path = vc.save(spoilt, tmp_path / "cohort.nc")
    with pytest.warns(vc.VcohortWarning, match="5 of 200"):
        again = vc.load(path)
    xr.testing.assert_identical(again, spoilt)
    for name in ("outcome", "response_day_30", "response_day_90"):
        assert again[name].dtype == np.int8 and (again[name].values == -1).tolist() == LOST.tolist()
        flags, words = again[name].attrs["flag_values"], again[name].attrs["flag_meanings"].split()
        assert dict(zip(flags.tolist(), words, strict=True))[-1] == "missing"
    assert again.attrs["patients_missing"] == 5


def test_the_record_of_a_run_counts_them(ds):
    assert ds.attrs["patients_missing"] == 0
    assert (ds["followed_until"] == 2000.0).all()


def test_each_kind_of_number_has_a_fill():
    results = {"x": np.ones((3, 2)), "n": np.ones(3, np.int32), "flag": np.ones(3, np.int8)}
    variables = [Variable("x", "", "1"), Variable("n", "", "1", "int32"),
                 Variable("flag", "", "1", "int8"), Variable("not asked for", "", "1")]  # fmt: skip
    mask_missing(results, variables, np.array([True, False, False]))
    assert np.isnan(results["x"][0]).all() and (results["x"][1:] == 1).all()
    assert results["n"].tolist() == results["flag"].tolist() == [-1, 1, 1]
    assert np.isnan(fill_of(np.dtype("f4"))) and fill_of(np.dtype("i8")) == -1


def test_what_cannot_be_missing_is_no_variable():
    for dtype in ("bool", "uint8"):
        with pytest.raises(vc.VcohortError, match="no value for a patient that is missing"):
            Variable("cured", "whether", "1", dtype)
    with pytest.raises(vc.VcohortError, match="stands for patients that are missing"):
        Variable("sign", "", "1", "int8", {"flag_values": [-1, 1], "flag_meanings": "down up"})


def test_nothing_is_said_where_nobody_is_missing(ds):
    warn_missing(0, 10, "")
    with pytest.warns(vc.VcohortWarning, match=r"2 of 10 patients could not .* Look again"):
        warn_missing(2, 10, "Look again.")


# Sweeps


@dataclass(frozen=True)
class Odd(TumourEndpoint):
    """An endpoint that has no number for some patients."""

    @property
    def variables(self):
        return (Variable("odd", "a number of some patients", "1"),)

    def init(self, start):
        return start.log_tumour

    def update(self, carry, segment):
        return carry

    def final(self, carry):
        return (carry,)


def a_plan(**options):
    population = vc.Population("kimmel2021-figures", 0.1)
    run = Run(method="exact", endpoints=(Odd(), vc.Response()))
    return plan.make_plan(population, {"K_C": [7e10, 8e10, 9e10]}, 50, run, **options)


def planted(cells, lost):
    """Return columns in which the lost patients hold what a failing integrator leaves."""
    draw = np.random.default_rng(3)
    shape = (cells, 50)
    columns = {
        "outcome": draw.integers(0, 3, shape).astype(np.int8),
        "event_time": draw.uniform(0, 2000, shape).astype(np.float32),
        "cure_probability": draw.uniform(0, 1, shape).astype(np.float32),
        "pfs_probability": draw.uniform(0, 1, (*shape, 6)).astype(np.float32),
        "odd": draw.lognormal(3, 1, shape).astype(np.float32),
        **{f"response_day_{day}": draw.integers(0, 4, shape).astype(np.int8) for day in (30, 90)},
    }
    columns["odd"][:, ::7] = np.nan
    for name, bad in (("cure_probability", np.nan), ("cure_probability", 1.5),
                      ("pfs_probability", -0.1), ("pfs_probability", np.inf),
                      ("event_time", np.nan), ("outcome", -1)):  # fmt: skip
        some = lost & (draw.uniform(size=shape) < 0.5)
        if name == "pfs_probability":
            columns[name][some, 2] = bad
        else:
            columns[name][some] = bad
    columns["outcome"][lost & ~lost_of(columns)] = -1
    return columns


def read(planned, columns, whole, xp=np):
    with jax.enable_x64(True):
        if xp is jnp:
            given = {name: jnp.asarray(values) for name, values in columns.items()}
            kept = compute.reduce_on_device(planned, given, whole)
        else:
            kept = reduce(np, planned, columns, whole)
    kept = {name: np.asarray(values) for name, values in kept.items()}
    return {each.name: np.asarray(each.read(kept), float) for each in kept_variables(planned)}


@pytest.mark.parametrize("xp", [np, jnp])
@pytest.mark.parametrize("whole", [True, False])
def test_a_sweep_is_that_of_the_patients_who_are_there(xp, whole):
    planned, draw = a_plan(quantiles=(0.25, 0.5)), np.random.default_rng(4)
    lost = draw.uniform(size=(3, 50)) < 0.2
    lost[1], lost[2, 1:] = True, True  # nobody is left of one cell, one patient of another
    lost[2, 1 if lost[2, 0] else 0] = False
    columns = planted(3, lost)
    assert (lost_of(columns) == lost).all()
    found = read(planned, columns, whole, xp)
    assert found["missing"].tolist() == lost.sum(axis=1).tolist()
    for name, values in found.items():
        if name != "missing":
            assert np.isnan(values[1]).all(), name
    for name in ("cure_probability_error", "pfs_probability_error", "rmst_error"):
        assert np.isnan(found[name][2]).all(), name
        assert np.isfinite(found[name][0]).all(), name
    for cell in (0, 2):
        there = {name: values[cell][~lost[cell]] for name, values in columns.items()}
        count = (~lost[cell]).sum()
        for name, code in (("undecided", 0), ("cured", 1), ("progressed", 2)):
            share = (there["outcome"] == code).mean()
            assert found[name][cell] == pytest.approx(share, abs=1e-12)
        p, free = (there[name].astype(float) for name in ("cure_probability", "pfs_probability"))
        np.testing.assert_allclose(found["cure_probability"][cell], p.mean(), atol=1e-9)
        np.testing.assert_allclose(found["pfs_probability"][cell], free.mean(axis=0), atol=1e-9)
        progressed = there["outcome"] == 2
        days = np.where(progressed, there["event_time"].astype(float), np.inf)
        np.testing.assert_allclose(found["rmst"][cell], np.minimum(days, 720).mean(), rtol=1e-9)
        for at, shown in zip(planned.days, found["pfs"][cell], strict=True):
            assert shown == pytest.approx((days > at).mean(), abs=1e-12)
        for code, shown in enumerate(found["response_day_90_share"][cell]):
            assert shown == pytest.approx((there["response_day_90"] == code).mean(), abs=1e-12)
        if count > 1:
            error = p.std(ddof=1) / np.sqrt(count)
            np.testing.assert_allclose(found["cure_probability_error"][cell], error, atol=1e-7)
        if whole:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # of a cell without any number
                expected = np.nanquantile(there["odd"].astype(float), (0.25, 0.5))
            np.testing.assert_allclose(found["odd_quantile"][cell], expected, rtol=1e-6)


def test_histograms_hold_numbers_alone():
    planned = a_plan()
    lost = np.zeros((1, 50), bool)
    lost[0, :9] = True
    columns = planted(1, lost)
    kept = reduce(np, planned, columns, whole=False)
    inside = ~lost & ~np.isnan(columns["odd"])
    assert int(kept["odd_histogram"].sum()) == int(inside.sum())
    columns["odd"][inside] = -3.0
    assert np.isnan(read(planned, columns, whole=False)["odd_quantile"]).all()


def test_a_note_tells_of_missing_patients_of_cells_that_were_followed():
    cells = {"missing": ("x", [0.0, 2.0, 3.0, 50.0, np.nan]),
             "error_estimate": ("x", [1e-4, 1e-4, 1e-4, np.inf, np.nan])}  # fmt: skip
    assert "In 2 of 5 cells 5 patients" in missing_note(xr.Dataset(cells))
    assert missing_note(xr.Dataset(cells).isel(x=[0, 3, 4])) is None


# Analyses


@pytest.fixture(scope="module")
def wild():
    """A cohort of which one patient's rates are too fast for the steps, unseen by the pilot."""
    n = 2000
    b, a = np.full(n, 0.525), np.full(n, 0.423)
    b[5], a[5] = 1000.0, 1e6  # the pilot takes the extreme, which the feedback makes harmless,
    b[777] = 999.0  # and so not this one
    K_C = np.linspace(7e10, 9e10, n)
    return bare(vc.Cohort.from_values, "kimmel2021-figures", b=b, a=a, K_C=K_C)


def test_a_measure_of_a_lost_patient_is_no_number(wild):
    from vcohort.analysis.sensitivity.outputs import Outputs, evaluate, find_measures  # noqa: PLC0415

    names = ["cure", "pfs_30", "rmst_30", "C_max", "T_max", "C_auc_7"]
    asked = Outputs(find_measures(names), Run(method="deterministic"))
    found = evaluate(wild, asked, progress=False)
    lost = np.isnan(found)
    assert lost[777].all() and lost.sum() == len(names)
    with pytest.warns(vc.VcohortWarning, match=r"1 of 2,000 patients could not be followed"):
        free = vc.progression_free_probability(wild, [1.0, 30.0])
    assert np.isnan(free[777]).all() and np.isnan(free).sum() == 2


def test_an_optimum_is_that_of_the_patients_who_are_there(wild):
    bounds = {"day": 60.0, "cells": (1e8, 1e9)}
    healthy = wild.select(np.arange(len(wild)) != 777)
    expected = vc.optimize_regimen(healthy, bounds, grid=2, progress=False)
    with pytest.warns(vc.VcohortWarning, match="1 of 2,000 patients could not be followed"):
        found = vc.optimize_regimen(wild, bounds, grid=2, progress=False)
    np.testing.assert_allclose(found["objective"], expected["objective"], atol=1e-3)
    assert float(found["objective_without"]) == pytest.approx(
        float(expected["objective_without"]), abs=1e-3
    )
    assert found.attrs["patients"] == 1999


def test_global_sensitivity_leaves_out_whole_samples():
    pytest.importorskip("SALib")
    population = vc.Population("kimmel2021-figures", 0.05)

    def plain(cohort):
        return cohort["K_C"] / 8e10 + 2 * cohort["r_B"] / 0.065

    def holes(cohort):
        values = plain(cohort)
        values[[3, 400]] = np.nan
        return values

    n = 512
    expected = vc.sobol_indices(population, {"y": plain}, n)
    group = expected.sizes["parameter"] + 2
    with pytest.warns(vc.VcohortWarning, match=f"{2 * group} of {n * group:,} patients belong"):
        found = vc.sobol_indices(population, {"y": holes}, n)
    np.testing.assert_allclose(found["total"], expected["total"], atol=0.02)
    assert found.attrs["evaluations_left_out"] == 2 * group
    with pytest.warns(vc.VcohortWarning, match="trajectories"):
        found = vc.morris(population, {"y": holes}, 64)
    expected = vc.morris(population, {"y": plain}, 64)
    np.testing.assert_allclose(found["mu_star"], expected["mu_star"], rtol=0.02)
    for analyse in (vc.sobol_indices, vc.morris):
        with pytest.raises(vc.VcohortError, match="No patient is left"):
            analyse(population, {"y": lambda cohort: np.full(len(cohort), np.nan)}, 16)


def test_calibration_is_that_of_the_patients_who_are_there(monkeypatch):
    """Patients that are lost change nothing: before, they counted as progressed on day 0."""
    modules = [import_module(f"vcohort.analysis.calibration.{name}")
               for name in ("search", "dataset")]  # fmt: skip
    followed = modules[0].follow
    true = vc.progression_free_probability
    population = vc.Population("kimmel2021-figures", 0.1, r_B=vc.LogNormal(0.1, 0.3))
    days = np.arange(0.0, 401.0, 40.0)
    trial = xr.DataArray(
        np.asarray(true(population.sample(4096, 5), days)).mean(axis=0), dims="day",
        coords={"day": days},
    )  # fmt: skip

    def losing(gone):
        def follow(*args):
            course, gone_now = followed(*args), jnp.asarray(gone)
            path = jax.tree.map(lambda part: jnp.where(gone_now, jnp.nan, part), course.path)
            return course._replace(path=path, kept=course.kept & ~gone_now)

        return follow

    lost = np.random.default_rng(6).permutation(256) < 64
    options = {"days": days, "n": 256, "starts": 1, "weights": True, "progress": False}
    expected = vc.calibrate(population, trial, ["r_B"], **options)
    for module in modules:
        monkeypatch.setattr(module, "follow", losing(lost))
    with pytest.warns(vc.VcohortWarning, match="64 of 256 patients could not be followed"):
        found = vc.calibrate(population, trial, ["r_B"], **options)
    assert found.attrs["patients_missing"] == 64
    assert float(found["location"][0]) == pytest.approx(float(expected["location"][0]), rel=0.05)
    assert found.attrs["rms_calibrated"] < 0.01 and found.attrs["rms_before"] < 0.03
    assert (found["weight"].values[lost] == 0).all()
    for module in modules:
        monkeypatch.setattr(module, "follow", losing(np.ones(256, bool)))
    with pytest.raises(vc.VcohortError, match="no patient can be followed"):
        vc.calibrate(population, trial, ["r_B"], **options)


def test_identifiability_refuses_what_has_no_correlation():
    cohort = vc.Cohort.from_values("kimmel2021-figures")
    sens = vc.local_sensitivity(cohort, np.linspace(0, 100, 11), ["K_C", "r_B"], progress=False)
    broken = sens.copy(deep=True)
    broken["sensitivity"][..., 3, 0] = np.nan
    with pytest.raises(vc.VcohortError, match="not finite"):
        vc.identifiability(broken)
    broken["sensitivity"][..., 0] = 0.0
    with pytest.raises(vc.VcohortError, match="K_C changes neither"):
        vc.identifiability(broken)
