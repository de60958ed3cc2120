"""Datasets in NetCDF files, each with checksums and a seal at its end."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from vcohort.errors import VcohortError, VcohortWarning
from vcohort.files import open_plain, replacing
from vcohort.results.cf import with_own_units, with_udunits
from vcohort.results.holdable import check_holdable
from vcohort.results.saveable import check_saveable
from vcohort.results.schema import check_kind, validate

# What follows the end of an HDF5 file is passed over by those who read it.
_SEAL = b"\nvcohort sha256 "
_SEALED = len(_SEAL) + 2 * hashlib.sha256().digest_size

# Where HDF5's superblock says how long the file is, by its version.
_HDF5, _LENGTH_AT = b"\x89HDF\r\n\x1a\n", {0: 40, 1: 44, 2: 28, 3: 28}


def save(
    ds: xr.Dataset | xr.DataTree, path: str | os.PathLike[str], *, overwrite: bool = True
) -> Path:
    """Write a dataset to a NetCDF file; it appears under its name only when it is whole.

    Each variable carries checksums, and the file ends with its SHA-256. Units are written as
    UDUNITS has them, and are as before once loaded. What :func:`load` would refuse, or would not
    give back as it was, is refused: data of a kind that break its schema, and types that NetCDF
    lacks.

    :param overwrite: replace a file that is there already.
    :raises VcohortError: for what cannot be written, or not be read again.
    """
    check_saveable(path, overwrite=overwrite)
    groups = _groups(ds)
    for group in groups.values():
        check_holdable(group)
    with warnings.catch_warnings():
        # Who are missing is told where the dataset is made, and where it is read.
        warnings.simplefilter("ignore", VcohortWarning)
        check_kind(groups)
    with replacing(path, overwrite=overwrite) as temporary:
        _write(groups, temporary)
        seal = _SEAL + _sha256(temporary).encode()
        with temporary.open("ab") as file:
            file.write(seal)
    return Path(path)


def _groups(ds: Any) -> dict[str, xr.Dataset]:
    """Return the groups of a tree by their paths; a dataset is the one at the root."""
    if isinstance(ds, xr.DataTree):
        return {each.path: each.to_dataset(inherit=False) for each in ds.subtree}
    if isinstance(ds, xr.Dataset):
        return {"/": ds}
    if isinstance(ds, xr.DataArray):
        name = ds.name or "values"
        raise VcohortError(f"An array is saved as a dataset. Try array.to_dataset(name={name!r}).")
    raise VcohortError(f"A {type(ds).__name__} is no xarray.Dataset, which is what can be saved.")


def _write(groups: Mapping[str, xr.Dataset], path: Path) -> None:
    """Write groups with their checksums, the root first; how others encoded them is no matter."""
    for name, group in groups.items():
        plain = with_udunits(group.drop_encoding())
        encoding: dict[Any, dict[str, Any]] = {
            each: {"fletcher32": True} for each in plain.variables
        }
        # A coordinate is known everywhere, and may not have a number that stands for nothing.
        for each in plain.indexes:
            if plain[each].dtype.kind == "f":
                encoding[each] |= {"_FillValue": None}
        try:
            plain.to_netcdf(
                path, "w" if name == "/" else "a", group=name, engine="netcdf4", encoding=encoding
            )
        except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
            raise VcohortError(f"NetCDF cannot hold this dataset: {error}") from None


def load(path: str | os.PathLike[str]) -> Any:
    """Read what :func:`save` wrote into memory, and check it against the schema of its kind.

    A tree, such as of :func:`vcohort.posterior`, comes back as an ``xarray.DataTree``, all else as
    an ``xarray.Dataset``. The file's SHA-256 is looked at first; a file that others wrote has none,
    and is read too, if it holds a cohort.

    :raises VcohortError: for what is no such file, is damaged, or breaks the schema of its kind.
    """
    if "://" in str(path):
        raise VcohortError(f"{path} is an address, and only files are read. Download it first.")
    try:
        if (Path(path) / "zarr.json").exists():
            raise VcohortError(f"a store, and no file. Open it: vc.open_sweep({str(path)!r})")
        is_ours = _check_seal(Path(path))
        groups = _read(Path(path).resolve())
        if is_ours:
            check_kind(groups)
        else:
            validate(groups["/"])
    except VcohortError as error:
        raise VcohortError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise VcohortError(f"There is no file {path}.") from None
    except Exception as error:  # A damaged file fails in as many ways as NetCDF's libraries have.
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise VcohortError(f"Cannot read {path}: {reason}. Is it a NetCDF file?") from None
    return groups["/"] if len(groups) == 1 else xr.DataTree.from_dict(groups)


def _read(path: Path) -> dict[str, xr.Dataset]:
    """Return the groups of a file; texts come as numpy's, numbers of days as numbers."""
    with xr.open_datatree(path, engine="netcdf4", decode_times=False) as tree:
        found = {name: with_own_units(ds) for name, ds in _groups(tree.load()).items()}
    for ds in found.values():
        for name, variable in ds.variables.items():
            if variable.dtype.kind == "O":
                ds[name] = variable.astype(str)
    return found


def is_sealed(path: Path) -> bool:
    """Whether a file ends with a SHA-256 of vcohort's, which :func:`load` has held it against."""
    with os.fdopen(open_plain(path), "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _SEALED))
        return file.read().startswith(_SEAL)


def _check_seal(path: Path) -> bool:
    """Refuse a file whose SHA-256 is not the one at its end, or that has something else there.

    Return whether there is one.
    """
    with os.fdopen(open_plain(path), "rb") as file:
        head, size = file.read(64), file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _SEALED))
        end = file.read()
    has_seal = end.startswith(_SEAL)
    if has_seal:
        is_whole = end[len(_SEAL) :] == _sha256(path, size - _SEALED).encode()
    else:
        is_whole = size <= _hdf5_length(head, size)
    if not is_whole:
        raise VcohortError("it is damaged: it is not what was written. Restore it from a copy.")
    return has_seal


def _hdf5_length(head: bytes, size: int) -> int:
    """Return how long a file says that it is; ``size`` where it is not HDF5."""
    at = _LENGTH_AT.get(head[len(_HDF5)]) if head.startswith(_HDF5) and len(head) > 8 else None
    return size if at is None else int.from_bytes(head[at : at + 8], "little")


def _sha256(path: Path, size: int | None = None) -> str:
    """Return the SHA-256 of a file, or of its first ``size`` bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        left = path.stat().st_size if size is None else size
        while block := file.read(min(left, 1 << 20)):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()
