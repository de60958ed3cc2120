"""A sweep on disk: read by anyone, written by one process at a time, chunk by chunk."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import numpy as np
import xarray as xr
from xarray.core import indexing

from vcohort.errors import VcohortError
from vcohort.progress import progress_bar
from vcohort.sweeps.design.plan import Plan
from vcohort.sweeps.store import manifest
from vcohort.sweeps.store.code import refuse_other_code
from vcohort.sweeps.store.format import create, explained, read_format
from vcohort.sweeps.store.header import OWN, Header, plan_in, read_header, refuse_other_study
from vcohort.sweeps.store.manifest import Checksums
from vcohort.sweeps.store.numbers import Backend, DamageError, Files, Numbers
from vcohort.sweeps.store.processes import rank, wait_for_all
from vcohort.sweeps.store.trouble import unreadable


class Verification(NamedTuple):
    """What :func:`vcohort.verify` found: numbers of chunks, and why a damaged one is damaged."""

    chunks: int
    missing: list[int]
    damaged: dict[int, str]

    @property
    def is_whole(self) -> bool:
        """Whether every chunk is there, and as it was written."""
        return not self.missing and not self.damaged

    def __str__(self) -> str:
        whole = self.chunks - len(self.missing) - len(self.damaged)
        lines = [f"{whole} of {self.chunks} chunks are whole, {len(self.missing)} missing, "
                 f"{len(self.damaged)} damaged"]  # fmt: skip
        return "\n".join([*lines, *(f"chunk {one}: {why}" for one, why in self.damaged.items())])


class Store:
    """A store: open for reading (:meth:`read`), or for this process to write (:meth:`begin`)."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path, self.header, self.chunks = path, header, header.chunks
        self.attrs, self._about = read_format(path, header)
        self.files = Files(path, header.study, self.chunks, header.blanks)

    @classmethod
    def read(cls, path: Path) -> Store:
        """Open a store to look at it."""
        return cls(path, read_header(path))

    def notes(self) -> dict[int, Checksums]:
        """Return the checksums of the chunks that are noted as whole, and whose files are there."""
        try:
            noted = manifest.read(self.path / OWN)
        except OSError as error:
            raise unreadable(Path(error.filename or self.path), error) from None
        names = self.files.blanks.keys()
        noted = {chunk: noted[chunk] for chunk in range(len(self.chunks))
                 if chunk in noted and noted[chunk].keys() == names}  # fmt: skip
        gone = set(self.files.without(noted))
        return {chunk: files for chunk, files in noted.items() if chunk not in gone}

    def missing(self) -> list[int]:
        """Return the chunks that are not noted as whole, or whose files are gone."""
        there = self.notes()
        return [chunk for chunk in range(len(self.chunks)) if chunk not in there]

    def dataset(self, without: Collection[int] = ()) -> xr.Dataset:
        """Return what the store holds; values are read when they are used.

        ``without``: chunks that are left empty.
        """
        notes = {chunk: files for chunk, files in self.notes().items() if chunk not in without}
        coordinates = {name: (over, values, self._about[name])
                       for name, (over, values) in self.header.coordinates.items()}  # fmt: skip
        lazy = indexing.LazilyIndexedArray
        variables = {
            name: xr.Variable(blank.over, lazy(Numbers(self.files, name, notes)), self._about[name])
            for name, blank in self.files.blanks.items()
        }
        made: Any = xr.Dataset(variables, coordinates, self.attrs)
        return xr.open_dataset(made, engine=Backend)

    def verify(self, progress: bool | None = None) -> Verification:
        """Read everything; see :func:`vcohort.verify`."""
        there = self.notes()
        damaged: dict[int, str] = {}
        with progress_bar("chunks verified", len(self.chunks), progress) as on_done:
            for chunk, files in there.items():
                damaged |= self._damage(chunk, files)
                on_done(1)
        missing = [chunk for chunk in range(len(self.chunks)) if chunk not in there]
        return Verification(len(self.chunks), missing, damaged)

    def _damage(self, chunk: int, noted: Checksums) -> dict[int, str]:
        """Return the chunk with what is wrong with it, if anything is."""
        try:
            for name, written in noted.items():
                self.files.read(name, chunk, written)
        except DamageError as error:
            return {chunk: str(error)}
        return {}


class Writer(Store):
    """A store that this process writes to, and no other."""

    def __init__(self, path: Path, header: Header, plan: Plan) -> None:
        super().__init__(path, header)
        self.plan = replace(plan, chunks=self.chunks)

    @classmethod
    @contextmanager
    def begin(cls, path: Path, plan: Plan) -> Generator[Writer]:
        """Create the store of a plan, or open the one that is there if it is of the same study."""
        if not path.exists() and rank() == 0:
            create(path, plan)
        wait_for_all("the store is there")
        header = read_header(path)
        with _locked(path):
            refuse_other_study(path, header, plan)
            refuse_other_code(path, header.code)
            yield cls(path, header, plan)

    @classmethod
    @contextmanager
    def again(cls, path: Path) -> Generator[Writer]:
        """Open a store to go on with it."""
        header = read_header(path)
        with _locked(path):
            refuse_other_code(path, header.code)
            yield cls(path, header, plan_in(path, header))

    def write(self, chunk: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a chunk; it counts when all of it is there."""
        self.note(chunk, write_chunk(self.files, chunk, arrays))

    def note(self, chunk: int, files: Checksums) -> None:
        """Note that a chunk is written whole."""
        with explained(self.path):
            manifest.append(self.path / OWN, chunk, files, rank())

    def forget(self, chunks: Collection[int]) -> None:
        """Have chunks computed again."""
        with explained(self.path):
            manifest.forget(self.path / OWN, chunks)


def write_chunk(files: Files, chunk: int, arrays: Mapping[str, np.ndarray]) -> Checksums:
    """Write a chunk's arrays to their place; return their checksums."""
    with explained(files.path):
        return {name: files.write(name, chunk, values) for name, values in arrays.items()}


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Hold the store's lock; it is free again when this process ends, however it ends."""
    if rank() > 0:
        yield
        return
    note = path / OWN / "writer"
    lock = filelock.FileLock(path / OWN / "lock", timeout=0)
    with explained(path):
        try:
            lock.acquire()
        except filelock.Timeout:
            who = note.read_text(errors="replace") if note.exists() else "another process"
            raise VcohortError(
                f"{path} is being written by {who}. Wait until it is done, or write to another "
                "store (-o)."
            ) from None
    try:
        with explained(path):
            for left in path.rglob("*.partial"):
                left.unlink()  # Zarr's, of a chunk that a kill cut short.
            note.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        lock.release()
