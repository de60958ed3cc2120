"""Reports in a real browser, on a desk and a phone: they fit, and no data are taken for HTML."""

import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

import vcohort as vc
from tests.browser import SIZES, browser, overlapping, shown, wider_than_its_window
from tests.conftest import FEW
from tests.test_cli import vcohort as vcohort
from vcohort.cli.app import app

pytestmark = pytest.mark.slow

EVIL = '<img src=x onerror="window.hacked=1">'
MORE = vc.Regimen(vc.Infusion(60.0), vc.Lymphodepletion(60.0, 0.01))


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a folder of many kinds of files, whose names and attributes are HTML."""
    folder = tmp_path_factory.mktemp("study")
    cohort = vc.Population("zuma1").sample(300, seed=1)
    run = vc.Run(method="hybrid", horizon=400.0)
    arms = {
        name: vc.simulate(cohort, run=run, progress=False).assign_attrs(preset=EVIL, note=EVIL)
        for name in ("one", EVIL)
    }
    paths = vc.simulate(
        vc.Population("kimmel2021-figures", 0.1).sample(40, seed=1), horizon=200.0,
        save_at=np.linspace(0.0, 200.0, 21), progress=False,
    )  # fmt: skip
    vc.save(arms["one"], folder / "<b>cohort & more.nc")
    vc.save(paths, folder / "paths.nc")
    vc.save(vc.compare(arms), folder / "arms.nc")
    vc.save(vc.Trial(arms, 30).predict(trials=40), folder / "trial.nc")
    population = vc.Population("kimmel2021-figures", 0.05)
    sobol = vc.sobol_indices(population, ["C_max", "cure"], 4, progress=False)
    vc.save(sobol, folder / "sobol.nc")
    vc.sweep(
        population, {"K_C": [6e10, 7e10, 8e10], "gamma_B": [1.0, 1.2], "r_B": [0.05, 0.07]}, 16,
        folder / "grid.zarr", endpoints=FEW, days=[90.0], tolerance=1e-2, progress=False,
    )  # fmt: skip
    table = {"day": [7.0, 14.0, 28.0], "observable": ["C_per_ul"] * 3, "value": [31.6, 9.1, 2.0]}
    vc.save(vc.fit(table, ["K_C"], starts=2, progress=False), folder / "fit.nc")
    (folder / "notes.txt").write_text("no dataset")
    return folder


SOURCES = ("<b>cohort & more.nc", "paths.nc", "arms.nc", "trial.nc", "sobol.nc", "grid.zarr",
           "fit.nc", ".")  # fmt: skip


@pytest.fixture(scope="module")
def pages(study, tmp_path_factory):
    """Return the page of each source, and of the whole folder with its credibility frame."""
    out = tmp_path_factory.mktemp("pages")
    found = {}
    for place, source in enumerate(SOURCES):
        found[source] = out / f"{place}.html"
        more = ["--credibility"] if source == "." else []
        arguments = ["report", str(study / source), "-o", str(found[source]), *more]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.exception
    return found


@pytest.mark.filterwarnings("ignore::vcohort.VcohortWarning")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("source", SOURCES)
def test_a_page_fits_and_complains_of_nothing(source, size, pages, chromium):
    with shown(chromium, pages[source], size) as (page, complaints):
        assert wider_than_its_window(page) <= 0
        assert overlapping(page) == []
        assert complaints == []
        assert page.evaluate("() => window.hacked === undefined")
        assert page.locator("script").count() == 0
        # All pictures were decoded.
        assert page.evaluate("() => [...document.images].every(each => each.naturalWidth > 100)")


@pytest.mark.parametrize("source", ["<b>cohort & more.nc", "arms.nc", "trial.nc", "."])
def test_html_in_names_and_attributes_is_shown_as_text(source, pages, chromium):
    with shown(chromium, pages[source], "desk") as (page, _):
        text = page.inner_text("body")
        assert EVIL in text and page.locator("main b").count() == 0
        if source == "<b>cohort & more.nc":
            assert page.title().endswith("<b>cohort & more.nc")


def test_a_page_prints_on_paper(pages, chromium, tmp_path):
    with shown(chromium, pages["."], "desk") as (page, _):
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 760, "height": 1000})
        assert wider_than_its_window(page) <= 0
        assert overlapping(page) == []
        printed = page.pdf(format="A4")
        assert printed.startswith(b"%PDF") and len(printed) > 50_000


def test_contents_lead_to_their_sections(pages, chromium):
    with shown(chromium, pages["."], "phone") as (page, _):
        links = page.locator("nav a")
        targets = [links.nth(place).get_attribute("href") for place in range(links.count())]
        assert len(targets) == len(set(targets)) > len(SOURCES) - 1
        for target in targets:
            assert page.locator(target).count() == 1


def test_what_is_damaged_is_left_out_and_told_of(study, tmp_path, vcohort):
    copy = shutil.copytree(study, tmp_path / "copy")
    damaged = copy / "fit.nc"
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    told = vcohort("report", "copy", "-o", "it.html")
    assert told.returncode == 2 and "fit.nc" in told.stderr and "damaged" in told.stderr
    page = (tmp_path / "it.html").read_text()
    assert "fit.nc" in page and "it is not what was written" in page
