"""Files are read and written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from vcohort.errors import VcohortError

# NetCDF reports a failing disk as RuntimeError, a missing file as OSError; a name in bytes is none.
_FILE_ERRORS = (OSError, RuntimeError, UnicodeError)


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


def read_given(path: str | os.PathLike[str], most_bytes: int) -> bytes:
    """Return what a file that a user names holds.

    :raises VcohortError: for what cannot be read, and what is no path.
    """
    try:
        return read_plain(path, most_bytes)
    except OSError as error:
        raise VcohortError(f"Cannot read {path}: {error.strerror or error}.") from None
    except (TypeError, ValueError) as error:
        raise VcohortError(f"Cannot read {str(path)!r}: {error}.") from None


def check_writable(path: str | os.PathLike[str], *, overwrite: bool = True) -> Path:
    """Refuse, before any work, a path that cannot be written; return it without symbolic links.

    ``overwrite``: a file that is there already may be replaced.
    """
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
    if target.exists() and not overwrite:
        raise _is_there(path)
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
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise VcohortError(f"Cannot write {str(path)!r}: {error}. Give another name.") from None


@contextmanager
def replacing(path: str | os.PathLike[str], *, overwrite: bool = True) -> Generator[Path]:
    """Yield a temporary path beside ``path`` that takes its place if all goes well.

    ``overwrite``: a file that is there already, or has come meanwhile, is replaced.
    """
    target = check_writable(path, overwrite=overwrite)
    # The name is known before there is a file, which then goes whenever this is interrupted.
    temporary = target.with_name(f".{target.stem}.{secrets.token_hex(6)}{target.suffix}")
    try:
        with temporary.open("xb"):
            pass
        yield temporary
        temporary.chmod(0o666 & ~umask())
        _put(temporary, target, overwrite)
    except FileExistsError:
        raise _is_there(path) from None
    except _FILE_ERRORS as error:
        raise _cannot_write(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: str | os.PathLike[str]) -> Generator[Path]:
    """Yield an empty folder beside ``path`` that takes its name if all goes well."""
    target = check_writable(path)
    try:
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise _cannot_write(path, error) from None
    try:
        yield made
        made.chmod(0o777 & ~umask())
        made.rename(target)
    except OSError as error:
        raise _cannot_write(path, error) from None
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _put(temporary: Path, target: Path, overwrite: bool) -> None:
    """Give the file its name; where nothing may be replaced, by a link, which never does."""
    if not overwrite:
        try:
            target.hardlink_to(temporary)
        except FileExistsError:
            raise
        except OSError:  # A file system without links.
            if target.exists():
                raise FileExistsError from None
        else:
            return
    temporary.replace(target)


def _is_there(path: str | os.PathLike[str]) -> VcohortError:
    return VcohortError(f"{path} is there already. Give another name, or replace it: --force.")


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
