"""Libraries that are extras: imported when they are asked for."""

from __future__ import annotations

import importlib
from typing import Any

from vcohort.errors import VcohortError


def extra(module: str, needed_for: str, what: str = "This") -> Any:
    """Return a module of a library; say how to install it where it is not there.

    ``needed_for``: the extra that installs it; ``what`` needs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        is_there = not isinstance(error, ModuleNotFoundError)
        why = f"cannot be imported ({error})" if is_there else "is not installed"
        raise VcohortError(
            f"{what} needs {module.partition('.')[0]}, which {why}. "
            f'Type: pip install "vcohort[{needed_for}]"'
        ) from None
