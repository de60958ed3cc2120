"""Flags of the commands that read a trial's tables, and the trial that they make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

import vcohort as vc
from vcohort.errors import VcohortError
from vcohort.studies.notation import by_name, parse_number, parse_setting
from vcohort.tables.csv_files import read_lines

Observable: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="What was measured, C_per_ul; or by code of DVID or column, 1=C_per_ul, 3=none (left "
        "out). Repeatable."
    ),
]
Unit: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="The table's unit of what: C_per_ul=cells/ml, B_ml=mm, time=h, dose=1e6 cells; with "
        "how many of the own unit it is, C_per_ul=copies/ug:0.05. Repeatable."
    ),
]
Limit: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="Limit of quantification that no column tells, 0.5 or C_per_ul=0.5. "
                      "Repeatable."),
]  # fmt: skip
Censored: TypeAlias = Annotated[
    str,
    typer.Option(help="What values below a limit are worth: M3 (their probability), M1 (nothing)."),
]
Doses: TypeAlias = Annotated[
    Path | None, typer.Option(help="CSV of doses: ID, TIME, AMT; where the table has none.")
]
Endpoint: TypeAlias = Annotated[
    str | None, typer.Option(help="PARAMCD of an ADTTE that holds several, such as PFS.")
]


def read_flags(
    observable: list[str] | None,
    unit: list[str] | None,
    limit: list[str] | None,
    doses: Path | None,
) -> dict[str, Any]:
    """Return what flags say of a trial's tables, as :func:`vcohort.read_trial` takes it."""
    found = {
        "observables": _observables(observable),
        "units": by_name("--unit", map(_unit, unit or [])) or None,
        "limit": limit_of(limit),
        "doses": None if doses is None else str(doses),
    }
    return {name: each for name, each in found.items() if each is not None}  # fmt: skip


def is_plain(table: str) -> bool:
    """Whether a file is a long table as :func:`vcohort.fit` takes it, or a pipe, read once."""
    if not Path(table).is_file():
        return True
    return "value" in {name.strip().lower() for name in read_lines(table).header}


def measurements(table: str, flags: Mapping[str, Any]) -> Any:
    """Return a table as it is where it is plain, else the trial that it is read as."""
    if not flags and is_plain(table):
        return table
    return vc.read_trial(table, covariates=[], **flags)


def _observables(texts: list[str] | None) -> Any:
    if not texts:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0]
    named = by_name("--observable", map(parse_setting, texts))
    return {code: None if name.lower() == "none" else name for code, name in named.items()}


def _unit(text: str) -> tuple[str, Any]:
    name, value = parse_setting(text)
    unit, colon, factor = value.rpartition(":")
    if not colon:
        return name, value
    return name, (unit.strip(), _number("--unit", text, factor))


def limit_of(texts: list[str] | None) -> Any:
    """Return limits as flags give them, one or by observable; None without any."""
    if not texts:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        return _number("--limit", texts[0], texts[0])
    pairs = (parse_setting(text) for text in texts)
    return by_name("--limit", ((name, _number("--limit", value, value)) for name, value in pairs))


def _number(flag: str, text: str, number: str) -> float:
    try:
        return parse_number(number)
    except ValueError:
        raise VcohortError(f"{flag} {text!r} is not understood: {number!r} is no number.") from None
