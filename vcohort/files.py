"""Files are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import xarray as xr

from vcohort.errors import VcohortError
from vcohort.schema import validate

# NetCDF reports a failing disk as RuntimeError, a missing file as OSError; a name in bytes is none.
_FILE_ERRORS = (OSError, RuntimeError, UnicodeError)


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Refuse, before any work, a path that cannot be written."""
    target = Path(path)
    folder = target.parent
    if target.is_dir():
        raise VcohortError(f"Cannot write {target}: it is a folder. Give a file name in it.")
    if not folder.is_dir():
        raise VcohortError(
            f"Cannot write {target}: there is no folder {folder}. Create it: mkdir -p {folder}"
        )
    if not os.access(folder, os.W_OK) or (target.exists() and not os.access(target, os.W_OK)):
        raise VcohortError(
            f"Cannot write {target}: no permission. Choose another folder with -o, or change its "
            "permissions."
        )
    return target


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
        raise _cannot_write(target, error) from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~umask())
        temporary.replace(target)
    except _FILE_ERRORS as error:
        raise _cannot_write(target, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def save(ds: xr.Dataset | xr.DataTree, path: str | os.PathLike[str]) -> Path:
    """Write a dataset to a NetCDF file; it appears under its name only when it is whole."""
    with replacing(check_saveable(path)) as temporary:
        ds.to_netcdf(temporary, engine="netcdf4")
    return Path(path)


def load(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a dataset that :func:`save` wrote into memory, and check it against the schema."""
    try:
        with xr.open_dataset(path, engine="netcdf4", decode_times=False) as ds:
            return validate(ds.load())
    except VcohortError as error:
        raise VcohortError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise VcohortError(f"There is no file {path}.") from None
    except _FILE_ERRORS as error:
        raise VcohortError(f"Cannot read {path}: {error}. Is it a NetCDF file?") from None


def _cannot_write(target: Path, error: Exception) -> VcohortError:
    reason = getattr(error, "strerror", None) or str(error)
    return VcohortError(
        f"Could not write {target}: {reason}. Is the disk full? Nothing was left behind; free some "
        "space or choose another folder."
    )


def umask() -> int:
    """Return which permissions new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
