"""The experiments run by their command line, and the page about the paper is theirs."""

import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

ROOT = Path(__file__).parent.parent

QUICK = ("stability",)
LONG = (
    "feedbacks", "fig1_dynamics", "fig2_model", "fig2_sensitivity", "fig3_cure", "fig3_kinetics",
    "fig3_survival", "fig3_variability", "fig4_timing", "growth_laws", "quartile_fits",
    "second_infusion", "table1", "threshold",
)  # fmt: skip
# Shared by others, or with nothing on the page of the paper.
SHARED = ("common", "paper", "published", "synthetic_trial", "zuma1")


def run(name, out):
    program = ROOT / "experiments" / f"{name}.py"
    arguments = [sys.executable, program, "--patients", "200", "--out", out]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)]
)
def test_each_writes_its_dataset_and_picture(name, tmp_path):
    result = run(name, tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    with xr.open_dataset(tmp_path / f"{name}.nc") as ds:
        assert ds.attrs["patients"] == 200
        # Those that UDUNITS does not know, such as of estimates, have a name of their own in files.
        known = {"units", "vcohort_units"}
        assert all(known & ds[variable].attrs.keys() for variable in ds.data_vars)


def test_the_page_explains_every_verdict_that_is_not_plain():
    page = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    verdicts = {row[0]: row[3] for row in rows if len(row) == 4 and row[3].startswith("**")}
    assert len(verdicts) > 40
    for statement, verdict in verdicts.items():
        if verdict != "**reproduced**":
            assert f"- *{statement}.* " in page, statement


def test_the_page_has_every_experiment_and_its_picture():
    page = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    assert {path.stem for path in (ROOT / "experiments").glob("*.py")} == {
        *QUICK, *LONG, *SHARED,
    }  # fmt: skip
    for name in (*QUICK, *LONG):
        assert f"images/paper/{name}.png" in page
        assert (ROOT / "docs" / "images" / "paper" / f"{name}.png").exists()
