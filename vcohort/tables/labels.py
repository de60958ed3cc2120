"""Labels of patients: which cells of a table name the same one."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from vcohort.errors import VcohortError, VcohortWarning
from vcohort.tables.cells import is_blank


def label_of(cell: Any) -> str:
    """Return the label in a cell: a number and its text, such as 1, 1.0, "1" and " 1 ", are one.

    :raises ValueError: for what is blank, and what is no label.
    """
    if is_blank(cell):
        raise ValueError("nothing")
    if isinstance(cell, bool | np.bool_):
        raise ValueError(f"a truth value, {cell}")
    if isinstance(cell, bytes):
        cell = cell.decode()
    if isinstance(cell, Iterable) and not isinstance(cell, str):
        raise ValueError(f"no label, {cell!r}")
    if isinstance(cell, float | np.floating) and not abs(cell) < 2**53:
        raise ValueError(f"{cell}, of which the last digits are lost")
    text = str(cell).strip()
    whole = re.fullmatch(r"(0|-?[1-9]\d*)(\.0*)?", text, re.ASCII)
    return whole[1] if whole else text


def compare_labels(name: str, labels: Iterable[str]) -> None:
    """Refuse two spellings of one number; warn of labels that look alike."""
    numbers: dict[Decimal, str] = {}
    looks: dict[str, str] = {}
    for label in labels:
        number = _decimal(label)
        if number is not None and numbers.setdefault(number, label) != label:
            raise VcohortError(
                f"In the data, column {name} holds {numbers[number]!r} and {label!r}: write the "
                "label of one patient in one way, and those of two so that no number is the same."
            )
        look = "".join(unicodedata.normalize("NFKC", label).split()).casefold()
        if looks.setdefault(look, label) != label:
            warnings.warn(
                f"In the data, column {name} holds {looks[look]!r} and {label!r}: they are taken "
                "for two.",
                VcohortWarning,
                stacklevel=5,
            )


def _decimal(label: str) -> Decimal | None:
    try:
        number = Decimal(label)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
