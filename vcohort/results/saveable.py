"""Where a dataset can be written: asked before any work."""

from __future__ import annotations

import os
from pathlib import Path

from vcohort.errors import VcohortError
from vcohort.files import check_writable


def check_saveable(path: str | os.PathLike[str], *, overwrite: bool = True) -> Path:
    """Refuse, before any work, a path that ``save`` cannot write: NetCDF takes text alone."""
    target = check_writable(path, overwrite=overwrite)
    try:
        str(target.absolute()).encode()
    except UnicodeEncodeError:
        raise VcohortError(
            f"Cannot write {target}: its name is not text in UTF-8, as NetCDF needs it. Choose "
            "another name, or another folder."
        ) from None
    return target
