"""What is told of a store in trouble: damage is not absence, and neither is a failure to read."""

from __future__ import annotations

from pathlib import Path

from vcohort.errors import VcohortError


def damaged(path: Path, what: str) -> VcohortError:
    """Return the error for a store whose form is damaged: nothing in it can be trusted."""
    return VcohortError(
        f"{path} is damaged: {what}. Restore it from a copy, or begin anew in another store: "
        "vcohort sweep STUDY.toml -o NEW.zarr"
    )


def unreadable(file: Path, error: OSError) -> VcohortError:
    """Return the error for a file that may be whole, but cannot be read."""
    reason = error.strerror or str(error)
    return VcohortError(
        f"Cannot read {file}: {reason}. That says nothing of what it holds; make it readable, then "
        "try again."
    )
