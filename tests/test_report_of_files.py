"""A page on whatever is in a file: its numbers, its pictures, nothing of it taken for HTML."""

import hashlib
import re
import shlex
from html.parser import HTMLParser

import numpy as np
import pytest
import scipy
import xarray as xr

import vcohort as vc
from tests.pictures import checked
from tests.test_cli import refused
from tests.test_cli import vcohort as vcohort
from tests.test_kinds import MAKERS, SLOW
from vcohort.cli.pictures import OF_ONE_PATIENT, PICTURES
from vcohort.cli.report.captions import CAPTIONS
from vcohort.cli.report.credibility import credibility_of
from vcohort.cli.report.dataset import WHAT, write_report
from vcohort.cli.report.findings import FINDINGS
from vcohort.cli.report.folder import read
from vcohort.cli.report.page import write_page
from vcohort.cli.report.questions import QUESTIONS
from vcohort.cli.report.self_check import checks_of
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


def test_every_picture_of_a_page_has_a_caption():
    drawn = {name for names in PICTURES.values() for name in names} - {*OF_ONE_PATIENT}
    assert drawn <= CAPTIONS.keys()


def test_every_kind_has_a_question_and_findings():
    assert FINDINGS.keys() == QUESTIONS.keys() == {"cohort", *KINDS}


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


def test_diagnostics_are_told_by_their_numbers():
    """Counts are those of the data; the one quantile that leaves its band is counted out."""
    ds = checked().assign_attrs(replicates=200)
    ds["low"][0, 0, 0, 0] = 2.0 * ds["seen"][0, 0, 0, 0]
    ds["weight"][0] = 0.0
    ds["survival"][:6] = 0.0
    told = list(FINDINGS["diagnostics"](ds))
    for kind, columns, within in (("C_per_ul", slice(0, 5), 14), ("B_ml", slice(5, 10), 15)):
        own = ds["npde"].values[1:, columns]
        own = own[np.isfinite(own)]
        first, second, third = (text for text in told if text.startswith(f"{kind}: "))
        assert f"of {own.size} data have the mean {np.mean(own):+.2f}" in first
        assert f"deviation {np.std(own, ddof=1):.2f};" in first
        assert f"{100 * np.mean((own < -1.96) | (own > 1.96)):.1f}% of" in second
        assert third.startswith(f"{kind}: {within} of 15 quantiles")
    assert told[-1].startswith("Survival: on 90.0% of the days")


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


SECTIONS = ("Key findings", "Assumptions", "Provenance")


@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
@pytest.mark.parametrize("kind", [
    pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in MAKERS
])  # fmt: skip
def test_no_section_of_any_kind_is_empty(kind, tmp_path):
    source = tmp_path / "it.nc"
    vc.save(MAKERS[kind](), source)
    section = read(source).section
    assert section.findings and section.question.endswith("?")
    for sentence in (*section.findings, *section.assumptions, *section.accuracy):
        assert sentence.endswith(".") and "nan" not in sentence.lower().split(), sentence
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert section.provenance["SHA-256 of the file"] == digest
    text = Page(write_page("it", [section], tmp_path / "it.html").read_text()).text
    for heading in SECTIONS:
        assert heading in text


def test_parameters_are_told_with_units_sources_and_distributions(run, figures, tmp_path):
    population = figures(0.1, r_B=vc.LogNormal(0.1, 0.4), N0=vc.Uniform(1e9, 6e9))
    cohort = population.sample(50, seed=1).replace(K_C=7e10)
    vc.save(run(cohort), tmp_path / "it.nc")
    rows = {row[0]: row for row in read(tmp_path / "it.nc").section.parameters}
    assert rows.keys() == set(population.distributions)
    low, high = 0.1 * np.exp(np.array([-1, 1]) * 0.4 * scipy.stats.norm.ppf(0.95))
    assert rows["r_B"][2:6] == ["/day", "0.1", f"{low:.4g} to {high:.4g}", "LogNormal"]
    assert "name its source" in rows["r_B"][6] and "Kimmel" in rows["gamma_B"][6]
    assert rows["N0"][3:5] == ["3.5e+09", f"{1.25e9:.4g} to {5.75e9:.4g}"]
    assert rows["K_C"][3:6] == ["7e+10", "7e+10 to 7e+10", "replaced in the cohort by its values"]
    assert rows["B0"][4] == "the same for all"


def test_shipped_parameters_name_the_trial(run, tmp_path):
    vc.save(run(vc.Population("zuma1").sample(20, seed=1)), tmp_path / "it.nc")
    rows = {row[0]: row for row in read(tmp_path / "it.nc").section.parameters}
    assert "zuma1" in rows["K_C"][6] and "correlated with others" in rows["K_C"][5]


def test_arms_tell_the_parameters_that_all_have(run, figures, tmp_path):
    """Of a population with a long record, too; what was replaced is not the population's."""
    cohort = vc.Population("zuma1").sample(20, seed=1)
    ds = run(cohort)
    vc.save(vc.compare({"one": ds, "two": ds}, days=[50.0]), tmp_path / "arms.nc")
    arms = read(tmp_path / "arms.nc").section
    vc.save(ds, tmp_path / "it.nc")
    assert arms.parameters == read(tmp_path / "it.nc").section.parameters != []
    assert not any("record" in row[0] for table in arms.tables for row in table.rows)
    other = run(cohort.replace(K_C=7e10))
    vc.save(vc.compare({"one": ds, "two": other}, days=[50.0]), tmp_path / "other.nc")
    rows = {row[0]: row for row in read(tmp_path / "other.nc").section.parameters}
    assert rows["K_C"][3:6] == ["not in this file"] * 2 + ["replaced in the cohort by its values"]


def test_a_page_tells_the_error_that_was_seen(run, figures, tmp_path):
    ds = run(figures(0.1).sample(50, seed=1))
    for error, verdict in ((5e-4, "was kept"), (0.5, "was NOT kept")):
        vc.save(ds.assign_attrs(error_estimate=error), tmp_path / "it.nc")
        assert verdict in read(tmp_path / "it.nc").section.accuracy[0]


def test_what_made_a_file_makes_it_again(run, figures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    regimen = vc.Regimen(vc.Infusion(60.0), vc.Lymphodepletion(60.0, 0.01))
    endpoints = [vc.Nadir(), vc.Kinetics(60.0), vc.BestResponse(visits=(28.0,))]
    ds = run(figures(0.1).sample(30, seed=3), regimen=regimen, horizon=500.0, endpoints=endpoints,
             save_at=[0.0, 30.0])  # fmt: skip
    vc.save(ds, tmp_path / "it.nc")
    (recipe,) = read(tmp_path / "it.nc").section.recipes
    *before, last = recipe.text.splitlines()
    scope = {}
    exec("\n".join([*before, f"again = {last}"]), scope)
    xr.testing.assert_equal(scope["again"], ds)


def test_a_command_is_kept_and_shown(vcohort, tmp_path):
    vcohort("simulate", "-n", "5", "--sigma", "0.1", "--horizon", "60", "-o", "it's one.nc")
    arguments = ["trial", "it's one.nc", "-n", "5", "--trials", "10", "-o", "a b.nc"]
    assert vcohort(*arguments).returncode == 0
    command = vc.load(tmp_path / "a b.nc").attrs["command"]
    assert shlex.split(command) == ["vcohort", *arguments]
    section = read(tmp_path / "a b.nc").section
    assert section.provenance["command"] == command == section.recipes[0].text


def test_a_folder_is_one_page_and_says_what_it_leaves_out(vcohort, run, figures, tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    for name in ("b", "a"):
        vc.save(run(figures(0.1).sample(20, seed=1)), study / f"{name}.nc")
    xr.Dataset({"x": 1.0}).to_netcdf(study / "other.nc")
    (study / "notes.txt").write_text("no dataset")
    told = vcohort("report", "study", "-o", "it.html")
    assert told.returncode == 2 and "other.nc is left out" in told.stderr
    page = Page((tmp_path / "it.html").read_text())
    assert page.text.index("Virtual cohort: a.nc") < page.text.index("Virtual cohort: b.nc")
    assert "Left out" in page.text and "notes.txt" not in page.text
    (study / "other.nc").unlink()
    assert vcohort("report", "study", "-o", "it.html", "--force").returncode == 0
    (tmp_path / "empty").mkdir()
    refused(vcohort("report", "empty", "-o", "x.html"), "nothing in empty")
    (tmp_path / "empty" / "notes.txt").write_text("no dataset")
    refused(vcohort("report", "empty", "-o", "x.html"), "nothing in empty that vcohort wrote")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
def test_checks_agree_and_a_cohort_that_is_not_its_record_is_seen(run, figures):
    ds = run(figures(0.1).sample(400, seed=1), "hybrid", horizon=400.0)
    checks = list(checks_of([ds]))
    assert len(checks) == 4 and all(check.agrees for check in checks)
    turned = ds.copy(deep=True)
    turned["outcome"][:20] = (turned["outcome"][:20] + 1) % 3
    assert [check.agrees for check in checks_of([turned])] == [True, True, True, False]


@pytest.mark.parametrize("kind", ["cohort", "arms", "calibration", "selection"])
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
def test_no_part_of_the_frame_is_empty(kind):
    parts = credibility_of({"it": MAKERS[kind]()})
    assert len({part.anchor for part in parts}) == len(parts) == 12
    for part in parts:
        assert part.about and (part.findings or part.rows or part.to_write), part.title
        assert all(len(row) == len(part.columns) for row in part.rows)
