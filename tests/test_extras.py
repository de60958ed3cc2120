"""Without what an extra installs, who needs it says which one to install."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

import vcohort as vc
from vcohort.extras import extra

ROOT = Path(__file__).parents[1]
TABLE = {"day": [7.0, 14.0], "observable": ["B_ml"] * 2, "value": [90.0, 80.0]}


@pytest.fixture
def without(monkeypatch):
    """Let modules not be there."""

    def of(*names):
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

    return of


@pytest.mark.parametrize(
    ("modules", "asked", "message"),
    [
        (["yaml"], lambda path: vc.read_petab(path / "p.yaml"), 'needs yaml, .*"vcohort[petab]"'),
        (["petab.v2"], lambda path: vc.to_petab(TABLE, ["r_B"], path=path / "p"),
         'needs petab, .*"vcohort[petab]"'),
        (["libsbml"], lambda path: vc.to_sbml(vc.car_t()), 'libsbml, .*"vcohort[sbml]"'),
        (["numpyro"], lambda path: vc.posterior(TABLE, ["r_B"]),
         'posterior needs numpyro, .*"vcohort[bayes]"'),
        (["panel"], lambda path: vc.explore(), 'The page needs panel, .*"vcohort[explore]"'),
        (["SALib.sample", "SALib.sample.morris"], lambda path: vc.morris(vc.Population()),
         'Global sensitivity needs SALib, .*"vcohort[sensitivity]"'),
    ],
)  # fmt: skip
def test_the_extra_is_named(modules, asked, message, without, tmp_path):
    (tmp_path / "p.yaml").write_text("format_version: 1\n")
    without(*modules)
    pattern = message.replace("[", r"\[").replace("]", r"\]")
    with pytest.raises(vc.VcohortError, match=f"{pattern}$"):
        asked(tmp_path)


def test_one_that_is_broken_is_not_said_to_be_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_library.py").write_text("from math import nothing_of_it\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(vc.VcohortError, match=r"which cannot be imported \(cannot import name"):
        extra("broken_library", "petab")


def test_all_extras_that_are_named_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    paths = [*(ROOT / "vcohort").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]
    texts = [path.read_text(encoding="utf-8") for path in paths]
    named = {name for text in texts for name in re.findall(r"vcohort\[(\w+)\]", text)}
    assert len(named) > 5 and named <= set(project["optional-dependencies"])
