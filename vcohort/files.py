"""Files are read and written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xarray as xr

from vcohort.errors import VcohortError
from vcohort.schema import validate

# NetCDF reports a failing disk as RuntimeError, a missing file as OSError; a name in bytes is none.
_FILE_ERRORS = (OSError, RuntimeError, UnicodeError)

# What follows the end of an HDF5 file is passed over by those who read it.
_SEAL = b"\nvcohort sha256 "
_SEALED = len(_SEAL) + 2 * hashlib.sha256().digest_size

# Where HDF5's superblock says how long the file is, by its version.
_HDF5, _LENGTH_AT = b"\x89HDF\r\n\x1a\n", {0: 40, 1: 44, 2: 28, 3: 28}


def open_plain(path: str | os.PathLike[str], most_bytes: int = 1 << 40) -> int:
    """Return a descriptor for reading a plain file.

    :raises OSError: also for what is no plain file (a FIFO would be waited for for ever), and for a
        file of more than ``most_bytes``.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    about = os.fstat(descriptor)
    if stat.S_ISREG(about.st_mode) and about.st_size <= most_bytes:
        return descriptor
    os.close(descriptor)
    if stat.S_ISREG(about.st_mode):
        raise OSError(errno.EFBIG, f"it has more than {most_bytes >> 20} MiB", str(path))
    what = "a folder" if stat.S_ISDIR(about.st_mode) else "a device or a pipe, no plain file"
    raise OSError(errno.EINVAL, f"it is {what}", str(path))


def read_plain(path: str | os.PathLike[str], most_bytes: int = 1 << 40) -> bytes:
    """Return what a plain file holds; see :func:`open_plain`."""
    with os.fdopen(open_plain(path, most_bytes), "rb") as file:
        return file.read()


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Refuse, before any work, a path that cannot be written; return it without symbolic links."""
    target = _resolved(path)
    folder = target.parent
    if target.is_dir():
        raise VcohortError(f"Cannot write {path}: it is a folder. Give a file name in it.")
    if target.is_symlink():
        raise VcohortError(f"Cannot write {path}: its links go in a circle. Give another name.")
    if target.exists() and not target.is_file():
        raise VcohortError(
            f"Cannot write {path}: it is a device or a pipe, no plain file. Give another name."
        )
    if not folder.is_dir():
        named = folder if Path(path).is_symlink() else Path(path).parent
        raise VcohortError(
            f"Cannot write {path}: there is no folder {named}. Create it: mkdir -p {named}"
        )
    if not os.access(folder, os.W_OK) or (target.exists() and not os.access(target, os.W_OK)):
        raise VcohortError(
            f"Cannot write {path}: no permission. Choose another folder with -o, or change its "
            "permissions."
        )
    return target


def _resolved(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise VcohortError(f"Cannot write {str(path)!r}: {error}. Give another name.") from None


def check_saveable(path: str | os.PathLike[str]) -> Path:
    """Refuse, before any work, a path that :func:`save` cannot write: NetCDF takes text alone."""
    target = check_writable(path)
    try:
        str(target.absolute()).encode()
    except UnicodeEncodeError:
        raise VcohortError(
            f"Cannot write {target}: its name is not text in UTF-8, as NetCDF needs it. Choose "
            "another name, or another folder."
        ) from None
    return target


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Generator[Path]:
    """Yield a temporary path beside ``path`` that takes its place if all goes well."""
    target = check_writable(path)
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent
        )
    except OSError as error:
        raise _cannot_write(path, error) from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~umask())
        temporary.replace(target)
    except _FILE_ERRORS as error:
        raise _cannot_write(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def save(ds: xr.Dataset | xr.DataTree, path: str | os.PathLike[str]) -> Path:
    """Write a dataset to a NetCDF file; it appears under its name only when it is whole.

    Each variable carries checksums, and the file ends with its SHA-256.
    """
    check_saveable(path)
    with replacing(path) as temporary:
        if isinstance(ds, xr.DataTree):
            groups = {each.path: each.to_dataset(inherit=False) for each in ds.subtree}
            checksums = {name: _checksums(group) for name, group in groups.items()}
            ds.to_netcdf(temporary, engine="netcdf4", encoding=checksums)
        else:
            ds.to_netcdf(temporary, engine="netcdf4", encoding=_checksums(ds))
        seal = _SEAL + _sha256(temporary).encode()
        with temporary.open("ab") as file:
            file.write(seal)
    return Path(path)


def _checksums(ds: xr.Dataset) -> Mapping[Any, Mapping[str, Any]]:
    return {name: {"fletcher32": True} for name in ds.variables}


def load(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a dataset that :func:`save` wrote into memory, and check it against the schema.

    The file's SHA-256 is looked at first; a file that others wrote has none, and is read too.
    """
    if "://" in str(path):
        raise VcohortError(f"{path} is an address, and only files are read. Download it first.")
    try:
        _check_seal(Path(path))
        with xr.open_dataset(Path(path).resolve(), engine="netcdf4", decode_times=False) as ds:
            return validate(ds.load())
    except VcohortError as error:
        raise VcohortError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise VcohortError(f"There is no file {path}.") from None
    except Exception as error:  # A damaged file fails in as many ways as NetCDF's libraries have.
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise VcohortError(f"Cannot read {path}: {reason}. Is it a NetCDF file?") from None


def _check_seal(path: Path) -> None:
    """Refuse a file whose SHA-256 is not the one at its end, or that has something else there."""
    with os.fdopen(open_plain(path), "rb") as file:
        head, size = file.read(64), file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _SEALED))
        end = file.read()
    if end.startswith(_SEAL):
        is_whole = end[len(_SEAL) :] == _sha256(path, size - _SEALED).encode()
    else:
        is_whole = size <= _hdf5_length(head, size)
    if not is_whole:
        raise VcohortError("it is damaged: it is not what was written. Restore it from a copy.")


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


def _cannot_write(path: str | os.PathLike[str], error: Exception) -> VcohortError:
    reason = getattr(error, "strerror", None) or str(error)
    return VcohortError(
        f"Could not write {path}: {reason}. Is the disk full? Nothing was left behind; free some "
        "space or choose another folder."
    )


def umask() -> int:
    """Return which permissions new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
