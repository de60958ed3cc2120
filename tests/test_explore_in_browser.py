"""The page in a real Chromium, as a user has it: sliders, arms, files, two browsers, a restart."""

import re
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import numpy as np
import pytest

import vcohort as vc
from tests.browser import SIZES, browser
from vcohort.explorer.settings import read_study, study_at

pytest.importorskip("panel", reason="pip install 'vcohort[explore]'")

pytestmark = pytest.mark.slow

FIRST, MOVE = 180_000, 60_000

# The page's P(cure) is found on the grid of the survival curve, which has more days.
GRIDS = 1e-5


class Server:
    """`vcohort explore` in a process of its own."""

    def __init__(self, port=0):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vcohort", "explore", "--preset", "kimmel2021-figures",
             "--port", str(port), "--no-browser"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.address = re.search(r"http://\S+", self.process.stdout.readline()).group()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server():
    found = Server()
    yield found
    found.kill()


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture
def page(chromium, server):
    found = opened(chromium, server.address)
    yield found
    found.close()


def opened(chromium, address, size="desk"):
    width, height = SIZES[size]
    page = chromium.new_page(viewport={"width": width, "height": height})
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("requestfailed", lambda request: page.errors.append(request.url))
    page.goto(address)
    page.locator("#p-cure").wait_for(timeout=FIRST)
    settled(page)
    return page


def cured(page):
    return float(page.locator("#p-cure").get_attribute("data-cured"))


def settled(page):
    """Wait until the address says what the page shows."""
    page.wait_for_function("() => location.search.includes('study=')", timeout=FIRST)
    return study_at(urlsplit(page.url).query)


def moved(page, act):
    """Do something that makes one other study, and wait until that is shown whole."""
    before = page.url
    act()
    page.wait_for_function("before => location.href !== before", arg=before, timeout=FIRST)
    return study_at(urlsplit(page.url).query)


def exact(study):
    cohort, run = study.population().sample(study.patients, study.run.seed), study.run
    found = vc.cure_probability(cohort, run.horizon, regimen=run.regimen, tolerance=run.tolerance)
    return float(np.mean(found, dtype=float))


def push(page, name, *keys):
    """Move the slider of a parameter by its keys, by default by one key some steps up."""
    handle = page.locator(".bk-panel-models-widgets-FloatSlider, .bk-Slider", has_text=name)
    handle = handle.locator(".noUi-handle").first
    handle.focus()
    for key in keys or ["PageUp"]:
        handle.press(key)


def seen(page):
    """Return the study that the number is of and the number, read at one moment."""
    study, number = page.locator("#p-cure").evaluate(
        "node => [node.dataset.study, node.dataset.cured]"
    )
    return study_at(study), float(number)


def test_a_moved_slider_shows_the_exact_probability_of_its_cohort(page):
    study = moved(page, lambda: push(page, "K_C"))
    assert study.set["K_C"] > 7e10
    assert cured(page) == pytest.approx(exact(study), abs=GRIDS)
    assert not page.errors


def test_a_slider_on_its_way_never_shows_the_number_of_another_study(page):
    first, _ = seen(page)
    push(page, "K_C", *["ArrowRight"] * 6)
    reached = []
    for _ in range(600):
        study, number = seen(page)
        if study != first and study not in reached:
            reached.append(study)
            assert number == pytest.approx(exact(study), abs=GRIDS)
        if reached and reached[-1] == settled(page):
            break
        page.wait_for_timeout(100)
    assert reached


def test_a_second_infusion_is_told_against_what_was_pinned(page):
    before = cured(page)
    page.get_by_role("button", name="pin", exact=True).click()
    study = moved(page, lambda: page.get_by_role("button", name="+ infusion").click())
    assert [each.day for each in study.infusion] == [60.0]
    change = re.search(
        r"([+-][\d.]+) ± [\d.]+ against pinned", page.locator("#p-cure").inner_text()
    )
    assert float(change.group(1)) == pytest.approx(100.0 * (cured(page) - before), abs=0.06)
    page.get_by_role("button", name="↶").click()
    page.wait_for_function("() => !location.search.includes('infusion')", timeout=FIRST)
    assert cured(page) == pytest.approx(before, abs=1e-12)


def test_what_is_typed_at_once_into_several_treatments_is_all_kept(page):
    """A row that is filled in while another's number is computed, and one undo for each change."""
    page.get_by_role("button", name="+ infusion").click()
    page.get_by_role("button", name="+ lymphodepletion").click()
    typed = {"infusion, day": "70", "lymphodepletion, day": "65", "T cells that survive": "0.25"}
    fields = {label: page.locator(".bk-input-group", has_text=label).locator("input")
              for label in typed}  # fmt: skip
    for field in fields.values():
        field.wait_for(timeout=MOVE)
    for label, value in typed.items():
        fields[label].fill(value)
        fields[label].press("Tab")
    page.wait_for_function("() => location.search.includes('0.25')", timeout=FIRST)
    study = settled(page)
    assert [each.day for each in study.infusion] == [70.0]
    assert [(each.day, each.survival) for each in study.lymphodepletion] == [(65.0, 0.25)]
    assert cured(page) == pytest.approx(exact(study), abs=GRIDS)
    page.get_by_role("button", name="↶").click()
    page.wait_for_function("() => !location.search.includes('0.25')", timeout=FIRST)
    before = settled(page)
    assert before.infusion == study.infusion and before.lymphodepletion[0].day == 65.0


def test_other_patients_are_told_beside_the_change(page):
    page.get_by_role("button", name="pin", exact=True).click()
    moved(page, lambda: page.get_by_role("button", name="kimmel2021", exact=True).click())
    assert "against pinned, of other patients" in page.locator("#p-cure").inner_text()


def test_a_saved_study_gives_the_same_numbers(page, tmp_path):
    moved(page, lambda: push(page, "r_B"))
    with page.expect_download() as download:
        page.get_by_text("save study", exact=True).click()
    path = tmp_path / "study.toml"
    download.value.save_as(path)
    assert exact(read_study(path.read_text())) == pytest.approx(cured(page), abs=GRIDS)
    run = [sys.executable, "-m", "vcohort", "simulate", str(path), "-o",
           str(tmp_path / "a.nc")]  # fmt: skip
    subprocess.run(run, check=True, capture_output=True)
    share = float((vc.load(tmp_path / "a.nc")["outcome"] == 1).mean())
    assert abs(share - cured(page)) < 5.0 * np.sqrt(0.25 / 10_000)


@pytest.mark.parametrize(("field", "text"), [
    ("open a study", "preset = 'nonsense'"), ("open a study", "\x00\x01"),
    ("a trial to lay over", "what,is\nthis,1\n"), ("a trial to lay over", ""),
])  # fmt: skip
def test_nonsense_is_told_and_the_page_lives_on(page, tmp_path, field, text):
    path = tmp_path / ("a.toml" if "study" in field else "a.csv")
    path.write_text(text or "\n")
    place = page.locator(".bk-panel-models-widgets-FileInput, .bk-input-group", has_text=field)
    place.locator("input[type=file]").first.set_input_files(path)
    page.locator(".alert-danger").wait_for(timeout=MOVE)
    study = moved(page, lambda: push(page, "K_C"))
    assert cured(page) == pytest.approx(exact(study), abs=GRIDS)


def test_a_trial_of_ones_own_is_laid_over(page, tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text("day,pfs\n0,1\n100,0.5\n300,0.25\n")
    place = page.locator(".bk-panel-models-widgets-FileInput, .bk-input-group", has_text="a trial")
    place.locator("input[type=file]").first.set_input_files(path)
    page.wait_for_timeout(2000)
    drawn = page.evaluate("""() => Bokeh.documents.flatMap(d => [...d._all_models.values()])
        .filter(m => m.type === 'ColumnDataSource' && m.data.free)
        .map(m => Array.from(m.data.free))""")
    assert [100.0, 100.0, 50.0, 25.0, 25.0] in drawn


def test_two_browsers_do_not_disturb_each_other(chromium, server, page):
    other = opened(chromium, server.address)
    before = cured(other)
    moved(page, lambda: push(page, "gamma_B"))
    other.wait_for_timeout(1000)
    assert cured(other) == before != cured(page)
    other.close()


def test_each_tab_answers(page):
    page.get_by_text("Arms", exact=True).click()
    page.get_by_role("button", name="pin as arm").click()
    moved(page, lambda: push(page, "K_C"))
    page.get_by_role("button", name="pin as arm").click()
    page.get_by_text("K_C", exact=False).first.wait_for()
    page.get_by_text("The arms have the same patients.").wait_for(timeout=MOVE)
    page.get_by_text("Sensitivity", exact=True).click()
    page.get_by_role("button", name="differentiate here").click()
    page.get_by_text("Map", exact=True).click()
    page.get_by_role("button", name="draw the map").click()
    page.wait_for_function("""() => Bokeh.documents.flatMap(d => [...d._all_models.values()])
        .some(m => m.type === 'ColumnDataSource' && m.data.cured && m.data.width &&
              m.data.cured.length === 225)""", timeout=FIRST)  # fmt: skip
    page.get_by_text("Patient", exact=True).click()
    page.wait_for_function("""() => Bokeh.documents.flatMap(d => [...d._all_models.values()])
        .some(m => m.type === 'ColumnDataSource' && m.data.progressed &&
              m.data.progressed.length > 20)""", timeout=FIRST)  # fmt: skip
    assert not page.errors


def test_a_page_outlives_its_server_by_its_address(chromium):
    first = Server()
    page = opened(chromium, first.address)
    study = moved(page, lambda: push(page, "K_C"))
    shown, address, port = cured(page), page.url, urlsplit(first.address).port
    first.kill()
    second = Server(port)
    try:
        page.goto(address)
        page.locator("#p-cure").wait_for(timeout=FIRST)
        page.wait_for_function(
            "shown => document.querySelector && "
            "Bokeh.documents.length > 0", arg=shown, timeout=FIRST
        )  # fmt: skip
        page.wait_for_timeout(3000)
        assert cured(page) == pytest.approx(shown, abs=1e-12)
        assert settled(page) == study
    finally:
        page.close()
        second.kill()


@pytest.mark.parametrize("size", SIZES)
def test_nothing_reaches_over_the_side(chromium, server, size):
    page = opened(chromium, server.address, size)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= SIZES[size][0]
    page.close()


def test_a_phone_lays_the_page_out_in_its_own_width(chromium, server):
    width, height = SIZES["phone"]
    page = chromium.new_page(viewport={"width": width, "height": height}, is_mobile=True)
    page.goto(server.address)
    page.locator("#p-cure").wait_for(timeout=FIRST)
    assert page.evaluate("() => innerWidth") == width
    page.close()
