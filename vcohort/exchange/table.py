"""Datasets as files of rows: CSV, Parquet, Arrow; a block of rows in memory at a time."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError
from vcohort.exchange.rows import check_suffix
from vcohort.files import check_writable, replacing
from vcohort.results.kinds import of_its_kind
from vcohort.results.tidy import blocks_of, rows_of

if TYPE_CHECKING:
    import pandas as pd

Write: TypeAlias = "Callable[[pd.DataFrame], Any]"

TABLES = (".csv", ".parquet", ".arrow")


def save_table(
    ds: xr.Dataset | xr.DataTree,
    path: str | os.PathLike[str],
    over: Sequence[str] | None = None,
    *,
    overwrite: bool = True,
) -> Path:
    """Write the table that :func:`to_dataframe` returns, as CSV, Parquet or Arrow.

    By what the name ends in: ``.csv``, ``.parquet`` or ``.arrow`` (Arrow's IPC
    format); the last two need ``pip install "vcohort[parquet]"``. Rows are made and written a
    block at a time, of Parquet a row group, so that beside the dataset no table is in memory.
    Columns of Parquet and Arrow keep ``units`` and ``long_name`` as metadata of their fields, and
    the file the dataset's attributes, as JSON under ``vcohort``.

    :param over: dimensions of a row, as of :func:`to_dataframe`.
    :param overwrite: replace a file that is there already.
    :return: the path; the file is there whole or not at all.
    :raises VcohortError: for names that say no such format, dimensions that the dataset lacks, and
        without pyarrow.
    """
    check_table(path, overwrite=overwrite)
    chosen = of_its_kind(ds)
    rows = rows_of(chosen, over)
    opened = _csv if check_suffix(path, *TABLES) == ".csv" else _arrow
    with replacing(path, overwrite=overwrite) as temporary, opened(temporary, chosen) as write:
        for block in blocks_of(chosen, rows):
            write(block)
    return Path(path)


def check_table(path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
    """Refuse, before any work, a table that cannot be written."""
    check_writable(path, overwrite=overwrite)
    if check_suffix(path, *TABLES) != ".csv":
        _pyarrow(path)


@contextmanager
def _csv(path: Path, ds: xr.Dataset) -> Generator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:

        def write(block: pd.DataFrame) -> None:
            block.to_csv(file, index=False, header=not file.tell())

        yield write


@contextmanager
def _arrow(path: Path, ds: xr.Dataset) -> Generator[Write]:
    """Write blocks as Parquet or as Arrow's IPC format, by the file's name."""
    pyarrow = _pyarrow(path)
    is_parquet = path.suffix.lower() == ".parquet"
    writer: Any = None

    def write(block: pd.DataFrame) -> None:
        nonlocal writer
        if writer is None:
            schema = _schema(pyarrow, block, ds)
            kind = pyarrow.parquet.ParquetWriter if is_parquet else pyarrow.ipc.new_file
            writer = kind(str(path), schema)
        columns = [pyarrow.array(block[field.name], field.type, from_pandas=True)
                   for field in writer.schema]  # fmt: skip
        writer.write_table(pyarrow.table(columns, schema=writer.schema))

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


def _schema(pyarrow: Any, block: pd.DataFrame, ds: xr.Dataset) -> Any:
    fields = []
    for name in map(str, block.columns):
        kind = block[name].dtype
        is_text = kind.kind == "O"
        of_arrow = pyarrow.string() if is_text else pyarrow.from_numpy_dtype(kind)
        told = {key: str(ds[name].attrs[key]) for key in ("units", "long_name")
                if key in ds[name].attrs}  # fmt: skip
        fields.append(pyarrow.field(name, of_arrow, metadata=told))
    attrs = {key: each.tolist() if isinstance(each, np.ndarray | np.generic) else each
             for key, each in ds.attrs.items()}  # fmt: skip
    # As pandas keeps the attributes of a table.
    told = {"vcohort": json.dumps(attrs, default=str), "PANDAS_ATTRS": json.dumps(block.attrs)}
    return pyarrow.schema(fields, metadata=told)


def _pyarrow(path: str | os.PathLike[str]) -> Any:
    try:
        found = importlib.import_module("pyarrow")
        for each in ("parquet", "ipc"):
            importlib.import_module(f"pyarrow.{each}")
    except ImportError:
        raise VcohortError(
            f"Cannot write {path}: Parquet and Arrow need pyarrow. Type: "
            'pip install "vcohort[parquet]", or give a name that ends in .csv.'
        ) from None
    return found
