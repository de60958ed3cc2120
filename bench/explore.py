"""How long one waits for the page: from a slider's move to the new picture, seen in the browser.

    python -m bench.explore [MOVES]            (or: make bench)

Preset kimmel2021-figures, 10,000 patients, outlook of 1,000 days. Of each move: until P(cure),
survival and kinetics are new in the page (they come in one message), and until all is. Also the
first page's P(cure), from the command on, on a warm cache of programs and in a browser that is
there already; and the server's memory before the moves, after a tenth of them, and after all.
Needs Playwright and Chromium (CHROMIUM names another than /usr/bin/chromium).
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from bench.machine import describe, write

MOVES = 1000

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")

PACKAGES = ("vcohort", "jax", "jaxlib", "panel", "bokeh", "playwright")

# In the page, where no clock of ours is in between: from the key's event to the new number, drawn.
WATCH = """() => {
  const find = root => {
    const found = root.querySelector('#p-cure');
    if (found) return found;
    for (const each of root.querySelectorAll('*'))
      if (each.shadowRoot) { const inner = find(each.shadowRoot); if (inner) return inner; }
  };
  window.shown = () => find(document).dataset.cured;
  window.moved = before => new Promise(done => {
    const start = window.pressed;
    const look = () => window.shown() === before ? requestAnimationFrame(look)
      : requestAnimationFrame(() => done(performance.now() - start));
    look();
  });
  document.addEventListener('keydown', () => { window.pressed = performance.now(); }, true);
}"""


def begun():
    """Return the server's process and the address at which it answers."""
    command = [sys.executable, "-m", "vcohort", "explore", "--preset", "kimmel2021-figures",
               "--no-browser"]  # fmt: skip
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return server, re.search(r"http://\S+", server.stdout.readline()).group()


def memory(process):
    """Return the resident memory of a process, in MiB."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1024


def launched(play):
    """Return a browser."""
    return play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


def opened(browser, address):
    """Return a page that shows P(cure)."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(address)
    page.locator("#p-cure").wait_for(timeout=300_000)
    return page


def whole(page):
    """Wait until all of the present setting is shown."""
    page.wait_for_function("() => location.search.includes('study=')", timeout=300_000)


def moves(page, first, last):
    """Return milliseconds to the new numbers, and to all pictures, of each move."""
    slider = page.locator(".bk-panel-models-widgets-FloatSlider, .bk-Slider", has_text="K_C")
    handle = slider.locator(".noUi-handle").first
    handle.focus()
    numbers, pictures = [], []
    for move in range(first, last):
        before, address = page.evaluate("() => shown()"), page.url
        handle.press("ArrowRight" if (move // 20) % 2 == 0 else "ArrowLeft")
        numbers.append(page.evaluate("before => moved(before)", before))
        page.wait_for_function("before => location.href !== before", arg=address, polling=5)
        pictures.append(page.evaluate("() => performance.now() - pressed"))
    return numbers, pictures


def main(count):
    if not Path(CHROMIUM).exists():
        print(f"No Chromium at {CHROMIUM}: the page is not measured, its last numbers stay.")
        return
    report = describe(f"python -m bench.explore {count}", PACKAGES)
    with sync_playwright() as play:
        browser = launched(play)
        start = time.perf_counter()
        server, address = begun()
        try:
            page = opened(browser, address)
            first = time.perf_counter() - start
            whole(page)
            page.evaluate(WATCH)
            moves(page, 0, 10)
            held = [memory(server)]
            found = []
            for part in ((0, count // 10), (count // 10, count)):
                found.append(moves(page, *part))
                held.append(memory(server))
        finally:
            server.kill()
    numbers, pictures = map(np.concatenate, zip(*found, strict=True))
    report |= {"patients": 10_000, "moves": count, "first_page_s": round(first, 2),
               "memory_mib": [round(each) for each in held]}  # fmt: skip
    for name, found in (("numbers_ms", numbers), ("all_pictures_ms", pictures)):
        report[name] = {"median": round(float(np.median(found))),
                        "q95": round(float(np.quantile(found, 0.95)))}  # fmt: skip
    print(report)
    write("explore", report)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MOVES)
