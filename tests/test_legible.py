"""What is written in pictures can be read: numbers and names lie apart, and say what they are."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from tests.test_plots import fit_of
from vcohort import plots
from vcohort.plots.ticks import number_ticks


def boxes(texts, axes):
    """Return where the texts that are shown lie in the drawn figure."""
    axes.figure.canvas.draw()
    return [text.get_window_extent() for text in texts if text.get_text() and text.get_visible()]


def assert_apart(found):
    assert not [pair for pair in combinations(found, 2) if pair[0].overlaps(pair[1])]


def shown_ticks(axis):
    low, high = axis.get_view_interval()
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [each.label1 for each in ticks if low <= each.get_loc() <= high]


@pytest.mark.parametrize("ratio", [1.05, 1.5, 2.9, 3.1, 6.0, 15.0, 25.0, 90.0, 1e4])
@pytest.mark.parametrize("low", [0.006, 0.35, 7e8, 2.3e10])
def test_numbers_of_log_axes_are_some_and_apart(low, ratio):
    """On the small panels of profiles and posteriors."""
    axes = plt.subplots(figsize=(3.2, 2.7), layout="constrained")[1]
    axes.set(xscale="log", yscale="log", xlim=(low, ratio * low), ylim=(low, ratio * low))
    number_ticks(axes)
    axes.figure.canvas.draw()
    for axis in (axes.xaxis, axes.yaxis):
        found = boxes(shown_ticks(axis), axes)
        assert len(found) >= 2
        assert_apart(found)


def test_losses_of_one_plateau_are_drawn_as_one():
    ds = fit_of(["a"])
    ds["start_loss"][:] = [[0.4305055, 0.4305073]]
    low, high = plots.fit_starts(ds).get_ylim()
    assert low < 0.4305 < high and high - low > 0.04


def test_the_levels_of_a_plateau_far_below_the_worst_start_stay_as_they_are():
    ds = fit_of(["a"])
    ds["start_loss"][:] = [[0.43, 400.0]]
    low, high = plots.fit_starts(ds).get_ylim()
    assert 0.1 < low < 0.43 and 400 < high < 2000


@pytest.mark.parametrize("moved", [0.0, 1e-3, 0.02, 0.1])
def test_names_of_points_lie_apart(moved):
    """Parameters without any effect are all at 0."""
    names = ["K_C", "K_N", "gamma_B", "k_B", "r_B"]
    effect = np.array([[1.0, 0.5, 0.0, moved, 0.5 + moved]])
    ds = xr.Dataset(
        {"mu_star": (("output", "parameter"), effect), "sigma": (("output", "parameter"), effect)},
        {"output": ["C_max"], "parameter": names},
    )
    axes = plots.global_sensitivity(ds)
    assert_apart(boxes(axes.texts, axes))
    assert sum(text.get_text().count("$") // 2 for text in axes.texts) == len(names)


def sweep_of(first, second):
    shape = (len(first), len(second))
    about = {"units": "cells"}
    cure = np.linspace(0.0, 1.0, shape[0] * shape[1]).reshape(shape)
    return xr.Dataset(
        {
            "cure_probability": (("K_C", "k_B"), cure, {"long_name": "P(cure)", "units": "1"}),
            "steps": (("K_C", "k_B"), np.ones(shape, dtype=int)),
        },
        {"K_C": ("K_C", first, about), "k_B": ("k_B", second, about)},
    )


def test_axes_in_even_ratios_have_cells_of_one_width():
    ds = sweep_of(np.geomspace(1e8, 1e11, 7), np.linspace(1e9, 2e9, 4))
    (axes,) = plots.heatmap(ds, x="K_C", y="k_B")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    edges = axes.collections[0].get_coordinates()[0, :, 0]
    np.testing.assert_allclose(edges[1:] / edges[:-1], 10**0.5)
    assert {text.get_text() for text in axes.texts} >= {"0.25", "0.5", "0.75"}
    (line,) = plots.lines(ds, x="K_C", at={"k_B": 1e9})
    assert line.get_xscale() == "log"


@pytest.mark.parametrize("values", [np.linspace(1e8, 1e11, 7), [0.0, 1.0, 10.0], [1.0, 20.0, 21.0]])
def test_other_axes_are_linear(values):
    (axes,) = plots.heatmap(sweep_of(np.asarray(values), np.array([1.0, 2.0])), x="K_C", y="k_B")
    assert axes.get_xscale() == "linear"
