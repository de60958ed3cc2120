"""Pictures show what the datasets hold, in the units that clinicians use."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from vcohort import data, plots


@pytest.fixture(scope="module")
def ds():
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(300, seed=1)
    return vc.simulate(cohort, save_at=np.linspace(0, 180, 91), progress=False)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_survival_is_drawn_with_its_band_and_the_trial(ds):
    axes = plots.progression_free_survival({"a": ds}, trial=data.progression_free_survival())
    curve, trial = axes.lines
    estimate = vc.progression_free_survival(ds, curve.get_xdata())
    np.testing.assert_allclose(curve.get_ydata(), estimate)
    assert trial.get_ydata()[0] == 1
    assert "days" in axes.get_xlabel()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["a (n = 300)", "ZUMA-1 (n = 101)"]


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


@pytest.fixture(scope="module")
def fitted():
    """What a fit of two patients leaves, as far as it is drawn."""
    over, days = ("patient", "observation"), np.array([7.0, 14.0])
    states = {name: (("patient", "time"), np.full((2, 3), cells)) for name, cells in
              {"N": 1e11, "C": 1e10, "B": 1e9}.items()}  # fmt: skip
    return xr.Dataset(
        {
            "day": (over, np.stack([days, days])), "value": (over, [[30.0, 280.0], [10.0, 250.0]]),
            "observable": (over, [["C_per_ul", "ALC"]] * 2),
            "start_loss": (("patient", "start"), [[0.1, 0.2], [0.3, 0.4]]), **states,
        },
        {"patient": ["a", "b"], "time": [0.0, 7.0, 14.0]},
    )  # fmt: skip


def test_fitted_curves_pass_their_data(fitted):
    car, all_t_cells = plots.fitted_curves(fitted)
    np.testing.assert_allclose(car.lines[0].get_ydata(), fitted["C"][0] / 5e8)
    total = (fitted["N"] + fitted["C"])[1] / 5e8
    np.testing.assert_allclose(all_t_cells.lines[1].get_ydata(), total)
    np.testing.assert_allclose(car.lines[2].get_ydata(), [30.0])
    assert "µl" in car.get_ylabel() and car.get_yscale() == "log"
    starts = plots.fit_starts(fitted)
    np.testing.assert_allclose(starts.lines[1].get_ydata(), fitted["start_loss"][1])


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


def test_indices_are_drawn_with_their_intervals():
    over = ("output", "parameter")
    shares = {name: (over, [[0.1, 0.6]]) for name in
              ("first", "total", "first_interval", "total_interval")}  # fmt: skip
    coords = {"output": ["cure"], "parameter": ["K_C", "K_N"]}
    axes = plots.global_sensitivity(xr.Dataset(shares, coords))
    assert len(axes.patches) == 4 and "cure" in axes.get_xlabel()
    effects = {name: (over, [[0.1, 0.6]]) for name in ("mu", "mu_star", "sigma")}
    assert "effect on cure" in plots.global_sensitivity(xr.Dataset(effects, coords)).get_xlabel()


def test_maps_and_regimens():
    cure = np.linspace(0, 1, 12).reshape(3, 4)
    ds = xr.Dataset(
        {
            "cure_probability": (("K_C", "r_B"), cure),
            "sensitivity": (("K_C", "r_B", "parameter"), np.stack([cure, -cure], axis=-1)),
        },
        {
            "K_C": ("K_C", [1.0, 2.0, 3.0], {"units": "cells"}),
            "r_B": ("r_B", [1.0, 2.0, 3.0, 4.0], {"units": "/day"}),
            "parameter": ["a", "b"],
        },
    )
    panels = plots.sensitivity_map(ds, ["b"])
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
            "objective": (("on_day", "on_survival"), cure[:2, :2], {"long_name": "mean P(cure)"}),
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
