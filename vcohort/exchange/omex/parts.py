"""What an archive is made of."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Part(NamedTuple):
    """A file of an archive: its name there, what it is, and where it is now.

    ``form``: as COMBINE calls its format, or its media type; ``media``: its media type.
    ``is_given``: whether the rest follows from it. ``is_master``: whether programs begin with it.
    """

    name: str
    about: str
    path: Path
    form: str
    media: str
    is_given: bool = False
    is_master: bool = False
