"""What is written in pictures can be read: numbers and names lie apart, and say what they are."""

import inspect
from itertools import combinations
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex

from tests.pictures import CASES, DRAWN, figure_of
from tests.test_plots import fit_of
from vcohort import plots
from vcohort.colours import GREY, PALE
from vcohort.plots import style
from vcohort.plots.ticks import number_ticks


def boxes(texts, axes):
    """Return where the texts that are shown lie in the drawn figure."""
    axes.figure.canvas.draw()
    return [text.get_window_extent() for text in texts if text.get_text() and text.get_visible()]


def assert_apart(found):
    assert not [pair for pair in combinations(found, 2) if pair[0].overlaps(pair[1])]


def shown_ticks(axis):
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [each.label1 for each in ticks if low <= each.get_loc() <= high]


def words_of(figure):
    """Return all texts of a figure that are shown."""
    found = [*figure.texts, *(text for each in figure.legends for text in each.texts)]
    for axes in figure.axes:
        found += [*axes.texts, axes.title]
        legend = axes.get_legend()
        found += [] if legend is None else [*legend.texts, legend.get_title()]
        for axis in (axes.xaxis, axes.yaxis):
            found += [axis.label, axis.get_offset_text()]
            found += shown_ticks(axis) if axis.get_visible() else []
    return [text for text in found if text.get_text().strip() and text.get_visible()]


def data_axes(figure):
    """Return the axes of a figure that are no bar of colours."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


MILLIMETRES = 25.4

every_picture = pytest.mark.parametrize(("name", "place"), CASES)
pytestmark = pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")


def test_all_pictures_are_looked_at():
    public = {name for name, each in vars(plots).items() if inspect.isfunction(each)}
    assert public - {"attach"} == set(DRAWN)


def test_all_pictures_are_in_the_gallery_and_in_the_reference():
    docs = Path(__file__).parent.parent / "docs"
    gallery, reference = ((docs / f"{name}.md").read_text("utf-8") for name in
                          ("gallery", "reference"))  # fmt: skip
    assert not [name for name in DRAWN if f"vc.plots.{name}(" not in gallery]
    assert not [name for name in DRAWN if f"autofunction:: vcohort.plots.{name}\n" not in reference]


@every_picture
def test_a_picture_is_as_wide_as_a_column_of_a_journal_or_two(name, place):
    _, figure = figure_of(name, place)
    width = figure.get_figwidth() * MILLIMETRES
    known = [85.0, 174.0]
    if (name, place) == ("model_weights", 1):
        # Rows of patients are as wide as their models are many.
        assert known[0] <= width <= known[1]
    else:
        assert min(abs(width - each) for each in known) < 0.1


@every_picture
def test_letters_can_be_read_in_print(name, place):
    _, figure = figure_of(name, place)
    assert min(text.get_fontsize() for text in words_of(figure)) >= 6.5


@every_picture
def test_words_lie_within_the_figure_and_apart(name, place):
    _, figure = figure_of(name, place)
    whole = figure.bbox.padded(1.0)
    found = [(text.get_text(), text.get_window_extent()) for text in words_of(figure)]
    outside = [text for text, box in found
               if not (whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0
                       and box.y1 <= whole.y1)]  # fmt: skip
    assert not outside
    over = [(one[0], other[0]) for one, other in combinations(found, 2)
            if one[1].padded(-1.0).overlaps(other[1].padded(-1.0))]  # fmt: skip
    assert not over


@every_picture
def test_legends_lie_beside_the_data(name, place):
    _, figure = figure_of(name, place)
    legends = [*figure.legends, *filter(None, (axes.get_legend() for axes in figure.axes))]
    for legend in legends:
        box = legend.get_window_extent()
        assert not any(box.overlaps(axes.get_window_extent().padded(-1.0)) for axes in figure.axes)


@every_picture
def test_nothing_squashes_the_data(name, place):
    _, figure = figure_of(name, place)
    for axes in data_axes(figure):
        width, height = axes.get_window_extent().size / figure.dpi * MILLIMETRES
        # Of many patients or effects each has a small panel; else it is a fifth of a page at least.
        small = (name, place) in {("fitted_curves", 1), ("fitted_curves", 2), ("random_effects", 1)}
        assert width >= (20.0 if small else 30.0), axes.get_title()
        assert height >= (15.0 if small else 35.0), axes.get_title()


@every_picture
def test_colours_are_those_that_all_readers_tell_apart(name, place):
    _, figure = figure_of(name, place)
    known = {to_hex(each) for each in (*style.SERIES, GREY, PALE, "black", "white")}
    seen = set()
    for axes in data_axes(figure):
        seen |= {to_hex(line.get_color()) for line in axes.lines}
        seen |= {to_hex(patch.get_facecolor() if patch.get_fill() else patch.get_edgecolor())
                 for patch in axes.patches}  # fmt: skip
        for each in axes.collections:
            if each.get_array() is None:
                colours = [*each.get_facecolor(), *each.get_edgecolor()]
                seen |= {to_hex(colour) for colour in colours if len(colour)}
    assert seen <= known


@every_picture
def test_a_picture_returns_its_axes(name, place):
    found, figure = figure_of(name, place)
    panels = [found] if isinstance(found, plt.Axes) else found
    assert all(axes in figure.axes for axes in panels)


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
