"""What is said where there is no store."""

from __future__ import annotations

from pathlib import Path

from vcohort.errors import VcohortError


def absent(path: Path) -> VcohortError:
    """Return the error for a path at which there is nothing, or something else than a store."""
    what = "is no store of a sweep" if path.exists() else "does not exist"
    return VcohortError(f"{path} {what}. Begin one: vcohort sweep STUDY.toml -o NEW.zarr")


def check_there(path: Path) -> None:
    """Refuse a path at which there is nothing."""
    if not path.exists():
        raise absent(path)
