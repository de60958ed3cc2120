"""Flags that several commands share, and the study that they make."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from typer import Option
from typer.core import TyperCommand

from vcohort.cli.at_once import load
from vcohort.errors import VcohortError
from vcohort.simulation.run import DEFAULTS, MEANINGS, PLAIN
from vcohort.studies.notation import (
    by_name,
    parse_depletion,
    parse_fields,
    parse_number,
    parse_setting,
)
from vcohort.studies.uses import is_read, refuse_unread

if TYPE_CHECKING:
    from vcohort.studies.study import Study

Number: TypeAlias = float | None

StudyFile: TypeAlias = Annotated[Path | None, typer.Argument(help="A study file (TOML).")]
Preset: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Published parameter values, or zuma1, a calibrated population; see info."),
]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", help="NAME=VALUE: r_B=0.1, 'r_B=lognormal(0.1, 0.3)'. Repeatable."),
]
LawNames: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--law", help="KIND=NAME: memory=linear, escape=mutation; see info. Repeatable."),
]
Patients: TypeAlias = Annotated[int | None, typer.Option("-n", "--patients")]
Sigma: TypeAlias = Annotated[Number, typer.Option(help="Relative patient variability.")]
Design: TypeAlias = Annotated[str | None, typer.Option(help="random, sobol, latin-hypercube.")]
Infuse: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="DAY or DAY:CELLS of an infusion, in place of the study's. Repeatable."),
]
Deplete: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="DAY:SURVIVAL of a lymphodepletion, in place of the study's: 100:0.01; of normal and "
        "CAR T cells 100:0.01,0.1; by compartment 100:N=0.01,M=0.5. Repeatable."
    ),
]
Endpoints: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        help="What to read off: Nadir, Escaped, 'Kinetics(auc_until=60)'. In place of the default "
        "ones. Repeatable.",
    ),
]
Force: TypeAlias = Annotated[
    bool, typer.Option("--force", help="Replace files that are there already.")
]


def with_run_flags(command: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command a flag for each setting of a run that it reads; all come as ``run_flags``.

    ``command``: its name in :mod:`vcohort.studies.uses`.
    """
    names = [name for name in PLAIN if is_read(command, name)]
    flags = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None,
                  annotation=Annotated[type(DEFAULTS[name]) | None, Option(help=MEANINGS[name])])
        for name in names
    ]  # fmt: skip

    def widen(work: Callable[..., None]) -> Callable[..., None]:
        parameters = signature(work, eval_str=True).parameters.values()
        own = [each for each in parameters if each.name != "run_flags"]

        @wraps(work)
        def widened(**given: Any) -> None:
            run_flags = {name: given.pop(name) for name in names}
            work(**given, run_flags=run_flags)

        shown: Any = widened
        shown.__signature__ = Signature([*own, *flags])
        shown.__annotations__ = {each.name: each.annotation for each in (*own, *flags)}
        return widened

    return widen


class EachOnce(TyperCommand):
    """A command that refuses a flag given twice, and numbers that no run can have."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, when what tells a mistake is imported."""
        load("vcohort.studies.study")
        return super().invoke(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as typer does, after a look at which flags come how often."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for param in order:
            takes_many = getattr(param, "multiple", False) or param.param_type_name == "argument"
            if not takes_many and order.count(param) > 1:
                raise VcohortError(f"{param.opts[-1]} is given twice. Keep one.")
        left = super().parse_args(ctx, args)
        for name, value in ctx.params.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise VcohortError(f"{name} = {value} is impossible: it must be a finite number.")
            if isinstance(value, int) and abs(value) >= 2**64:
                raise VcohortError(f"{name} is impossible: it has more than 64 bits.")
        return left


def study_of(
    command: str,
    file: Path | None,
    flags: Mapping[str, Any],
    *,
    settings: list[str] | None = None,
    laws: list[str] | None = None,
    infuse: list[str] | None = None,
    deplete: list[str] | None = None,
    swept: Mapping[str, Any] | None = None,
    own: Mapping[str, Any] | None = None,
    parameters: Iterable[str] = (),
    defaults: Mapping[str, Any] | None = None,
) -> Study:
    """Return the checked study of a file with the flags over it; a flag of None says nothing.

    ``command``: as of :mod:`vcohort.studies.uses`, which says what it does not read. ``swept``: the
    flags that belong in the table ``[sweep]``. ``own``: what all other flags say, by their names
    (``--outputs``). ``parameters``: other names that must be the model's. ``defaults``: of this
    command, in place of a study's.

    What names, bounds and files tell is told before JAX is imported.
    """
    from vcohort.studies.files import read_fields
    from vcohort.studies.study import make_study

    fields: dict[str, Any] = read_fields(file) if file else {}
    make_study(fields)
    typed = {name: value for name, value in flags.items() if value is not None}
    fields |= typed
    given = by_name("--set", map(parse_setting, settings or []))
    if given:
        fields["set"] = {**fields.get("set", {}), **given}
    chosen_laws = by_name("--law", map(parse_setting, laws or []))
    if chosen_laws:
        fields["model"] = {**fields.get("model", {}), **chosen_laws}
    if infuse:
        names = ("day", "cells")
        fields["infusion"] = [parse_fields("--infuse", text, names, least=1) for text in infuse]
    if deplete:
        fields["lymphodepletion"] = [parse_depletion("--deplete", text) for text in deplete]
    table = {name: value for name, value in (swept or {}).items() if value is not None}
    # Without axes nothing is swept, which the study says better.
    if "axes" in {*table, *fields.get("sweep", {})}:
        fields["sweep"] = {**fields.get("sweep", {}), **table}
    chosen = {**(defaults or {}), **fields}
    study = make_study(chosen)
    flagged = [f"--{name}" for name in typed]
    flagged += [name for name, value in (own or {}).items() if value is not None]
    refuse_unread(command, [*fields, *flagged], chosen.get("method", DEFAULTS["method"]))
    study.check_names(parameters)
    load()
    study.check()
    return study


def numbers(flag: str, text: str | None) -> list[float] | None:
    """Return the numbers of ``0,7,14``."""
    if text is None:
        return None
    try:
        return [parse_number(part) for part in text.split(",")]
    except ValueError:
        raise VcohortError(
            f"{flag} {text!r} is no list of days. Write them with commas: 0,7,14,28."
        ) from None


def names(flag: str, text: str) -> list[str]:
    """Return the names of ``K_C,r_B``, each once."""
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise VcohortError(f"{flag} {text!r} lacks a name. Write them with commas: K_C,r_B.")
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise VcohortError(f"{flag} gives {twice} twice. Keep one.")
    return found
