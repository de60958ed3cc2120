"""The moving picture of docs/explore.md: a slider moves, and the page follows.

    python docs/explore_film.py [OUTPUT.gif]

Needs the extra `explore`, Playwright and Chromium (CHROMIUM names another than /usr/bin/chromium).
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

WIDTH, HEIGHT = 1200, 680

# How many steps the slider goes up, and down, from where it is: a picture each.
SLIDER, STEPS = "K_C", 9

MILLISECONDS = 220

# Milliseconds until a machine that does much else has followed.
PATIENCE = 180_000


def main(output: Path) -> None:
    """Serve the page, film it, and write the film."""
    serve = [sys.executable, "-m", "vcohort", "explore", "--preset", "kimmel2021-figures",
             "--no-browser"]  # fmt: skip
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        try:
            found = re.search(r"http://\S+", server.stdout.readline() if server.stdout else "")
            pictures = filmed(found.group() if found else "")
        finally:
            server.kill()
    first, *others = [each.quantize(64) for each in pictures]
    first.save(output, save_all=True, append_images=others, duration=MILLISECONDS, loop=0)


def filmed(address: str) -> list[Image.Image]:
    """Return pictures of the page while a slider moves up, down, and back."""
    with sync_playwright() as play:
        chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(address)
        page.wait_for_function("() => location.search.includes('study=')", timeout=PATIENCE)
        page.get_by_role("button", name="pin", exact=True).click()
        page.mouse.move(0, 0)
        handle = page.locator(".bk-panel-models-widgets-FloatSlider, .bk-Slider", has_text=SLIDER)
        handle = handle.locator(".noUi-handle").first
        handle.focus()
        pictures = [shot(page)]
        up, down = ["ArrowRight"] * STEPS, ["ArrowLeft"] * STEPS
        for key in [*up, *down, *down, *up]:
            before = page.url
            handle.press(key)
            page.wait_for_function(
                "before => location.href !== before", arg=before, timeout=PATIENCE
            )
            pictures.append(shot(page))
        browser.close()
    return pictures


def shot(page: Page) -> Image.Image:
    """Return what the page looks like."""
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/explore.gif"))
