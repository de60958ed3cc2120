"""Study files, read as TOML, alone or in an archive; what they mean is for ``studies.study``."""

from __future__ import annotations

import lzma
import os
import tomllib
import zipfile
import zlib
from pathlib import Path
from typing import Any

from vcohort.errors import VcohortError
from vcohort.files import open_plain, read_plain

# A study is a page of text.
_MOST_BYTES = 10 << 20

IN_ARCHIVE = "study.toml"
"""The study's place in a COMBINE archive."""


def read_fields(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the fields of a study file, or of the study in a COMBINE archive (.omex)."""
    is_archive = Path(path).suffix.lower() == ".omex"
    try:
        content = _in_archive(path) if is_archive else read_plain(path, _MOST_BYTES)
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise VcohortError(f"There is no study file {path}.") from None
    except OSError as error:
        raise VcohortError(f"Cannot read the study file {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise VcohortError(f"Cannot read the study file {path}: it is not text in UTF-8.") from None
    return parse_fields(text, f"The study file {path}")


def _in_archive(path: str | os.PathLike[str]) -> bytes:
    """Return the study's text in an archive; nothing else of it is looked at."""
    try:
        with os.fdopen(open_plain(path), "rb") as file, zipfile.ZipFile(file) as archive:
            if archive.namelist().count(IN_ARCHIVE) > 1:
                raise VcohortError(f"The archive {path} holds {IN_ARCHIVE} more than once.")
            content = _unpacked(archive)
    except KeyError:
        raise VcohortError(
            f"The archive {path} holds no {IN_ARCHIVE}: vcohort did not write it."
        ) from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise VcohortError(f"Cannot read the archive {path}: {error}.") from None
    if len(content) > _MOST_BYTES:
        raise VcohortError(f"{IN_ARCHIVE} in {path} has more than {_MOST_BYTES >> 20} MiB.")
    return content


def _unpacked(archive: zipfile.ZipFile) -> bytes:
    """Return the study's text, or a little more than is read of it."""
    try:
        with archive.open(IN_ARCHIVE) as study:
            return study.read(_MOST_BYTES + 1)
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise zipfile.BadZipFile(f"{IN_ARCHIVE} is damaged ({error})") from None


def parse_fields(text: str, what: str = "The study") -> dict[str, Any]:
    """Return the fields that the text of a study file says.

    ``what``: what messages call it.
    """
    try:
        fields = tomllib.loads(text)
        _check_numbers(fields)
    except RecursionError:
        raise VcohortError(f"{what} is no study: its brackets are nested too deeply.") from None
    except tomllib.TOMLDecodeError as error:
        raise VcohortError(
            f'{what} is not TOML: {error}. Texts stand in quotes: preset = "zuma1".'
        ) from None
    except ValueError:
        raise VcohortError(f"{what} holds a whole number of more than 64 bits.") from None
    return fields


def _check_numbers(part: Any) -> None:
    """Refuse whole numbers of more bits than the largest seed has."""
    if isinstance(part, dict | list):
        for each in part.values() if isinstance(part, dict) else part:
            _check_numbers(each)
    elif isinstance(part, int) and abs(part) >= 2**64:
        raise ValueError(part.bit_length())
