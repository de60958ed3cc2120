"""The form of a store on disk: variables and coordinates before any number, and what it holds.

    out.zarr/zarr.json, K_C/, cured/, …     what any reader of Zarr sees
    out.zarr/.vcohort/study.json            the study, the code that computes it, the form's digest
    out.zarr/.vcohort/chunks-0.jsonl        a line for each whole chunk (see ``manifest``)
    out.zarr/.vcohort/lock                  held by whoever writes

The form is written under another name, and appears whole. Each of Zarr's own chunks carries a
CRC-32C, so that no reader takes a damaged one for numbers.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from vcohort.dataset import provenance
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.files import check_writable, umask
from vcohort.sweeps import manifest
from vcohort.sweeps.plan import Plan
from vcohort.sweeps.record import SCHEMA_VERSION, differences, study_hash, to_record
from vcohort.sweeps.template import attributes, blanks, coordinates

OWN = ".vcohort"


def create(path: Path, plan: Plan) -> None:
    """Write the form of a store; it appears under its name when it is whole."""
    check_writable(path)
    with explained(path):
        made = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        with explained(path):
            _write_form(made, plan)
            own = made / OWN
            own.mkdir()
            record = to_record(plan)
            variables = sorted(blanks(plan))
            about = {"study": study_hash(record), "form": form_digest(made, variables), **_code()}
            header = {"record": record, "variables": variables, **about}
            (own / "study.json").write_bytes(manifest.sealed(header))
            made.chmod(0o777 & ~umask())
            made.rename(path)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write_form(path: Path, plan: Plan) -> None:
    with warnings.catch_warnings():
        # Consolidated metadata and strings: written as all readers of Zarr 3 in Python expect.
        warnings.filterwarnings("ignore", category=UserWarning, module="zarr")
        group = zarr.create_group(path, attributes=attributes(plan))
        codecs = [ZstdCodec(level=3), Crc32cCodec()]
        for name, (over, values, attrs) in coordinates(plan).items():
            array = group.create_array(
                name, shape=values.shape, chunks=values.shape, dimension_names=(over,),
                dtype="string" if values.dtype.kind == "U" else values.dtype,
                attributes={**attrs}, compressors=codecs,
            )  # fmt: skip
            array[...] = values
        for name, blank in blanks(plan).items():
            group.create_array(
                name, shape=blank.shape, dtype=blank.dtype, chunks=blank.chunk,
                dimension_names=blank.over, attributes={**blank.attrs}, fill_value=blank.fill,
                compressors=codecs,
            )  # fmt: skip
        zarr.consolidate_metadata(path)


def read_header(path: Path) -> dict[str, Any]:
    """Return what a store says of itself; refuse what is no store, damaged, or newer."""
    try:
        found = manifest.unsealed((path / OWN / "study.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        what = "is no store of a sweep" if path.exists() else "does not exist"
        raise VcohortError(
            f"{path} {what}. Begin one: vcohort sweep STUDY.toml -o NEW.zarr"
        ) from None
    except OSError as error:
        raise VcohortError(f"Cannot read {path}: {error.strerror}.") from None
    if found is None:
        raise VcohortError(f"{path} is damaged: its study.json is not what was written.")
    there = found["record"]["schema_version"]
    if there > SCHEMA_VERSION:
        raise VcohortError(
            f"{path} has schema version {there}, newer than {SCHEMA_VERSION}, the newest known "
            "here. Update vcohort."
        )
    if form_digest(path, found["variables"]) != found["form"]:
        raise VcohortError(
            f"{path} is damaged: its form (a zarr.json, or a coordinate) is not what was written. "
            "Restore it from a copy, or begin anew in another store."
        )
    return found


def refuse_other_study(path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Refuse a study that is not the store's; say where they differ."""
    if study_hash(there) != study_hash(here):
        told = differences(there, json.loads(json.dumps(here)))
        more = [f"… and {len(told) - 6} more"] if len(told) > 6 else []
        lines = [
            f"{path} holds another study; nothing was changed.",
            *(f"  {line}" for line in [*told[:6], *more]),
            f"Write to another store (-o), or finish that study: vcohort resume {path}",
        ]
        raise VcohortError("\n".join(lines))


def refuse_other_code(path: Path, header: Mapping[str, Any]) -> None:
    """Refuse other code than the store was begun with; warn where rounding may differ."""
    here = _code()
    if header["code"] != here["code"]:
        raise VcohortError(
            f"{path} was begun by vcohort {header['vcohort']} (code {header['code'][:8]}), this is "
            f"{here['vcohort']} (code {here['code'][:8]}): its chunks would not be of one piece. "
            "Go on with that version, or begin anew in another store."
        )
    other = [name for name in ("jax", "device") if header[name] != here[name]]
    if other:
        told = ", ".join(f"{name} {header[name]} there, {here[name]} here" for name in other)
        warnings.warn(
            f"{path} was begun elsewhere ({told}): new chunks will agree with the others to "
            "rounding, not to the bit.",
            VcohortWarning,
            stacklevel=4,
        )


def _code() -> dict[str, str]:
    """Return what computes: version, code, jax, device."""
    about = provenance()
    return {"vcohort": about["vcohort_version"], "code": code_digest(),
            "jax": about["jax_version"], "device": about["device"]}  # fmt: skip


@cache
def code_digest() -> str:
    """Return the digest of all of this package's code."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root)}:".encode() + file.read_bytes())
    return digest.hexdigest()


def form_digest(path: Path, variables: Sequence[str]) -> str:
    """Return the digest of a store's form: all metadata, and all of the coordinates."""
    apart = {OWN, *variables}
    coordinates = [each for each in path.iterdir() if each.is_dir() and each.name not in apart]
    files = {*path.glob("*/zarr.json"), path / "zarr.json"}
    files |= {file for folder in coordinates for file in folder.rglob("*") if file.is_file()}
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(path)}:".encode() + file.read_bytes())
    return digest.hexdigest()


@contextmanager
def explained(path: Path) -> Generator[None]:
    """Say what to do when the disk does not take it."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise VcohortError(
            f"Could not write {path}: {reason}. What is finished is kept: when there is room, or "
            f"permission, go on with: vcohort resume {path}"
        ) from None
