"""Populations that were calibrated to a trial and come with the package, each a file as data."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from vcohort.models import presets


@cache
def shipped_names() -> tuple[str, ...]:
    """Return the names of the populations that are shipped."""
    folder = files(__name__)
    return tuple(sorted(each.name[:-5] for each in folder.iterdir() if each.name.endswith(".json")))


@cache
def shipped(name: str) -> dict[str, Any]:
    """Return a shipped population: ``record``, ``targets``, ``provenance``."""
    return json.loads((files(__name__) / f"{name}.json").read_text(encoding="utf-8"))


def all_presets() -> list[str]:
    """Return what a population can be made from: published values, shipped populations."""
    return [*presets(), *shipped_names()]
