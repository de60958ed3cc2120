"""A wheel that turns while something is computed."""

from __future__ import annotations

import panel as pn

_WHEEL = "<div class='wheel' title='computing'></div>"
_STYLE = """
.wheel { width: 18px; height: 18px; border: 3px solid #ddd; border-top-color: #777;
         border-radius: 50%; animation: turn 1s linear infinite; }
@keyframes turn { to { transform: rotate(360deg); } }
"""


class Wheel(pn.pane.HTML):
    """A wheel, or room for it: as text, since a change of style has the page laid out anew."""

    def __init__(self) -> None:
        super().__init__("", width=24, height=24, margin=(10, 8), stylesheets=[_STYLE])

    @property
    def turns(self) -> bool:
        """Whether it is seen, and turns."""
        return bool(self.object)

    @turns.setter
    def turns(self, turns: bool) -> None:
        self.object = _WHEEL if turns else ""
