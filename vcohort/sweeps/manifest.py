"""Which chunks of a store are whole: a line each, with the checksum of its numbers.

A line is appended after a chunk's files are written, so a chunk that a kill cut short has none.
A line that is itself cut short, or changed, does not count.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the checksum of a chunk's arrays: of names, types and every bit."""
    digest = hashlib.blake2b(digest_size=16)
    for name, values in sorted(arrays.items()):
        digest.update(f"{name}:{values.dtype.str}:{values.shape};".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def read(folder: Path) -> dict[int, str]:
    """Return the checksums of the whole chunks, by number."""
    lines = (line for path in _files(folder) for line in path.read_bytes().splitlines())
    entries = (unsealed(line) for line in lines)
    return {int(entry["chunk"]): str(entry["checksum"]) for entry in entries if entry}


def append(folder: Path, chunk: int, found: str, writer: int = 0) -> None:
    """Note that a chunk is whole. Each of several writers has a file of its own."""
    line = sealed({"chunk": chunk, "checksum": found})
    target = folder / f"chunks-{writer}.jsonl"
    descriptor = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        # A line that was cut short, by a kill or a full disk, must not swallow this one.
        torn = target.stat().st_size and not target.read_bytes().endswith(b"\n")
        os.write(descriptor, b"\n" * bool(torn) + line + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def forget(folder: Path, chunks: Collection[int]) -> None:
    """Strike out chunks, so that they are computed again."""
    for path in _files(folder):
        entries = (unsealed(line) for line in path.read_bytes().splitlines())
        kept = [
            sealed(entry) + b"\n" for entry in entries if entry and entry["chunk"] not in chunks
        ]
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
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    return entry if zlib.crc32(json.dumps(entry, sort_keys=True).encode()) == seal else None


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("chunks-*.jsonl"))
