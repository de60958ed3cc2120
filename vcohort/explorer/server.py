"""The page served to browsers on this machine alone, or shown in a notebook."""

from __future__ import annotations

import gc
import signal
import threading
import webbrowser
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import panel as pn

from vcohort.explorer.latest import Latest
from vcohort.explorer.outlook import Patients
from vcohort.explorer.page import ZUMA1, Page, read_trial
from vcohort.results.trial import Curve
from vcohort.studies.study import Study

ADDRESS = "127.0.0.1"

_TITLE = "vcohort explore"

_A_WHILE = 0.5

# A phone would else lay the page out for a desk, and shrink it.
_TEMPLATE = (
    '{% block postamble %}<meta name="viewport" content="width=device-width, initial-scale=1">'
    "{% endblock %}"
)


def serve(
    study: Study,
    trial: Any = ZUMA1,
    *,
    port: int = 0,
    browser: bool = True,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve pages of a study until the process is ended, a page of its own to each browser.

    :param port: 0: one that is free.
    :param ready: called with the address, once it answers.
    """
    # What was imported stays: the collector need not look through it while a page waits.
    gc.freeze()
    pn.extension(notifications=False, throttled=False)
    # What is no trial is told before there is a server.
    curve = read_trial(trial)
    with _heard_by_the_same():
        server: Any = pn.serve(
            {"/": lambda: page_of(study, curve)}, port=port, address=ADDRESS, show=False,
            start=False, title=_TITLE, verbose=False,
        )  # fmt: skip
    at = f"http://{ADDRESS}:{server.port}/"
    server.start()

    def get_ready() -> None:
        if not server.get_sessions():
            Latest(_first_outlook, _drop, _drop).want(study)

    # A browser that takes a while leaves time to load the programs of its first page; one that is
    # there would have to wait for them.
    server.io_loop.call_later(_A_WHILE, get_ready)
    ready(at)
    if browser:
        server.io_loop.add_callback(webbrowser.open, at)
    server.io_loop.start()


@contextmanager
def _heard_by_the_same() -> Generator[None]:
    """Leave Ctrl-C to who hears it: Panel would take it, and end the server as if all were well."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _first_outlook(study: Study) -> Iterator[object]:
    yield Patients(study).outlook()


def _drop(study: Study, found: object) -> None:
    """Forget what was found: each page computes its own."""


def page_of(study: Study, trial: Curve | str | None) -> pn.viewable.Viewable:
    """Return a page for a browser; its study is that of the address, if that holds one."""
    page = Page(study, trial)
    document: Any = pn.state.curdoc
    if document is not None:
        document.template = _TEMPLATE
    pn.state.on_session_destroyed(lambda _: page.end())
    return page.view
