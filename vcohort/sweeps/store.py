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
import zarr

from vcohort.errors import VcohortError
from vcohort.progress import progress_bar
from vcohort.sweeps import manifest
from vcohort.sweeps.chunks import Chunks
from vcohort.sweeps.form import (
    OWN,
    create,
    explained,
    read_header,
    refuse_other_code,
    refuse_other_study,
)
from vcohort.sweeps.plan import Plan
from vcohort.sweeps.processes import rank, wait_for_all
from vcohort.sweeps.record import chunks_of, from_record, to_record


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

    def __init__(self, path: Path, chunks: Chunks) -> None:
        self.path, self.chunks = path, chunks

    @classmethod
    def read(cls, path: Path) -> Store:
        """Open a store to look at it."""
        return cls(path, chunks_of(read_header(path)["record"]))

    def missing(self) -> list[int]:
        """Return the chunks that are not whole."""
        there = manifest.read(self.path / OWN)
        return [chunk for chunk in range(len(self.chunks)) if chunk not in there]

    def dataset(self) -> xr.Dataset:
        """Return what the store holds; values are read when they are used."""
        ds = xr.open_zarr(self.path, chunks=None, decode_times=False)
        words = {
            name: (ds[name].dims, np.array(ds[name].values.tolist()), ds[name].attrs)
            for name in ds.coords
            if ds[name].dtype.kind == "T"
        }
        return ds.assign_coords(words)

    def verify(self, progress: bool | None = None) -> Verification:
        """Read everything; see :func:`vcohort.verify`."""
        names = read_header(self.path)["variables"]
        there = manifest.read(self.path / OWN)
        group: Any = zarr.open_group(self.path, mode="r")
        damaged: dict[int, str] = {}
        with progress_bar("chunks verified", len(self.chunks), progress) as on_done:
            for chunk in range(len(self.chunks)):
                if chunk in there:
                    damaged |= _damage(group, names, chunk, self.chunks.region(chunk), there[chunk])
                on_done(1)
        missing = [chunk for chunk in range(len(self.chunks)) if chunk not in there]
        return Verification(len(self.chunks), missing, damaged)


class Writer(Store):
    """A store that this process writes to, and no other."""

    def __init__(self, path: Path, plan: Plan) -> None:
        super().__init__(path, plan.chunks)
        self.plan = plan

    @classmethod
    @contextmanager
    def begin(cls, path: Path, plan: Plan) -> Generator[Writer]:
        """Create the store of a plan, or open the one that is there if it is of the same study."""
        if not path.exists() and rank() == 0:
            create(path, plan)
        wait_for_all("the store is there")
        header = read_header(path)
        with _locked(path):
            refuse_other_study(path, header["record"], to_record(plan))
            refuse_other_code(path, header)
            yield cls(path, replace(plan, chunks=chunks_of(header["record"])))

    @classmethod
    @contextmanager
    def again(cls, path: Path) -> Generator[Writer]:
        """Open a store to go on with it."""
        header = read_header(path)
        with _locked(path):
            refuse_other_code(path, header)
            yield cls(path, from_record(header["record"]))

    def write(self, chunk: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a chunk; it counts when all of it is there."""
        self.note(chunk, write_chunk(self.path, self.chunks.region(chunk), arrays))

    def note(self, chunk: int, found: str) -> None:
        """Note that a chunk is written whole."""
        with explained(self.path):
            manifest.append(self.path / OWN, chunk, found, rank())

    def forget(self, chunks: Collection[int]) -> None:
        """Have chunks computed again."""
        with explained(self.path):
            manifest.forget(self.path / OWN, chunks)


def write_chunk(path: Path, region: tuple[slice, ...], arrays: Mapping[str, np.ndarray]) -> str:
    """Write a chunk's arrays to their place; return their checksum."""
    with explained(path):
        group: Any = zarr.open_group(path, mode="r+", use_consolidated=True)
        for name, values in arrays.items():
            group[name][region] = values
    return manifest.checksum(arrays)


def _damage(
    group: Any, names: list[str], chunk: int, region: tuple[slice, ...], written: str
) -> dict[int, str]:
    """Return the chunk with what is wrong with it, if anything is."""
    try:
        found = manifest.checksum({name: np.asarray(group[name][region]) for name in names})
    except (ValueError, RuntimeError, OSError, KeyError) as error:
        return {chunk: str(error).strip().splitlines()[0]}
    return {} if found == written else {chunk: "its numbers are not those that were written"}


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
            who = note.read_text() if note.exists() else "another process"
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
