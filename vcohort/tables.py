"""Small tables of numbers, from a CSV file, a data frame or columns by name."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vcohort.errors import VcohortError


def read_columns(rows: Any, example: str) -> dict[str, Any]:
    """Return the columns of a table by name; ``example`` shows what would be right.

    ``rows``: a CSV file's path, or columns by name (a data frame, a dict of lists).
    """
    if isinstance(rows, str | os.PathLike):
        return _read(rows)
    if not isinstance(rows, Mapping) and not hasattr(rows, "columns"):
        raise VcohortError(
            f"A table is a CSV file's path, a data frame, or columns by name: {example}."
        )
    return {str(name).strip(): rows[name] for name in rows}


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            lines = enumerate(csv.reader(file), 1)
            kept = [(number, line) for number, line in lines if line and line[0][:1] != "#"]
    except FileNotFoundError:
        raise VcohortError(f"There is no file {path}.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VcohortError(f"Cannot read {path}: {error}.") from None
    (_, header), *lines = kept or [(1, [])]
    short = [number for number, line in lines if len(line) != len(header)]
    if short:
        raise VcohortError(f"{path}, line {short[0]}: it must have {len(header)} fields.")
    columns = zip(*(line for _, line in lines), strict=True) if lines else [() for _ in header]
    return {name.strip(): list(column) for name, column in zip(header, columns, strict=True)}
