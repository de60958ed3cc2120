"""The numbers of a store, read when they are used: what is not as it was noted is never taken."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray, BackendEntrypoint
from xarray.core import indexing

from vcohort.errors import VcohortError
from vcohort.files import read_plain
from vcohort.sweeps.design.chunks import Chunks
from vcohort.sweeps.store.manifest import Checksums
from vcohort.sweeps.store.packed import checksum, packed, unpacked
from vcohort.sweeps.store.template import Blank
from vcohort.sweeps.store.trouble import unreadable


class DamageError(Exception):
    """What is wrong with a file of a chunk."""


@dataclass(frozen=True)
class Files:
    """The files of a store's numbers: one per variable and chunk."""

    path: Path
    study: str
    chunks: Chunks
    blanks: dict[str, Blank]

    def of(self, name: str, chunk: int) -> str:
        """Return where the numbers of a variable are."""
        place = [int(at) for at in np.unravel_index(chunk, self.chunks.grid)]
        beside = [0] * (len(self.blanks[name].shape) - len(place))
        return "/".join(map(str, [self.path, name, "c", *place, *beside]))

    def write(self, name: str, chunk: int, values: np.ndarray) -> str:
        """Write the numbers of a variable, whole or not at all; return their checksum."""
        blank, target = self.blanks[name], Path(self.of(name, chunk))
        full = np.full(blank.chunk, blank.fill, blank.dtype)
        full[tuple(slice(size) for size in values.shape)] = values
        data = packed(full)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{target.name}.{os.getpid()}.partial")
        temporary.write_bytes(data)
        temporary.replace(target)
        return checksum(data, self.study, name, chunk)

    def read(self, name: str, chunk: int, noted: str) -> np.ndarray:
        """Return the numbers (…, …) of a variable in a chunk, filled up at the sweep's ends.

        :raises DamageError: where they are not those that were noted.
        :raises VcohortError: where they cannot be read.
        """
        data = self.check(name, chunk, noted)
        try:
            return unpacked(data, self.blanks[name].chunk, self.blanks[name].dtype)
        except (ValueError, RuntimeError) as error:
            raise DamageError(f"{name} is not understood ({error})") from None

    def check(self, name: str, chunk: int, noted: str) -> bytes:
        """Return the bytes of a file; see :meth:`read`."""
        file = Path(self.of(name, chunk))
        try:
            data = read_plain(file)
        except (FileNotFoundError, NotADirectoryError):
            raise DamageError(f"the file of {name} is gone") from None
        except OSError as error:
            raise unreadable(file, error) from None
        if checksum(data, self.study, name, chunk) != noted:
            raise DamageError(f"{name} is not what was written")
        return data

    def without(self, chunks: Iterable[int]) -> list[int]:
        """Return those of the chunks of which a file is gone."""
        there = {name: self._there(name) for name in self.blanks}
        return [
            chunk for chunk in chunks
            if any(self.of(name, chunk) not in there[name] for name in self.blanks)
        ]  # fmt: skip

    def _there(self, name: str) -> set[str]:
        def fail(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise unreadable(Path(error.filename), error)

        folders = os.walk(self.path / name, onerror=fail)
        return {f"{folder}/{file}" for folder, _, files in folders for file in files}


class Numbers(BackendArray):
    """A variable of a store as xarray reads it. A chunk that is not noted is empty."""

    def __init__(self, files: Files, name: str, notes: dict[int, Checksums]) -> None:
        self.shape, self.dtype = files.blanks[name].shape, files.blanks[name].dtype
        self._files, self._name, self._notes = files, name, notes

    def __getitem__(self, key: Any) -> Any:
        outer = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, outer, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        """Return numbers by one index, slice or array of indices a dimension."""
        blank = self._files.blanks[self._name]
        wanted = [np.atleast_1d(np.arange(size)[part])
                  for size, part in zip(self.shape, key, strict=True)]  # fmt: skip
        places = [at // part for at, part in zip(wanted, blank.chunk, strict=True)]
        found = np.full([at.size for at in wanted], blank.fill, self.dtype)
        for place in product(*(np.unique(each) for each in places)):
            values = self._chunk(place)
            rows = [np.flatnonzero(each == at) for each, at in zip(places, place, strict=True)]
            inside = [at[row] - first * part for at, row, first, part
                      in zip(wanted, rows, place, blank.chunk, strict=True)]  # fmt: skip
            found[np.ix_(*rows)] = values[np.ix_(*inside)]
        return found[tuple(0 if isinstance(part, int | np.integer) else slice(None)
                           for part in key)]  # fmt: skip

    def _chunk(self, place: tuple[Any, ...]) -> np.ndarray:
        files, grid = self._files, self._files.chunks.grid
        chunk = int(np.ravel_multi_index(place[: len(grid)], grid))
        if chunk not in self._notes:
            blank = files.blanks[self._name]
            return np.full(blank.chunk, blank.fill, self.dtype)
        try:
            return files.read(self._name, chunk, self._notes[chunk][self._name])
        except DamageError as error:
            raise VcohortError(
                f"{files.path} is damaged: in chunk {chunk}, {error}. Compute it again: "
                f"vcohort resume {files.path} --repair"
            ) from None


class Backend(BackendEntrypoint):
    """Hands a dataset to xarray, which reads its numbers when they are used, and keeps them."""

    def open_dataset(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, filename_or_obj: Any, *, drop_variables: Any = None
    ) -> xr.Dataset:
        """Return the dataset."""
        return filename_or_obj
