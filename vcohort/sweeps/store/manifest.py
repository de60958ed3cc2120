"""Which chunks of a store are whole: a line each, with the checksums of its files.

A line is appended after a chunk's files are written, so a chunk that a kill cut short has none.
A line that is itself cut short, or changed, does not count.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from vcohort.files import read_plain

Checksums: TypeAlias = dict[str, str]
"""Of a chunk's files, by the name of the variable."""


def read(folder: Path) -> dict[int, Checksums]:
    """Return the checksums of the whole chunks, by number."""
    found = (_entry(line) for path in _files(folder) for line in read_plain(path).splitlines())
    return dict(each for each in found if each)


def append(folder: Path, chunk: int, files: Checksums, writer: int = 0) -> None:
    """Note that a chunk is whole. Each of several writers has a file of its own."""
    with (folder / f"chunks-{writer}.jsonl").open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            # A line that was cut short, by a kill or a full disk, must not swallow this one.
            file.write(b"" if file.read() == b"\n" else b"\n")
        file.write(_line(chunk, files))
        file.flush()
        os.fsync(file.fileno())


def forget(folder: Path, chunks: Collection[int]) -> None:
    """Strike out chunks, so that they are computed again."""
    for path in _files(folder):
        found = (_entry(line) for line in read_plain(path).splitlines())
        kept = [_line(*each) for each in found if each and each[0] not in chunks]
        temporary = path.with_suffix(".new")
        temporary.write_bytes(b"".join(kept))
        temporary.replace(path)


def sealed(entry: Mapping[str, Any]) -> bytes:
    """Return an entry as one line of JSON that notices a changed bit."""
    text = json.dumps(dict(entry), sort_keys=True)
    return json.dumps({**entry, "seal": zlib.crc32(text.encode())}, sort_keys=True).encode()


def unsealed(line: bytes) -> dict[str, Any] | None:
    """Return the entry of a line; None where it is not what was written."""
    try:
        entry = json.loads(line)
        seal = entry.pop("seal")
        text = json.dumps(entry, sort_keys=True)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    return entry if zlib.crc32(text.encode()) == seal else None


def _line(chunk: int, files: Checksums) -> bytes:
    return sealed({"chunk": chunk, "files": files}) + b"\n"


def _entry(line: bytes) -> tuple[int, Checksums] | None:
    """Return what a line notes, if it is one that :func:`append` writes."""
    match unsealed(line):
        case {"chunk": int(chunk), "files": dict(files), **rest} if not rest:
            return chunk, files
        case _:
            return None


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("chunks-*.jsonl"))
