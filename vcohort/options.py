"""Flags that several commands share, and the study that they make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from vcohort.errors import VcohortError
from vcohort.notation import by_name, parse_fields, parse_setting
from vcohort.study import make_study, read_fields

Number: TypeAlias = float | None

StudyFile: TypeAlias = Annotated[Path | None, typer.Argument(help="A study file (TOML).")]
Preset: TypeAlias = Annotated[str | None, typer.Option(help="Published parameter values.")]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", help="NAME=VALUE: r_B=0.1, 'r_B=lognormal(0.1, 0.3)'. Repeatable."),
]
Patients: TypeAlias = Annotated[int | None, typer.Option("-n", "--patients")]
Sigma: TypeAlias = Annotated[Number, typer.Option(help="Relative patient variability.")]
Design: TypeAlias = Annotated[str | None, typer.Option(help="random, sobol, latin-hypercube.")]
Seed: TypeAlias = Annotated[int | None, typer.Option(help="Of the patients and their tumours.")]
Method: TypeAlias = Annotated[
    str | None, typer.Option(help="hybrid, exact, gillespie, deterministic.")
]
Horizon: TypeAlias = Annotated[Number, typer.Option(help="Days to run.")]
Threshold: TypeAlias = Annotated[Number, typer.Option(help="Cells: stochastic below.")]
Progression: TypeAlias = Annotated[Number, typer.Option(help="Relative size.")]
Infuse: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="DAY or DAY:CELLS of an infusion. Repeatable.")
]
Deplete: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="DAY:SURVIVAL of a lymphodepletion, 100:0.01. Repeatable."),
]
Tolerance: TypeAlias = Annotated[Number, typer.Option(help="Error of the log states.")]
Dtype: TypeAlias = Annotated[str | None, typer.Option(help="float32, float64.")]


def study_fields(
    file: Path | None,
    settings: list[str] | None,
    infuse: list[str] | None,
    deplete: list[str] | None,
    flags: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the fields of a study file with the flags over it; a flag of None says nothing."""
    fields: dict[str, Any] = read_fields(file) if file else {}
    fields |= {name: value for name, value in flags.items() if value is not None}
    given = by_name("--set", map(parse_setting, settings or []))
    if given:
        fields["set"] = {**make_study(fields).set, **given}
    if infuse:
        fields["infusion"] = [parse_fields("--infuse", text, ("day", "cells")) for text in infuse]
    if deplete:
        names = ("day", "survival")
        fields["lymphodepletion"] = [parse_fields("--deplete", text, names) for text in deplete]
    return fields


def numbers(flag: str, text: str | None) -> list[float] | None:
    """Return the numbers of ``0,7,14``."""
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise VcohortError(
            f"{flag} {text!r} is no list of days. Write them with commas: 0,7,14,28."
        ) from None
