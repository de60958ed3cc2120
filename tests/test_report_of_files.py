"""A page on whatever is in a file: its numbers, its pictures, nothing of it taken for HTML."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import vcohort as vc
from tests.test_cli import refused
from tests.test_cli import vcohort as vcohort
from tests.test_kinds import MAKERS, SLOW
from vcohort.cli.pictures import PICTURES
from vcohort.cli.report.dataset import WHAT, write_report
from vcohort.results.kinds import KINDS

ALONE = {"meta", "img", "link", "br"}


class Page(HTMLParser):
    """Reads a page: its text, its elements, and that each is closed where it was opened."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.words = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def test_every_kind_but_sweeps_has_words():
    assert WHAT.keys() == {"cohort", *KINDS} - {"sweep"}


@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
@pytest.mark.parametrize("kind", [
    pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in MAKERS
    if kind != "sweep"
])  # fmt: skip
def test_each_kind_has_a_page(kind, tmp_path):
    source = tmp_path / "it.nc"
    ds = vc.load(vc.save(MAKERS[kind](), source))
    page = Page(write_report(ds, source, tmp_path / "it.html").read_text(encoding="utf-8"))
    assert WHAT[kind][0] in page.text and "it.nc" in page.text
    # Of a cohort: what needs no endpoint but the default ones.
    least = {"cohort": 5, "sobol": 1, "morris": 1}.get(kind, len(PICTURES.get(kind, ())) > 0)
    assert page.seen.count("img") >= least


def test_a_cohort_s_page_tells_its_numbers(run, figures, tmp_path):
    ds = run(figures(0.1).sample(200, seed=1), save_at=[0.0, 7.0])
    ds["outcome"][:3] = -1
    with pytest.warns(vc.VcohortWarning, match="3"):
        path = write_report(ds, tmp_path / "it.nc", tmp_path / "it.html")
    text = Page(path.read_text()).text
    known = ds["outcome"].values[3:]
    assert f"197 patients, followed to day {ds.attrs['horizon']:g}." in text
    assert f"{np.mean(known == 1):.1%} are cured" in text
    assert "3 more could not be followed" in text
    assert "60 of 200, spread over them" in text
    assert "Over patient, time it holds N, C, B." in text


def test_arms_are_told_in_sentences(run, figures, tmp_path):
    cohort = figures(0.1).sample(300, seed=1)
    more = vc.Regimen(vc.Infusion(60.0), vc.Lymphodepletion(60.0, 0.01))
    ds = vc.compare({"one": run(cohort, "exact"), "<b>two": run(cohort, "exact", regimen=more)})
    page = Page(write_report(ds, tmp_path / "a.nc", tmp_path / "a.html").read_text())
    gain = 100 * float(ds["difference"].sel(arm="<b>two", statistic="cure"))
    assert f"<b>two: {float(ds['value'].sel(arm='<b>two', statistic='cure')):.1%}" in page.text
    assert f"{gain:+.1f} percentage points" in page.text and "b" not in page.seen


@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
def test_what_a_file_is_called_and_says_is_text(run, figures, tmp_path):
    ds = run(figures().sample(2)).assign_attrs(preset="<script>alert(1)</script>")
    source = tmp_path / "<img src=x>.nc"
    page = Page(write_report(ds, source, tmp_path / "it.html").read_text())
    assert "script" not in page.seen and "<script>alert(1)</script>" in page.text
    assert "<img src=x>.nc" in page.text


@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
def test_in_the_shell(vcohort, tmp_path):
    (tmp_path / "study.toml").write_text("patients = 6\nsigma = 0.1\n")
    vcohort("simulate", "study.toml", "-o", "it.nc")
    told = vcohort("report", "it.nc", "-o", "it.html")
    assert told.returncode == 0, told.stderr
    page = (tmp_path / "it.html").read_text()
    study = re.search(r"<pre>(.*?)</pre>", page, re.DOTALL)[1].replace("&#34;", '"')
    (tmp_path / "again.toml").write_text(study)
    assert vcohort("simulate", "again.toml", "-o", "again.nc").returncode == 0
    first, again = (vc.load(tmp_path / f"{name}.nc") for name in ("it", "again"))
    assert first.equals(again)
    refused(vcohort("report", "it.nc", "-o", "it.html"), "is there already")
    refused(vcohort("report", "it.csv"), "does not exist")
