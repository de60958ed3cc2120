"""Tables as files that other programs read: CSV, and SAS' transport files (XPT, version 5)."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcohort.errors import VcohortError
from vcohort.files import check_writable, replacing

if TYPE_CHECKING:
    import pandas as pd

TRANSPORT = ".xpt"

# Of texts in version 5 of the format.
_LONGEST_TEXT = 200


def write_rows(
    table: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    missing: str = ".",
    overwrite: bool = True,
) -> Path:
    """Write a table to a CSV file, whole or not at all; ``missing`` stands for nothing."""
    check_suffix(path, ".csv")
    with replacing(path, overwrite=overwrite) as temporary:
        table.to_csv(temporary, index=False, na_rep=missing)
    return Path(path)


def check_suffix(path: str | os.PathLike[str], *known: str) -> str:
    """Return what a file's name ends in; refuse what is none of those known."""
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        raise VcohortError(
            f"Cannot write {path}: its name says no format of this table. Give it a name that ends "
            f"in {' or '.join(known)}."
        )
    return suffix


def check_rows(path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
    """Refuse, before any work, a file of CSV or of SAS that cannot be written."""
    check_writable(path, overwrite=overwrite)
    if check_suffix(path, ".csv", TRANSPORT) == TRANSPORT:
        _pyreadstat()


def write_labelled(
    table: pd.DataFrame,
    path: str | os.PathLike[str],
    name: str,
    labels: Mapping[str, str],
    *,
    overwrite: bool = True,
) -> Path:
    """Write a table to a CSV file, or to one of SAS with its name and the labels of its columns.

    :raises VcohortError: for texts that SAS cannot hold.
    """
    if check_suffix(path, ".csv", TRANSPORT) == ".csv":
        return write_rows(table, path, missing="", overwrite=overwrite)
    _refuse_texts(table)
    pyreadstat = _pyreadstat()
    with replacing(path, overwrite=overwrite) as temporary:
        pyreadstat.write_xport(
            table, str(temporary), table_name=name, file_label=name,
            column_labels=dict(labels), file_format_version=5,
        )  # fmt: skip
    return Path(path)


def _refuse_texts(table: pd.DataFrame) -> None:
    """Refuse texts that are cut or changed in a transport file."""
    for name in table.columns:
        for text in {cell for cell in table[name].tolist() if isinstance(cell, str)}:
            if not text.isascii() or len(text) > _LONGEST_TEXT:
                raise VcohortError(
                    f"{name} = {text[:40]!r} cannot stand in a transport file, whose texts have at "
                    f"most {_LONGEST_TEXT} letters of ASCII. Rename it, or write a .csv."
                )


def _pyreadstat() -> Any:
    try:
        return importlib.import_module("pyreadstat")
    except ImportError:
        raise VcohortError(
            'Transport files of SAS need pyreadstat. Type: pip install "vcohort[clinical]", or '
            "give a name that ends in .csv."
        ) from None
