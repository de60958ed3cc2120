"""Where a result comes from: versions, seeds, the command, the file's digest, the day."""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path
from typing import Any

from vcohort.results.netcdf import is_sealed

_NAMES = ("command", "vcohort_version", "jax_version", "numpy_version", "xarray_version", "device",
          "dtype", "seed", "cohort_seed", "design", "study_hash")  # fmt: skip


def provenance_of(ds: Any, source: Path | None) -> dict[str, str]:
    """Return provenance by name; of a file its digest too, and how it was verified."""
    found = {name.replace("_", " "): str(ds.attrs[name]) for name in _NAMES if name in ds.attrs}
    if source is None:
        return found
    about = {"file": source.name}
    if source.is_file():
        data = source.read_bytes()
        about["SHA-256 of the file"] = hashlib.sha256(data).hexdigest()
        about["size"] = f"{len(data):,} bytes"
        about["verified"] = (
            "the file is what vcohort wrote: its SHA-256 is the one at its end"
            if is_sealed(source)
            else "the file carries no SHA-256 of vcohort's: it could not be verified"
        )
    else:
        about["verified"] = "each chunk was held against its checksum, and against the study"
    return {**about, **found}


def today() -> str:
    """Return the day of the report."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
