"""What a store says of itself: its study, its variables, and the code that computes it.

Whoever opens a store reads this first. Shapes and types of all that is unpacked follow from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field, ValidationError

from vcohort.errors import VcohortError
from vcohort.files import read_plain
from vcohort.records import refuse_nameless
from vcohort.sweeps.design.chunks import Chunks
from vcohort.sweeps.design.plan import Plan
from vcohort.sweeps.store import manifest
from vcohort.sweeps.store.absent import absent
from vcohort.sweeps.store.code import Code
from vcohort.sweeps.store.serialise import (
    SCHEMA_VERSION,
    Name,
    Strict,
    checked,
    chunks_of,
    differences,
    from_record,
    layout_of,
    study_hash,
    to_record,
)
from vcohort.sweeps.store.template import Blank, blanks, labels_of, values_along
from vcohort.sweeps.store.trouble import damaged, unreadable

OWN = ".vcohort"
_STUDY = "study.json"


class Variable(Strict):
    """A variable over the sweep's dimensions, then ``over``."""

    name: Name
    over: list[str]
    dtype: Annotated[str, Field(pattern=r"^(float(32|64)|u?int(8|16|32|64))$")]


class Labels(Strict):
    """The names along a dimension."""

    name: Name
    values: Annotated[list[str], Field(min_length=1, max_length=256)]


class Header(Strict):
    """A store's ``study.json``: the record and its hash, what there is beside it, and the code.

    ``form``: the digest of all metadata and coordinates.
    """

    record: Annotated[dict[str, Any], AfterValidator(checked)]
    study: str
    variables: list[Variable]
    labels: list[Labels]
    form: str
    code: Code

    @property
    def chunks(self) -> Chunks:
        """How the sweep is cut into chunks."""
        return chunks_of(self.record)

    @property
    def coordinates(self) -> dict[str, tuple[str, np.ndarray]]:
        """All coordinates: each with its dimension and its values."""
        record = self.record
        return values_along(
            layout_of(record), record["days"], record["quantiles"],
            {each.name: each.values for each in self.labels},
            record["patients"] if record["keep_patients"] else 0,
        )  # fmt: skip

    @property
    def blanks(self) -> dict[str, Blank]:
        """All variables before their numbers, without attributes."""
        chunks = self.chunks
        dims = tuple(layout_of(self.record).sizes)
        sizes = {over: values.size for over, values in self.coordinates.values()}

        def blank(over: list[str], dtype: str) -> Blank:
            rest = tuple(sizes[name] for name in over)
            shapes = chunks.shape + rest, chunks.part + rest
            return Blank((*dims, *over), *shapes, np.dtype(dtype), {})

        return {each.name: blank(each.over, each.dtype) for each in self.variables}


def header_of(plan: Plan, form: str) -> Header:
    """Return what a new store says of itself."""
    record, own = to_record(plan), len(plan.layout.sizes)
    refuse_nameless(record)
    return Header(
        record=record,
        study=study_hash(record),
        variables=[
            Variable(name=name, over=list(each.over[own:]), dtype=each.dtype.name)
            for name, each in blanks(plan).items()
        ],
        labels=[Labels(name=name, values=list(of)) for name, of in labels_of(plan).items()],
        form=form,
        code=Code.here(),
    )


def write_header(path: Path, header: Header) -> None:
    """Write what a store says of itself."""
    (path / OWN).mkdir()
    (path / OWN / _STUDY).write_bytes(manifest.sealed(header.model_dump()))


def read_header(path: Path) -> Header:
    """Return what a store says of itself; refuse what is no store, damaged, or of another schema.

    :raises VcohortError: also for what may not be read.
    """
    try:
        found = manifest.unsealed(read_plain(path / OWN / _STUDY))
    except (FileNotFoundError, NotADirectoryError):
        if (path / OWN).is_dir():
            raise damaged(path, f"its {_STUDY} is gone") from None
        raise absent(path) from None
    except OSError as error:
        raise unreadable(path / OWN / _STUDY, error) from None
    if found is None:
        raise damaged(path, f"its {_STUDY} is not what was written")
    _refuse_other_schema(path, found)
    try:
        header = Header.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise damaged(path, f"in its {_STUDY}, {place}: {first['msg'].lower()}") from None
    except (OverflowError, RecursionError) as error:
        raise damaged(path, f"its {_STUDY} holds what no study does ({error})") from None
    known = {over for over, _ in header.coordinates.values()}
    if any(not known.issuperset(each.over) for each in header.variables):
        raise damaged(path, f"in its {_STUDY}, a variable lies over what is no dimension")
    if header.study != study_hash(header.record):
        raise damaged(path, f"the study in its {_STUDY} is not the one that it was begun with")
    return header


def _refuse_other_schema(path: Path, found: dict[str, Any]) -> None:
    match found:
        case {"record": {"schema_version": int(there)}}:
            pass
        case _:
            raise damaged(path, f"its {_STUDY} names no schema version")
    if there > SCHEMA_VERSION:
        raise VcohortError(
            f"{path} has schema version {str(there)[:20]}, newer than {SCHEMA_VERSION}, the newest "
            "known here. Update vcohort."
        )
    if there < SCHEMA_VERSION:
        raise VcohortError(
            f"{path} has schema version {there}. Before {SCHEMA_VERSION} a store did not keep the "
            "order of its axes, so its numbers may stand in the wrong cells. Compute it anew in "
            "another store: vcohort sweep STUDY.toml -o NEW.zarr"
        )


def plan_in(path: Path, header: Header) -> Plan:
    """Return the plan of a store, from its text alone."""
    try:
        plan = from_record(header.record)
        is_whole = to_record(plan) == header.record
    except VcohortError:
        raise
    except Exception as error:  # What is no study fails in as many ways as there are parts of one.
        raise damaged(path, f"the study in its {_STUDY} is not understood ({error!r})") from None
    if not is_whole or header_of(plan, header.form).variables != header.variables:
        raise damaged(path, f"the study in its {_STUDY} is not one that it can be made of")
    return plan


def refuse_other_study(path: Path, header: Header, plan: Plan) -> None:
    """Refuse a study that is not the store's; say where they differ."""
    here = to_record(plan)
    if header.study != study_hash(here):
        told = differences(header.record, here)
        more = [f"… and {len(told) - 6} more"] if len(told) > 6 else []
        lines = [
            f"{path} holds another study; nothing was changed.",
            *(f"  {line}" for line in [*told[:6], *more]),
            f"Write to another store (-o), or finish that study: vcohort resume {path}",
        ]
        raise VcohortError("\n".join(lines))
