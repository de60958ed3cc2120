"""The form of a store on disk: variables and coordinates before any number, and what it holds.

    out.zarr/zarr.json, K_C/, cured/, …     what any reader of Zarr sees
    out.zarr/.vcohort/study.json            the study, its variables, the code, the form's digest
    out.zarr/.vcohort/chunks-0.jsonl        a line for each whole chunk (see ``manifest``)
    out.zarr/.vcohort/lock                  held by whoever writes

The form is written under another name, and appears whole. Each of Zarr's own chunks carries a
CRC-32C, so that no reader takes a damaged one for numbers.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from vcohort.errors import VcohortError
from vcohort.files import new_folder, read_plain
from vcohort.results.cf import attributes_in_files, own_attributes
from vcohort.sweeps.design.plan import Plan
from vcohort.sweeps.store.header import OWN, Header, header_of, write_header
from vcohort.sweeps.store.packed import ZSTD_LEVEL
from vcohort.sweeps.store.template import (
    Blank,
    attributes,
    blanks,
    coordinates,
    recorded_attributes,
)
from vcohort.sweeps.store.trouble import damaged, unreadable

_CODECS = (ZstdCodec(level=ZSTD_LEVEL), Crc32cCodec())


def create(path: Path, plan: Plan) -> None:
    """Write the form of a store; it appears under its name when it is whole."""
    with new_folder(path) as made, explained(path):
        _write_format(made, plan)
        write_header(made, header_of(plan, format_digest(made, set(blanks(plan)))))


def _write_format(path: Path, plan: Plan) -> None:
    with warnings.catch_warnings():
        # Consolidated metadata and strings: written as all readers of Zarr 3 in Python expect.
        warnings.filterwarnings("ignore", category=UserWarning, module="zarr")
        group = zarr.create_group(path, attributes=attributes(plan))
        for name, (over, values, attrs) in coordinates(plan).items():
            array = group.create_array(
                name, shape=values.shape, chunks=values.shape, dimension_names=(over,),
                dtype="string" if values.dtype.kind == "U" else values.dtype,
                attributes=attributes_in_files(attrs), compressors=_CODECS,
            )  # fmt: skip
            array[...] = values
        for name, blank in blanks(plan).items():
            group.create_array(
                name, shape=blank.shape, dtype=blank.dtype, chunks=blank.chunk,
                dimension_names=blank.over, attributes=attributes_in_files(blank.attrs),
                fill_value=blank.fill, compressors=_CODECS,
            )  # fmt: skip
        zarr.consolidate_metadata(path)


def read_format(path: Path, header: Header) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the attributes of a store, and those of all that is in it, by name.

    :raises VcohortError: where its metadata or coordinates are not those that its study implies.
    """
    blanks = header.blanks
    try:
        digest = format_digest(path, blanks)
    except OSError as error:
        raise unreadable(Path(error.filename or path), error) from None
    if digest != header.form:
        raise damaged(path, "its form (a zarr.json, or a coordinate) is not what was written")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module="zarr")
            group = zarr.open_group(path, mode="r", use_consolidated=True)
            attrs: dict[str, Any] = dict(group.attrs)
            arrays: dict[str, Any] = dict(group.arrays())
        is_implied = (
            attrs.items() >= recorded_attributes(header.record).items()
            and _is_consolidated(path, arrays)
            and arrays.keys() == {*header.coordinates, *blanks}
            and all(_is_of(arrays[name], blank) for name, blank in blanks.items())
        )
        about = {name: own_attributes(array.attrs) for name, array in arrays.items()}
    except Exception as error:  # What is no metadata of Zarr's fails in as many ways as Zarr has.
        raise damaged(path, f"its metadata is not understood ({error})") from None
    if not is_implied:
        raise damaged(path, "its metadata is not that of its study")
    return attrs, about


def _is_consolidated(path: Path, names: Iterable[str]) -> bool:
    """Whether each array has the metadata that the store's own has of it."""
    root = json.loads(read_plain(path / "zarr.json"))["consolidated_metadata"]["metadata"]
    return all(json.loads(read_plain(path / name / "zarr.json")) == root[name] for name in names)


def _is_of(array: Any, blank: Blank) -> bool:
    """Whether the metadata of an array is that of a variable."""
    return (
        (array.shape, array.chunks, array.shards) == (blank.shape, blank.chunk, None)
        and array.dtype == blank.dtype
        and array.metadata.dimension_names == blank.over
        and array.compressors == _CODECS
        and array.filters == ()
        and np.array_equal(array.fill_value, blank.fill, equal_nan=True)
    )


def format_digest(path: Path, variables: Collection[str]) -> str:
    """Return the digest of a store's form: all metadata, and all of the coordinates."""
    apart = {OWN, *variables}
    coordinates = [each for each in path.iterdir() if each.is_dir() and each.name not in apart]
    files = {*path.glob("*/zarr.json"), path / "zarr.json"}
    files |= {file for folder in coordinates for file in folder.rglob("*") if file.is_file()}
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(path)}:".encode() + read_plain(file))
    return digest.hexdigest()


@contextmanager
def explained(path: Path) -> Generator[None]:
    """Say what to do when the disk does not take it."""
    try:
        yield
    except OSError as error:
        reason, file = error.strerror or str(error), error.filename2 or error.filename or path
        raise VcohortError(
            f"Could not write {file}: {reason}. What is finished is kept: when there is room, or "
            f"permission, go on with: vcohort resume {path}"
        ) from None
