"""What tabs share: work that is done aside, and told in the tab."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import panel as pn

from vcohort.explorer.latest import Latest
from vcohort.explorer.wheel import Wheel

if TYPE_CHECKING:
    from vcohort.explorer.page import Page


class Tab(ABC):
    """A tab that computes when it is asked to."""

    title = ""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.told = pn.pane.Markdown("", sizing_mode="stretch_width")
        self.busy = Wheel()
        self._latest = Latest(self.compute, self._done, self._failed)
        self.view = pn.Column(self.told, sizing_mode="stretch_width")

    @abstractmethod
    def compute(self, wish: Any) -> Iterator[object]:
        """Yield what was wished for; this runs beside the page, and touches nothing of it."""

    @abstractmethod
    def show(self, wish: Any, found: Any) -> None:
        """Show what :meth:`compute` has found."""

    @abstractmethod
    def follow(self) -> None:
        """Take note that the page shows another study."""

    def want(self, wish: Any) -> None:
        """Ask for something."""
        self.busy.turns, self.told.object = True, "Computing …"
        self._latest.want(wish)

    def end(self) -> None:
        """Leave nothing running."""
        self._latest.end()

    def _done(self, wish: Any, found: object) -> None:
        def show() -> None:
            self.busy.turns, self.told.object = False, ""
            self.show(wish, found)

        self.page.later(show)

    def _failed(self, _: Any, why: str) -> None:
        def tell() -> None:
            self.busy.turns, self.told.object = False, f"**{why}**"

        self.page.later(tell)


def button(name: str, work: Any, **options: Any) -> pn.widgets.Button:
    """Return a button that asks for work."""
    return pn.widgets.Button(label=name, on_click=partial(_ignoring, work), color="primary",
                             **options)  # fmt: skip


def _ignoring(work: Any, _: Any) -> None:
    work()
