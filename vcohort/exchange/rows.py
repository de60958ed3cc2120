"""Tables as files that other programs read: which there are, and CSV and SAS' transport files."""

from __future__ import annotations

import importlib
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vcohort.errors import VcohortError
from vcohort.files import check_writable, replacing

if TYPE_CHECKING:
    import pandas as pd

CSV = ".csv"
PARQUET = ".parquet"
ARROW = ".arrow"
TRANSPORT = ".xpt"

# Of texts in version 5 of transport files.
_LONGEST_TEXT = 200


class _Library(NamedTuple):
    """What writes a file; ``needs``: completes "… it", ``extra``: what brings it."""

    name: str
    needs: str
    extra: str


_PYARROW = _Library("pyarrow", "Parquet and Arrow need", "parquet")
_LIBRARIES = {
    PARQUET: _PYARROW,
    ARROW: _PYARROW,
    TRANSPORT: _Library("pyreadstat", "SAS' transport files need", "clinical"),
}


def check_rows(path: str | os.PathLike[str], *known: str, overwrite: bool = True) -> str:
    """Refuse, before any work, a table that cannot be written; return what its name ends in.

    :param known: endings of names, of which the path must have one.
    """
    ending = Path(path).suffix.lower()
    if ending not in known:
        raise VcohortError(
            f"Cannot write {path}: its name says no format of this table. Give it a name that ends "
            f"in {' or '.join(known)}."
        )
    check_writable(path, overwrite=overwrite)
    check_library(path)
    return ending


def check_library(path: str | os.PathLike[str]) -> None:
    """Refuse a file that nothing here can write."""
    needed = _LIBRARIES.get(Path(path).suffix.lower())
    if needed is not None and find_spec(needed.name) is None:
        raise VcohortError(
            f"Cannot write {path}: {needed.needs} {needed.name}. Type: pip install "
            f'"vcohort[{needed.extra}]", or give a name that ends in {CSV}.'
        )


def write_rows(
    table: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    missing: str = ".",
    overwrite: bool = True,
) -> None:
    """Write a table to a CSV file, whole or not at all; ``missing`` stands for nothing."""
    with replacing(path, overwrite=overwrite) as temporary:
        table.to_csv(temporary, index=False, na_rep=missing)


def write_labelled(
    table: pd.DataFrame, path: str | os.PathLike[str], *, overwrite: bool = True
) -> None:
    """Write a table, with the name and the labels of its attributes, as CSV or for SAS.

    :raises VcohortError: for texts that SAS cannot hold.
    """
    if check_rows(path, CSV, TRANSPORT, overwrite=overwrite) == CSV:
        write_rows(table, path, missing="", overwrite=overwrite)
        return
    _refuse_texts(table)
    with replacing(path, overwrite=overwrite) as temporary:
        _write_transport(table, str(temporary))


def _write_transport(table: pd.DataFrame, path: str) -> None:
    name, pyreadstat = table.attrs["name"], importlib.import_module("pyreadstat")
    pyreadstat.write_xport(
        table, path, table_name=name, file_label=name, column_labels=table.attrs["labels"],
        file_format_version=5,
    )  # fmt: skip
    # On a full disk nothing is said.
    found, _ = pyreadstat.read_xport(path)
    if not found.equals(table.astype(found.dtypes.to_dict())):
        raise OSError("the file is not what was written")


def _refuse_texts(table: pd.DataFrame) -> None:
    """Refuse texts that would be cut or changed."""
    for name in table.columns:
        for text in {cell for cell in table[name].tolist() if isinstance(cell, str)}:
            if not text.isascii() or len(text) > _LONGEST_TEXT or text != text.strip():
                raise VcohortError(
                    f"{name} = {text[:40]!r} cannot stand in a transport file, whose texts have at "
                    f"most {_LONGEST_TEXT} letters of ASCII, and no blanks at their ends. Rename "
                    f"it, or write a {CSV}."
                )


def pyarrow() -> Any:
    """Return pyarrow with its writers."""
    for part in ("parquet", "ipc"):
        importlib.import_module(f"pyarrow.{part}")
    return importlib.import_module("pyarrow")
