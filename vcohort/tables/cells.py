"""What a cell of a table says: a number, a label, yes or no, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

_NOTHING = {"", ".", "na", "n/a", "<na>", "nan", "nat", "none", "null"}
_YES_OR_NO = {"0": False, "1": True, "false": False, "true": True}

_WITH_POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WITH_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
# One thousand two hundred, or one and a fifth.
_MAYBE_THOUSAND = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)


def is_blank(cell: Any) -> bool:
    """Whether a cell says nothing: no text, NONMEM's dot, NaN, NA, None, what is masked."""
    if isinstance(cell, str):
        return cell.strip().lower() in _NOTHING
    return cell is np.ma.masked or bool(pd.api.types.is_scalar(cell) and pd.isna(cell))


def decimal_sign(cells: Iterable[Any], separator: str) -> str:
    """Return the decimal sign of a table's texts: ``"."``, ``","``, or ``""`` where unsure.

    A comma is one where a number can be read in no other way, and none has a point. Files whose
    fields a semicolon parts come from where the point is one of thousands: there it must be shown,
    too.
    """
    # Limits, such as <0,5, are numbers too.
    texts = [cell.lstrip(" \t<=").strip() for cell in cells if isinstance(cell, str)]
    sure = [text for text in texts if not _MAYBE_THOUSAND.fullmatch(text)]
    if any("." in text and _WITH_POINT.fullmatch(text) for text in sure):
        return "."
    if any(_WITH_COMMA.fullmatch(text) for text in sure):
        return ","
    return "" if separator == ";" else "."


def number_of(cell: Any, sign: str = ".") -> float:
    """Return the number in a cell, NaN where it is blank.

    :raises ValueError: for anything else; its text says what the cell holds.
    """
    if is_blank(cell):
        return float("nan")
    if isinstance(cell, str):
        return _finite(_parsed(cell.strip(), sign), cell)
    if isinstance(cell, bool | np.bool_):
        raise ValueError(f"a truth value, {cell}")
    if isinstance(cell, Real | Decimal):
        return _finite(float(cell), cell)
    if isinstance(cell, date | np.datetime64):
        raise ValueError(f"a date, {cell}")
    raise ValueError(f"no number, {cell!r}")


def days_of(cell: Any, sign: str = ".", unit: float = 1.0) -> float:
    """Return the days in a cell: a number of a unit so many days long, or a span of time."""
    if isinstance(cell, np.timedelta64 | timedelta) and not is_blank(cell):
        return float(np.timedelta64(cell) / np.timedelta64(1, "D"))
    if isinstance(cell, str) and re.fullmatch(r"\d+:\d+(:\d+)?", cell.strip()):
        raise ValueError(f"the time of a clock, {cell!r}")
    return number_of(cell, sign) * unit


def flag_of(cell: Any) -> bool:
    """Return the yes or no in a cell: 1 or 0, true or false."""
    if isinstance(cell, bool | np.bool_):
        return bool(cell)
    text = cell.strip().lower() if isinstance(cell, str) else ""
    number = float(_YES_OR_NO[text]) if text in _YES_OR_NO else number_of(cell)
    if number not in (0.0, 1.0):
        raise ValueError(f"{cell!r}")
    return number == 1.0


def _parsed(text: str, sign: str) -> float:
    if _MAYBE_THOUSAND.fullmatch(text) and (("," in text and sign != ",") or not sign):
        raise ValueError(f"{text!r}, which may be a number of thousands, or one with decimals")
    if sign == "," and _WITH_COMMA.fullmatch(text):
        return float(text.replace(",", "."))
    if sign == "," and "." in text and _WITH_POINT.fullmatch(text):
        raise ValueError(f"{text!r}, with a point, where other numbers have decimal commas")
    if sign == "." and _WITH_COMMA.fullmatch(text):
        raise ValueError(f"{text!r}, with a comma, where other numbers have decimal points")
    if not _WITH_POINT.fullmatch(text):
        raise ValueError(f"text, {text!r}")
    return float(text)


def _finite(number: float, cell: Any) -> float:
    if not np.isfinite(number):
        raise ValueError(f"{cell!r}, which is not finite")
    return number
