"""What `export` writes: tables, patients and models, each in the formats of other programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from vcohort.cli.outputs import ADAM, CSV, DATASET, MODEL, TABLE
from vcohort.errors import VcohortError


class Asked(NamedTuple):
    """What a user asks for beside the format; None and an empty list: nothing."""

    patient: int | None
    over: list[str] | None
    observables: list[str] | None
    limit: Any
    covariates: list[str] | None


Write: TypeAlias = Callable[[Any, Path, bool, Asked], list[str]]
"""Writes a dataset to a path, over a file that is there or not; returns what is to be told."""


class Format(NamedTuple):
    """Endings of names; the fields of :class:`Asked` that it reads."""

    endings: tuple[str, ...]
    reads: tuple[str, ...]
    write: Write


# What each flag is for, where it is not read.
_FOR = {
    "patient": "--patient is for a model",
    "over": "--over says what a row of a table is",
    "observables": "--observable says what was measured",
    "limit": "--limit is that of measurements",
    "covariates": "--covariates is for measured patients",
}


def refuse_unread(name: str, asked: Asked) -> None:
    """Refuse what a format does not read."""
    for field, value in asked._asdict().items():
        if value is not None and field not in FORMATS[name].reads:
            readers = [each for each, known in FORMATS.items() if field in known.reads]
            raise VcohortError(
                f"{_FOR[field]}: --format {', '.join(readers)}. {name} does not read it."
            )


def _dataset(ds: Any, output: Path, force: bool, asked: Asked) -> list[str]:
    from vcohort.results.netcdf import save

    save(ds, output, overwrite=force)
    return []


def _table(whole: Any, output: Path, force: bool, asked: Asked) -> list[str]:
    from vcohort.exchange.table import save_table
    from vcohort.results.tidy import left_out, rows_of, table_of

    ds = table_of(whole)
    rows = rows_of(ds, asked.over)
    save_table(ds, output, rows, overwrite=force)
    count = math.prod(ds.sizes[name] for name in rows)
    return [
        f"{count:,} rows, one per {' and '.join(rows)}",
        *(f"Not in it: {', '.join(left)}. A table of these: --over {','.join(dims)}"
          for dims, left in left_out(ds, rows).items()),
    ]  # fmt: skip


def _measured(form: str, ds: Any, output: Path, force: bool, asked: Asked) -> list[str]:
    from vcohort.exchange.nonmem.write import to_monolix, to_nonmem
    from vcohort.exchange.rows import write_rows

    table = {"nonmem": to_nonmem, "monolix": to_monolix}[form](
        ds, observables=asked.observables, limit=asked.limit, covariates=asked.covariates
    )
    write_rows(table, output, overwrite=force)
    column, units = ("DVID" if form == "nonmem" else "YTYPE"), table.attrs["units"]
    codes = table.attrs["observables"].items()
    told = ", ".join(f"{code} is {name}, in {units[name]}" for code, name in codes)
    return [f"{len(table):,} rows; {column} {told}"]


def _adam(name: str, ds: Any, output: Path, force: bool, asked: Asked) -> list[str]:
    from vcohort.exchange.adam.adrs import to_adrs
    from vcohort.exchange.adam.adtte import to_adtte
    from vcohort.exchange.rows import write_labelled

    table = {"adtte": to_adtte, "adrs": to_adrs}[name](ds)
    write_labelled(table, output, overwrite=force)
    return [f"{len(table):,} rows"]


def _model(form: str, ds: Any, output: Path, force: bool, asked: Asked) -> list[str]:
    """Write the model of one patient of a dataset, with the regimen of that run."""
    from vcohort.exchange.sbml.write import to_sbml
    from vcohort.files import replacing
    from vcohort.results.patients import patients_of, regimen_of

    cohort, regimen = patients_of(ds), regimen_of(ds)
    numbers = cohort.patient.tolist()
    if asked.patient is None and len(numbers) > 1:
        raise VcohortError(
            f"The file holds {len(numbers):,} patients, and a model is of one. Say which: "
            f"--patient {numbers[0]}."
        )
    wanted = numbers[0] if asked.patient is None else asked.patient
    if wanted not in numbers:
        raise VcohortError(
            f"The file has no patient {wanted}. Its {len(numbers):,} patients have the numbers "
            f"{min(numbers)} to {max(numbers)}."
        )
    place = [numbers.index(wanted)]
    text = to_sbml(cohort.select(place), regimen.select(place), form=form)
    with replacing(output, overwrite=force) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return []


_PATIENTS = ("observables", "limit", "covariates")

FORMATS: Mapping[str, Format] = {
    **{ending.lstrip("."): Format((ending,), ("over",), _table) for ending in TABLE},
    "netcdf": Format(DATASET, (), _dataset),
    **{form: Format(CSV, _PATIENTS, partial(_measured, form)) for form in ("nonmem", "monolix")},
    **{name: Format(ADAM, (), partial(_adam, name)) for name in ("adtte", "adrs")},
    "sbml": Format(MODEL, ("patient",), partial(_model, "equations")),
    "sbml-birth-death": Format(MODEL, ("patient",), partial(_model, "birth-death")),
}
"""Formats by name."""


def format_of(output: Path) -> str:
    """Return the format that a file's name says, where none is asked for by its own."""
    ending = output.suffix.lower()
    return "netcdf" if ending in DATASET else ending.lstrip(".")
