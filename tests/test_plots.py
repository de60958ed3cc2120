"""Pictures show what the datasets hold, in the units that clinicians use."""

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from tests.conftest import FEW
from vcohort import data, plots


@pytest.fixture(scope="module")
def ds():
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(256, seed=1)
    return vc.simulate(cohort, save_at=np.linspace(0, 180, 91), endpoints=FEW, progress=False)


def test_survival_is_drawn_with_its_band_and_the_trial(ds):
    axes = plots.progression_free_survival({"a": ds}, trial=data.progression_free_survival())
    curve, trial = axes.lines
    estimate = vc.progression_free_survival(ds, curve.get_xdata())
    np.testing.assert_allclose(curve.get_ydata(), estimate)
    assert trial.get_ydata()[0] == 1
    assert "days" in axes.get_xlabel()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["a (n = 256)", "ZUMA-1 (n = 101)"]


def test_names_of_cohorts_are_shown_as_they_are(ds):
    trial = data.progression_free_survival().assign_attrs(label="_a $trial$")
    axes = plots.progression_free_survival({"_one": ds, "$K_C$ low": ds, 7: ds}, trial=trial)
    texts = axes.get_legend().get_texts()
    shown = ["_one (n = 256)", "$K_C$ low (n = 256)", "7 (n = 256)", "_a $trial$"]
    assert [text.get_text() for text in texts] == shown
    assert not any(text.get_parse_math() for text in texts)
    lines = axes.get_legend().legend_handles
    assert [line.get_color() for line in lines] == [line.get_color() for line in axes.lines]


def test_histograms_hold_every_patient(ds):
    axes = plots.event_times(ds)
    area = sum(patch.get_height() for patch in axes.patches)
    assert area == pytest.approx((ds["outcome"].values > 0).mean(), abs=0.01)


def test_kinetics_are_in_cells_per_microlitre(ds):
    axes = plots.car_t_kinetics(ds, trial=data.moffitt_car_t_counts())
    median = axes.lines[0].get_ydata()
    np.testing.assert_allclose(median, np.median(ds["C"], axis=0) / 5e8, rtol=1e-6)
    assert "µl" in axes.get_ylabel() and axes.get_yscale() == "log"


def test_trajectories_are_in_clinical_units(ds):
    normal, car, tumour = plots.trajectories(ds.isel(patient=slice(5)))
    assert len(normal.lines) == 5
    np.testing.assert_allclose(normal.lines[0].get_ydata(), ds["N"][0] / 5e8)
    np.testing.assert_allclose(tumour.lines[0].get_ydata()[0], ds["B0"][0] / 1e9, rtol=1e-5)
    assert "ml" in tumour.get_ylabel() and "µl" in car.get_ylabel()


def fit_of(labels, models=None):
    """What a fit leaves, as far as it is drawn: of two observables, one of them the user's own.

    Of each patient the second row is an upper limit, and the third has the weight 0.
    """
    patients, days = len(labels), np.array([7.0, 14.0, 28.0, 7.0])
    scale = np.arange(1.0, patients + 1)[:, None]
    over, lines = ("patient", "observation"), 1 if models is None else len(models)
    course = np.stack([[30.0, 2.0, 0.5], [100.0, 250.0, 300.0]])
    curve = scale[:, None, :, None] * np.arange(1.0, lines + 1)[:, None, None] * course
    names = np.array([["C_per_ul"] * 3 + ["CD3_per_ul"]] * patients)
    weight = "weight" if models is None else "data_weight"
    rows = {
        "day": (over, np.tile(days, (patients, 1))), "observable": (over, names),
        "value": (over, scale * [31.0, 1.0, 9.0, 120.0]),
        "below": (over, np.tile([False, True, False, False], (patients, 1))),
        weight: (over, np.tile([1.0, 1.0, 0.0, 1.0], (patients, 1))),
        "start_loss": (("patient", "start"), scale * [0.1, 0.2]),
    }  # fmt: skip
    each = ("patient", "kind", "time") if models is None else ("patient", "model", "kind", "time")
    coords = {
        "patient": list(labels), "time": [0.0, 7.0, 14.0], "kind": ["C_per_ul", "CD3_per_ul"],
        "kind_unit": ("kind", ["cells/ul"] * 2),
        "kind_name": ("kind", ["CAR T cells", "CD3 cells"]),
    }  # fmt: skip
    coords |= {} if models is None else {"model": list(models)}
    return xr.Dataset({"curve": (each, curve[:, 0] if models is None else curve), **rows}, coords)


LABELS = ["P_1", "a$b$c", "[3]", "_4", "e", "f"]


def curves_of(axes):
    return [line.get_ydata() for line in axes.lines if line.get_linestyle() != "None"]


def marks_of(axes):
    return [line for line in axes.lines if line.get_linestyle() == "None"]


def words_of(legend):
    return [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("count", [1, 3, 6])
def test_fitted_curves_of_few_patients_share_a_panel(count):
    ds = fit_of(LABELS[:count])
    car, own = plots.fitted_curves(ds)
    np.testing.assert_allclose(curves_of(car), ds["curve"][:, 0])
    np.testing.assert_allclose(curves_of(own), ds["curve"][:, 1])
    points = np.sort(np.concatenate([line.get_ydata() for line in marks_of(car)]))
    np.testing.assert_allclose(points, np.sort(ds["value"].values[:, :3].ravel()))
    looks = {(line.get_linestyle(), line.get_color()) for line in car.lines[:count]}
    assert len(looks) == count
    # Labels that matplotlib would set as mathematics, or leave out.
    (legend,) = car.figure.legends
    assert words_of(legend) == [*LABELS[:count], "below the limit", "not counted"]
    assert not any(text.get_parse_math() for text in legend.get_texts())
    assert own.get_ylabel() == "CD3 cells, cells/µl"
    car.figure.canvas.draw()


def test_limits_and_rows_that_do_not_count_are_told_apart():
    car = plots.fitted_curves(fit_of(["a"]))[0]
    counted, limit, ignored = marks_of(car)
    assert (counted.get_marker(), limit.get_marker(), ignored.get_marker()) == ("o", "v", "o")
    assert [line.get_ydata().item() for line in (counted, limit, ignored)] == [31.0, 1.0, 9.0]
    assert limit.get_markerfacecolor() == ignored.get_markerfacecolor() == "none"
    assert counted.get_markerfacecolor() != "none"


def test_a_scale_is_logarithmic_where_the_values_ask_for_it():
    ds = fit_of(["a"])
    assert [axes.get_yscale() for axes in plots.fitted_curves(ds)] == ["log", "linear"]
    ds["value"][0, 2] = 0.0
    assert plots.fitted_curves(ds)[0].get_yscale() == "linear"


def test_each_of_many_patients_has_a_panel():
    labels = [*LABELS, *(f"p{index}" for index in range(34))]
    ds = fit_of(labels)
    panels = plots.fitted_curves(ds)
    assert [axes.get_title() for axes in panels] == labels * 2
    for index, axes in enumerate(panels):
        kind, patient = divmod(index, 40)
        np.testing.assert_allclose(curves_of(axes), ds["curve"].values[[patient], kind])
        assert axes.get_legend() is None
    assert len({axes.get_ylim() for axes in panels[:40]}) == 1
    (legend,) = panels[0].figure.legends
    assert words_of(legend) == ["below the limit", "not counted"]
    starts = plots.fit_starts(ds)
    np.testing.assert_allclose([line.get_ydata() for line in starts.lines], ds["start_loss"])
    assert starts.get_legend() is None and "40 patients" in starts.get_title()
    assert len({line.get_color() for line in starts.lines}) == 1


def test_each_patient_of_a_comparison_has_a_panel_and_each_model_a_line():
    ds = fit_of(["a", "b"], models=["T", "_none"])
    panels = plots.fitted_curves(ds)
    assert [axes.get_title() for axes in panels] == ["a", "b"] * 2
    np.testing.assert_allclose(curves_of(panels[1]), ds["curve"][1, :, 0])
    assert words_of(panels[0].figure.legends[0])[:2] == ["T", "_none"]
    car, _ = plots.fitted_curves(ds.sel(patient="b"))
    np.testing.assert_allclose(curves_of(car), ds["curve"][1, :, 0])
    assert car.get_title() == "patient b" and words_of(car.figure.legends[0])[:2] == ["T", "_none"]


@pytest.mark.parametrize(("count", "panels"), [(2, 2), (7, 14)])
def test_axes_may_be_given_but_as_many_as_are_drawn(count, panels):
    ds = fit_of([f"p{index}" for index in range(count)])
    given = plt.subplots(2, panels // 2)[1]
    assert plots.fitted_curves(ds, axes=given) == list(given.ravel())
    with pytest.raises(vc.VcohortError, match=f"{panels} panels, and axes are {panels - 1}"):
        plots.fitted_curves(ds, axes=given.ravel()[1:])


def test_fit_starts_name_few_patients_and_count_what_failed():
    ds = fit_of(LABELS)
    ds["start_loss"][2, 1] = np.inf
    axes = plots.fit_starts(ds)
    np.testing.assert_allclose(axes.lines[1].get_ydata(), ds["start_loss"][1])
    assert words_of(axes.get_legend()) == LABELS
    assert "1 of 12 starts" in axes.get_title()


def test_a_fit_from_the_disk_is_drawn_as_the_one_in_memory(tmp_path):
    """Of data that name an observable of the user's own."""
    lymph = vc.Observable(
        "CD3_per_ul", "cells/ul", 5e8, "CD3 cells",
        lambda cells: jnp.logaddexp(cells.log_normal, cells.log_car),
    )  # fmt: skip
    table = {"day": [7.0, 14.0, 28.0], "observable": [lymph] * 3, "value": [150.0, 320.0, 20.0],
             "below": [0, 0, 1]}  # fmt: skip
    fit = vc.fit(table, ["r_N"], starts=2, tolerance=1e-2, progress=False)
    vc.save(fit, tmp_path / "fit.nc")
    ((now,), (then,)) = (
        plots.fitted_curves(ds) for ds in (fit, vc.load(tmp_path / "fit.nc"))
    )  # fmt: skip
    cells = (fit["N"] + fit["C"]).values[0] / 5e8
    np.testing.assert_allclose(curves_of(now)[0], cells, rtol=1e-6)
    assert len(now.lines) == len(then.lines) == 3
    for one, other in zip(now.lines, then.lines, strict=True):
        np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())
        assert one.get_marker() == other.get_marker()
    assert words_of(now.figure.legends[0]) == words_of(then.figure.legends[0])


def test_profiles_end_at_their_interval():
    value = np.linspace(0.5, 2.0, 9)[None, None]
    one = ("patient", "parameter")
    ds = xr.Dataset(
        {
            "value": ((*one, "point"), value),
            "deviance": ((*one, "point"), 4 * np.log(value) ** 2),
            "estimate": (one, [[1.0]]), "lower": (one, [[0.6]]), "upper": (one, [[np.nan]]),
        },
        {"parameter": ["K_C"], "unit": ("parameter", ["cells"])},
        {"level": 3.84},
    )  # fmt: skip
    (axes,) = plots.profiles(ds)
    assert len(axes.lines) == 4  # the profile, its level, the estimate and the one closed end
    assert "cells" in axes.get_xlabel()
    two = xr.concat([ds, ds], "patient", data_vars="minimal").assign_coords(patient=["a", "b$"])
    assert plots.profiles(two)[0].get_title() == "patient a, the first of 2"
    assert plots.profiles(two.sel(patient="b$"))[0].get_title() == "patient b$"
    with pytest.raises(vc.VcohortError, match="1 panels, and axes are 2"):
        plots.profiles(ds, axes=plt.subplots(1, 2)[1])


def test_weights_of_many_patients_are_rows():
    labels = [f"p_{index}$" for index in range(40)]
    weight = np.random.default_rng(1).dirichlet([1.0, 1.0, 1.0], 40)
    weight[3] = np.nan
    ds = xr.Dataset(
        {"weight": (("patient", "model"), weight, {"long_name": "AICc"})},
        {"patient": labels, "model": ["one", "two", "_three"]},
    )
    axes = plots.model_weights(ds)
    shown = axes.collections[0].get_array()
    np.testing.assert_allclose(np.ma.filled(shown, np.nan).reshape(40, 3), weight)
    assert [text.get_text() for text in axes.get_yticklabels()] == labels
    assert axes.get_legend() is None and "1 of 40 patients" in axes.get_title()
    few = plots.model_weights(ds.isel(patient=slice(2, 4)))
    assert words_of(few.get_legend()) == ["p_2$", "p_3$ (missing)"]
    with pytest.raises(vc.VcohortError, match="Did you mean 'aicc'"):
        plots.model_weights(ds, "AICc")


def test_weights_and_posteriors():
    over = ("patient", "model")
    ds = xr.Dataset(
        {
            "weight": (over, [[0.7, 0.3]], {"long_name": "AICc"}),
            "weight_aic": (over, [[0.2, 0.8]], {"long_name": "AIC"}),
        },
        {"patient": ["median"], "model": ["one", "two"]},
    )
    bars = plots.model_weights(ds, "aic").patches
    assert [bar.get_width() for bar in bars] == [0.2, 0.8]
    draws = np.random.default_rng(0).lognormal(size=(2, 100, 1))
    chains = xr.Dataset({"K_C": (("chain", "draw", "patient"), draws, {"units": "cells"})})
    (axes,) = plots.posterior(xr.DataTree.from_dict({"posterior": chains}))
    assert len(axes.patches) == 2
    many = chains.isel(patient=[0, 0]).assign_coords(patient=["_a", "b"])
    tree = xr.DataTree.from_dict({"posterior": many})
    assert plots.posterior(tree)[0].get_title() == "patient _a, the first of 2"
    assert plots.posterior(tree.sel(patient=["b"]))[0].get_title() == "patient b"


def test_indices_are_drawn_with_their_intervals():
    over = ("output", "parameter")
    shares = {name: (over, [[0.1, 0.6]]) for name in
              ("first", "total", "first_interval", "total_interval")}  # fmt: skip
    coords = {"output": ["cure"], "parameter": ["K_C", "K_N"]}
    axes = plots.global_sensitivity(xr.Dataset(shares, coords))
    assert len(axes.patches) == 4 and "cure" in axes.get_xlabel()
    effects = {name: (over, [[0.1, 0.6]]) for name in ("mu", "mu_star", "sigma")}
    assert "effect on cure" in plots.global_sensitivity(xr.Dataset(effects, coords)).get_xlabel()


CURE = np.linspace(0, 1, 12).reshape(3, 4)
MAP = xr.Dataset(
    {
        "cure_probability": (("K_C", "r_B"), CURE),
        "sensitivity": (("K_C", "r_B", "parameter"), np.stack([CURE, -CURE], axis=-1)),
    },
    {
        "K_C": ("K_C", [1.0, 2.0, 3.0], {"units": "cells"}),
        "r_B": ("r_B", [1.0, 2.0, 3.0, 4.0], {"units": "/day"}),
        "parameter": ["a", "b"],
    },
)


def test_maps_and_regimens():
    panels = plots.sensitivity_map(MAP, ["b"])
    assert [axes.get_title() for axes in panels] == ["mean P(cure)", "dP(cure) / d ln $b$"]
    about = {"units": "day", "long_name": "day"}
    grid = xr.Dataset(
        {
            "objective": ("on_day", [0.2, 0.5], {"long_name": "mean P(cure)"}),
            "best": ("field", [30.0]), "objective_best": 0.6, "objective_without": 0.1,
        },
        {"on_day": ("on_day", [10.0, 50.0], about), "field": ["day"]},
    )  # fmt: skip
    axes = plots.regimen_map(grid)
    np.testing.assert_allclose(axes.lines[1].get_xdata(), 30.0)
    two = xr.Dataset(
        {
            "objective": (("on_day", "on_survival"), CURE[:2, :2], {"long_name": "mean P(cure)"}),
            "best": ("field", [30.0, 0.2]), "objective_best": 0.6, "objective_without": 0.1,
        },
        {
            "on_day": ("on_day", [10.0, 50.0], about), "field": ["day", "survival"],
            "on_survival": ("on_survival", [0.1, 0.9], about),
        },
    )  # fmt: skip
    assert plots.regimen_map(two).lines[0].get_ydata() == [0.2]


def test_calibration_names_its_distances():
    curves = {name: ("day", [1.0, 0.5]) for name in ("trial", "before", "calibrated", "fresh")}
    attrs = {f"rms_{name}": 0.01 for name in ("before", "calibrated", "fresh")}
    axes = plots.calibration(xr.Dataset(curves, {"day": [0.0, 10.0]}, attrs))
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[0] == "trial" and "calibrated (rms 0.010)" in labels


@pytest.fixture(scope="module")
def grid():
    """A sweep's dataset over three axes, with numbers that tell where they belong."""
    axes = {"K_C": [6e10, 7e10, 8e10], "gamma_B": [1.0, 1.2], "sigma": [0.0, 0.05, 0.1]}
    population = vc.Population("kimmel2021-figures")
    options = {"endpoints": [vc.Outcome()], "tolerance": 1e-2, "days": [90.0, 400.0]}
    return vc.sweep(population, axes, 32, progress=False, **options)


def test_a_heatmap_shows_its_cells(grid):
    (axes,) = plots.heatmap(grid, x="gamma_B", y="K_C", at={"sigma": 0.05})
    mesh = axes.collections[0]
    expected = grid["cure_probability"].sel(sigma=0.05).transpose("K_C", "gamma_B")
    np.testing.assert_allclose(mesh.get_array().reshape(3, 2), expected)
    assert (mesh.norm.vmin, mesh.norm.vmax) == (0, 1)
    assert "gamma_B" in axes.get_xlabel() and "cells" in axes.get_ylabel()
    plots.heatmap(grid.assign(cured=0.9 + 0.0 * grid["cured"]), "cured")
    panels = plots.heatmap(grid, "rmst", panels="sigma")
    assert [panel.get_title() for panel in panels] == ["sigma = 0", "sigma = 0.05", "sigma = 0.1"]
    shown = panels[2].collections[0].get_array().reshape(3, 2)
    np.testing.assert_allclose(shown, grid["rmst"].sel(sigma=0.1))


def test_lines_have_bands(grid):
    (axes,) = plots.lines(grid, "cured", x="K_C", by="gamma_B", at={"sigma": 0.1})
    assert len(axes.lines) == 2
    np.testing.assert_allclose(axes.lines[1].get_ydata(), grid["cured"].sel(gamma_B=1.2, sigma=0.1))
    band = axes.collections[1].get_paths()[0].vertices[:, 1]
    upper = grid["cured_upper"].sel(gamma_B=1.2, sigma=0.1)
    assert band.max() == pytest.approx(float(upper.max()))
    (axes,) = plots.lines(grid, "pfs", x="day", by="K_C")
    assert "days" in axes.get_xlabel() and len(axes.lines) == 3
    panels = plots.lines(grid, "progression_day_quantile", x="K_C", by="gamma_B", panels="sigma")
    assert len(panels) == 3


def test_points_of_a_design_are_drawn(figures):
    axes = {"K_C": (6e10, 8e10), "gamma_B": (1.0, 1.2)}
    options = {"endpoints": [vc.Outcome()], "tolerance": 1e-2, "days": [90.0, 400.0]}
    ds = vc.sweep(figures(), axes, 32, layout="sobol", cells=8, progress=False, **options)
    (drawn,) = plots.heatmap(ds)
    np.testing.assert_allclose(drawn.collections[0].get_array(), ds["cure_probability"])
    with pytest.raises(vc.VcohortError, match="on no line"):
        plots.lines(ds)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variable": "cure"}, "Did you mean 'cured'"),
        ({"x": "K_c"}, "Did you mean 'K_C'"),
        ({"at": {"sgima": 0.1}}, "Did you mean 'sigma'"),
    ],
)
def test_what_a_sweep_does_not_have_is_not_drawn(options, message, grid):
    for draw in (plots.heatmap, plots.lines):
        with pytest.raises(vc.VcohortError, match=message):
            draw(grid, **options)


def test_a_value_that_is_asked_for_is_drawn(grid):
    (axes,) = plots.lines(grid, "cured", at={"sigma": 0.0, "gamma_B": 1.2})
    np.testing.assert_allclose(axes.lines[0].get_ydata(), grid["cured"].sel(gamma_B=1.2, sigma=0))
    (axes,) = plots.heatmap(grid, "cured", at={"sigma": 0.1})
    shown = axes.collections[0].get_array().reshape(3, 2)
    np.testing.assert_allclose(shown, grid["cured"].sel(sigma=0.1))


@pytest.mark.parametrize(
    ("draw", "options", "message"),
    [
        (plots.heatmap, {"x": "K_C", "at": {"K_C": 7e10}}, "K_C has two places"),
        (plots.lines, {"x": "K_C", "at": {"K_C": 7e10}}, "K_C has two places"),
        (plots.lines, {"x": "K_C", "by": "K_C"}, "K_C has two places"),
        (plots.heatmap, {"x": "K_C", "panels": "K_C"}, "K_C has two places"),
        (plots.heatmap, {"x": "K_C", "y": "K_C"}, "needs two axes"),
        (plots.heatmap, {"panels": "sgima"}, "Did you mean 'sigma'"),
        (plots.lines, {"by": "sgima"}, "Did you mean 'sigma'"),
    ],
)
def test_what_has_no_place_or_two_is_refused(draw, options, message, grid):
    with pytest.raises(vc.VcohortError, match=message):
        draw(grid, **options)


@pytest.mark.parametrize(
    ("draw", "count"),
    [
        (lambda ds, grid, axes: plots.trajectories(ds, axes=axes), 3),
        (lambda ds, grid, axes: plots.sensitivity_map(MAP, axes=axes), 3),
        (lambda ds, grid, axes: plots.sensitivity_map(MAP, ["b"], axes=axes), 2),
        (lambda ds, grid, axes: plots.heatmap(grid, panels="sigma", axes=axes), 3),
        (lambda ds, grid, axes: plots.lines(grid, x="K_C", panels="sigma", axes=axes), 3),
        (lambda ds, grid, axes: plots.heatmap(grid, axes=axes), 1),
        (lambda ds, grid, axes: [plots.event_times(ds, axes=axes)], 1),
        (lambda ds, grid, axes: [plots.progression_free_survival(ds, axes=axes)], 1),
    ],
)
def test_pictures_are_drawn_on_the_axes_given(draw, count, ds, grid):
    given = plt.subplots(1, count, squeeze=False)[1]
    assert draw(ds, grid, given) == list(given.ravel())
    for wrong in (plt.subplots(1, count + 1)[1], "left", 3, []):
        with pytest.raises(vc.VcohortError, match=f"{count} panel"):
            draw(ds, grid, wrong)
