"""Datasets as files of rows: CSV, Parquet, Arrow; a block of rows in memory at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import xarray as xr

from vcohort.exchange.rows import ARROW, CSV, PARQUET, check_rows, pyarrow
from vcohort.files import replacing
from vcohort.results.tidy import blocks_of, rows_of, table_of

if TYPE_CHECKING:
    import pandas as pd

Write: TypeAlias = "Callable[[pd.DataFrame], Any]"

ENDINGS = (CSV, PARQUET, ARROW)


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
    is_csv = check_rows(path, *ENDINGS, overwrite=overwrite) == CSV
    chosen = table_of(ds)
    rows = rows_of(chosen, over)
    opened = _csv if is_csv else _arrow
    blocks = blocks_of(chosen, rows)
    first = next(blocks)
    with (
        replacing(path, overwrite=overwrite) as temporary,
        opened(temporary, chosen, first) as write,
    ):
        for block in chain([first], blocks):
            write(block)
    return Path(path)


@contextmanager
def _csv(path: Path, ds: xr.Dataset, first: pd.DataFrame) -> Generator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:

        def write(block: pd.DataFrame) -> None:
            block.to_csv(file, index=False, header=block is first)

        yield write


@contextmanager
def _arrow(path: Path, ds: xr.Dataset, first: pd.DataFrame) -> Generator[Write]:
    """Write blocks as Parquet or as Arrow's IPC format, by the file's name."""
    arrow, schema = pyarrow(), _schema(first, ds)
    is_parquet = path.suffix.lower() == PARQUET
    kind = arrow.parquet.ParquetWriter if is_parquet else arrow.ipc.new_file

    with kind(str(path), schema) as writer:

        def write(block: pd.DataFrame) -> None:
            columns = [arrow.array(block[field.name], field.type, from_pandas=True)
                       for field in schema]  # fmt: skip
            writer.write_table(arrow.table(columns, schema=schema))

        yield write


def _schema(block: pd.DataFrame, ds: xr.Dataset) -> Any:
    arrow, fields = pyarrow(), []
    for name in map(str, block.columns):
        kind = block[name].dtype
        of_arrow = arrow.string() if kind.kind == "O" else arrow.from_numpy_dtype(kind)
        about = {key: str(ds[name].attrs[key]) for key in ("units", "long_name")
                 if key in ds[name].attrs}  # fmt: skip
        fields.append(arrow.field(name, of_arrow, metadata=about))
    attrs = {key: each.tolist() if isinstance(each, np.ndarray | np.generic) else each
             for key, each in ds.attrs.items()}  # fmt: skip
    # The second as pandas keeps the attributes of a table.
    told = {"vcohort": json.dumps(attrs, default=str), "PANDAS_ATTRS": json.dumps(block.attrs)}
    return arrow.schema(fields, metadata=told)
