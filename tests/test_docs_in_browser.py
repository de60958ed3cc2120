"""The documentation's first page in a real browser: no network, a phone, the dark, a search."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import SIZES, browser, overlapping, shown, wider_than_its_window

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder of the built pages, their cells not executed."""
    pytest.importorskip("furo", reason="The extra docs is not installed")
    out = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-D", "nb_execution_mode=off", "-d",
         str(out / "trees"), str(DOCS), str(out / "html")], check=False, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return out / "html"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_the_first_page_fits_without_a_network(built, chromium, size, dark):
    with shown(chromium, built / "index.html", size) as (page, complaints):
        page.emulate_media(color_scheme="dark" if dark else "light")
        assert wider_than_its_window(page) <= 0
        assert overlapping(page) == []
        assert complaints == []
        background = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        channels = [int(each) for each in re.findall(r"\d+", background)[:3]]
        assert (max(channels) < 80) if dark else (min(channels) > 200)


def test_a_search_finds_its_page(built, chromium):
    with shown(chromium, built / "index.html", "desk") as (page, _):
        page.fill("input[name=q]", "assurance")
        page.press("input[name=q]", "Enter")
        page.wait_for_selector("ul.search li a", timeout=20_000)
        found = page.locator("ul.search li a").all_inner_texts()
        assert any("plan a trial" in each for each in found)


def test_every_page_is_reached_from_the_menu_and_the_table(built, chromium):
    pages = {str(each.relative_to(DOCS).with_suffix("")) for each in DOCS.rglob("*.md")
             if "_build" not in each.parts and each.name != "index.md"}  # fmt: skip
    with shown(chromium, built / "index.html", "desk") as (page, _):
        links = page.eval_on_selector_all("a", "all => all.map(each => each.href)")
        reached = {page_ for page_ in pages if any(f"/{page_}.html" in link for link in links)}
        assert reached == pages
        menus = page.locator(".sidebar-tree .caption").all_inner_texts()
        assert [each.capitalize() for each in menus] == [
            "Tutorials", "How-to", "Explanation", "Reference"
        ]  # fmt: skip
        # Menus are short: a menu of ten is a wall.
        for place in range(4):
            assert page.locator(".sidebar-tree > ul").nth(place).locator("li").count() <= 9
