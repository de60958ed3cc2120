"""The page of a sweep: of any shape, and honest about what is left out."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import vcohort as vc
from vcohort import plots
from vcohort.cli.app import app
from vcohort.cli.report.sweep import write_report
from vcohort.sweeps.store import manifest

OPTIONS = {"endpoints": [vc.Outcome()], "days": [90.0, 400.0], "tolerance": 1e-2, "progress": False}

FOUR = {"K_C": [6e10, 8e10], "gamma_B": [1.2, 1.0], "sigma": [0, 0.1], "r_B": [0.06, 0.07]}


def sweep(axes, store=None, **options):
    population = vc.Population("kimmel2021-figures", 0.05)
    return vc.sweep(population, axes, 32, store, **{**OPTIONS, **options})


@pytest.mark.parametrize(
    ("axes", "options", "pictures"),
    [
        ({"K_C": [7e10]}, {}, 4),
        ({"K_C": [7e10, 6e10, 8e10]}, {}, 4),
        ({"K_C": [7e10], "gamma_B": [1.0, 1.2]}, {}, 4),
        ({"gamma_B": [1.0, 1.2], "K_C": [7e10]}, {"days": ()}, 3),
        (FOUR, {}, 7),
        ({"K_C": (6e10, 8e10)}, {"layout": "sobol", "cells": 3}, 4),
        ({"K_C": [7e10, 6e10, 7e10]}, {"layout": "table"}, 4),
        ({"K_C": [7e10, 6e10], "gamma_B": [1.0, 1.2]}, {"layout": "table"}, 3),
        ({"K_C": [7e10], "gamma_B": [1.0]}, {"layout": "table"}, 3),
    ],
)  # fmt: skip
def test_a_sweep_of_any_shape_has_a_page(axes, options, pictures, tmp_path):
    ds = sweep(axes, **options)
    page = write_report(ds, tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == pictures
    cells = re.findall(r"<p>([\d,]+) cells", page)
    assert cells[0] == str(ds["steps"].size) and "not finished" not in page
    if len(axes) == 4:
        # Of axes that are not drawn the page says which value is shown.
        assert "exact; gamma_B = 1<" in page


def test_a_design_over_one_name_is_a_line_from_left_to_right():
    ds = sweep({"K_C": [7e10, 6e10, 8e10]}, layout="table")
    order = [1, 0, 2]
    for draw in (plots.lines, plots.heatmap):
        (axes,) = draw(ds)
        np.testing.assert_array_equal(axes.lines[0].get_xdata(), ds["K_C"].values[order])
        np.testing.assert_array_equal(
            axes.lines[0].get_ydata(), ds["cure_probability"].values[order]
        )


def test_axes_in_any_order_are_drawn_in_order():
    ds = sweep({"gamma_B": [1.2, 1.0], "K_C": [7e10, 6e10, 8e10]})
    (axes,) = plots.heatmap(ds, "rmst", x="K_C", y="gamma_B")
    shown = axes.collections[0].get_array().reshape(2, 3)
    np.testing.assert_array_equal(shown, ds["rmst"].values[::-1][:, [1, 0, 2]])
    (axes,) = plots.lines(ds, "rmst", x="K_C", by="gamma_B")
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), ds["rmst"].values[1, [1, 0, 2]])
    assert axes.get_legend().get_texts()[1].get_text().endswith("= 1")


def words(result):
    return " ".join(f"{result.output} {result.exception or ''}".split())


def test_a_page_says_what_is_missing_and_what_is_damaged(tmp_path):
    store, page = tmp_path / "out.zarr", tmp_path / "report.html"
    sweep({"K_C": [6.6e10, 7e10, 7.2e10], "gamma_B": [1.0, 1.2]}, store, chunk=1)
    whole = Path(shutil.copytree(store, tmp_path / "whole.zarr"))
    arguments = ["report", str(store), "-o", str(page), "--force"]
    manifest.forget(store / ".vcohort", [1, 4])
    with pytest.warns(vc.VcohortWarning, match="2 of 6 chunks are missing. Finish it: vcohort re"):
        assert CliRunner().invoke(app, arguments).exit_code == 0
    text = page.read_text()
    assert "This sweep is not finished: 2 of 6 chunks are missing" in text
    assert "2 of 6 cells are empty" in text
    file = store / "cured" / "c" / "1" / "0"
    file.write_bytes(file.read_bytes()[:-6])
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, vc.VcohortError)
    assert f"vcohort resume {store} --repair" in words(result)
    text = page.read_text()
    assert "not finished: 2 of 6" in text and "This store is damaged: 1 of 6 chunks" in text
    assert "3 of 6 cells are empty" in text
    vc.resume(store, repair=True, progress=False)
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert "empty" not in page.read_text()
    # With nothing computed yet there is a page too.
    manifest.forget(whole / ".vcohort", range(6))
    with pytest.warns(vc.VcohortWarning, match="6 of 6 chunks are missing"):
        assert (
            CliRunner().invoke(app, ["report", str(whole), "-o", str(page), "--force"]).exit_code
            == 0
        )
    assert "6 of 6 cells are empty" in page.read_text()
