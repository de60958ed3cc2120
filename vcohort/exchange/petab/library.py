"""The PEtab library, which is an extra: imported when asked for, and what its linter says."""

from __future__ import annotations

import importlib
import logging
import warnings
from pathlib import Path
from typing import Any

from vcohort.extras import extra

_SHOWN = 300


def library(version: int) -> Any:
    """Return the part of the PEtab library that knows a version."""
    with warnings.catch_warnings():
        # Of what it stands on, by its own doing.
        warnings.simplefilter("ignore")
        return extra(f"petab.v{version}", "petab")


def complaints(path: Path, version: int) -> list[str]:
    """Return what the linter of PEtab says against a problem on disk."""
    petab = library(version)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _first(path, petab) if version == 1 else _second(path, petab)
        except Exception as error:  # Of what it cannot read it raises anything.
            return [_short(f"{type(error).__name__}: {error}")]


def _first(path: Path, petab: Any) -> list[str]:
    """Return what the linter of version 1 tells its log."""
    heard = _Heard()
    log = logging.getLogger("petab.v1.lint")
    told, level = log.propagate, log.level
    log.addHandler(heard)
    log.propagate = False
    log.setLevel(logging.ERROR)
    try:
        failed = petab.lint_problem(petab.Problem.from_yaml(path))
    finally:
        log.removeHandler(heard)
        log.propagate = told
        log.setLevel(level)
    return (heard.messages or ["it has errors"]) if failed else []


def _second(path: Path, petab: Any) -> list[str]:
    found = petab.lint_problem(petab.Problem.from_yaml(path))
    serious = importlib.import_module("petab.v2.lint").ValidationIssueSeverity.ERROR
    return [_short(each.message) for each in found if each.level >= serious]


class _Heard(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(_short(record.getMessage()))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
