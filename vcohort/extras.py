"""Libraries of formats, which are extras: imported when they are asked for."""

from __future__ import annotations

import importlib
from typing import Any

from vcohort.errors import VcohortError


def extra(name: str, needed_for: str) -> Any:
    """Return a library; say how to install it where it is not there.

    ``needed_for``: the extra that installs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise VcohortError(
            f'This needs {name}, which is not installed. Type: pip install "vcohort[{needed_for}]"'
        ) from None
