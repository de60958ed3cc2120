"""A page in a real browser: whether it fits, whether texts overlap, what it complains of."""

import shutil
from contextlib import contextmanager

import pytest

SIZES = {"desk": (1280, 900), "phone": (390, 844)}

# Rectangles of the lines of every text that is seen, each with how it begins. What is pushed out of
# the window, such as a menu that is closed, is not seen.
_BOXES = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.textContent.trim()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const text = node.textContent.trim().slice(0, 40);
    for (const box of range.getClientRects())
      if (box.width > 1 && box.height > 1 && box.right > 0 && box.left < innerWidth)
        found.push([box.left, box.top, box.right, box.bottom, text]);
  }
  return found;
}"""


@contextmanager
def browser():
    """Yield headless Chromium, Debian's own; skip where it, or Playwright, is not installed."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--no-first-run",
                  "--disable-background-networking"],
        )  # fmt: skip
        yield running
        running.close()


@contextmanager
def shown(running, path, size):
    """Yield a page that is loaded, and what it complained of and asked the network for."""
    width, height = SIZES[size]
    page = running.new_page(viewport={"width": width, "height": height})
    complaints = []
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url[:80]))
    page.on("request", lambda request: request.url.startswith(("file:", "data:"))
            or complaints.append(f"network: {request.url[:80]}"))  # fmt: skip
    page.goto(path.resolve().as_uri())
    yield page, complaints
    page.close()


def wider_than_its_window(page):
    """Return by how many pixels a page can be scrolled sideways."""
    return page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def overlapping(page, most=5):
    """Return pairs of texts whose boxes lie on each other by more than a pixel and a half."""
    boxes = sorted(page.evaluate(_BOXES), key=lambda box: box[1])
    found = []
    for place, first in enumerate(boxes):
        for second in boxes[place + 1 :]:
            if second[1] > first[3] - 1.5:
                break
            across = min(first[2], second[2]) - max(first[0], second[0])
            down = min(first[3], second[3]) - max(first[1], second[1])
            if across > 1.5 and down > 1.5:
                found.append((first[4], second[4]))
    return found[:most]
