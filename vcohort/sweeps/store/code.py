"""Which code computes a store: chunks of two versions would not be of one piece."""

from __future__ import annotations

import hashlib
import warnings
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from vcohort.errors import VcohortError, VcohortWarning
from vcohort.simulation.dataset import provenance

# The rooms that compute; pictures, commands and analyses may change under a store.
_ROOMS = (
    "engine", "endpoints", "models", "populations", "regimens", "results", "simulation", "sweeps"
)  # fmt: skip


class Code(BaseModel):
    """Version and digest of this package, version of jax, device."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    vcohort: str
    digest: str
    jax: str
    device: str

    @classmethod
    def here(cls) -> Code:
        """Return what computes in this process."""
        about = provenance()
        return cls(
            vcohort=about["vcohort_version"], digest=code_digest(),
            jax=about["jax_version"], device=about["device"],
        )  # fmt: skip


def refuse_other_code(path: Path, there: Code) -> None:
    """Refuse other code than the store was begun with; warn where rounding may differ."""
    here = Code.here()
    if there.digest != here.digest:
        raise VcohortError(
            f"{path} was begun by vcohort {there.vcohort} (code {there.digest[:8]}), this is "
            f"{here.vcohort} (code {here.digest[:8]}): its chunks would not be of one piece. "
            "Go on with that version, or begin anew in another store."
        )
    parts = (("jax", there.jax, here.jax), ("device", there.device, here.device))
    other = [f"{name} {one} there, {two} here" for name, one, two in parts if one != two]
    if other:
        warnings.warn(
            f"{path} was begun elsewhere ({', '.join(other)}): new chunks will agree with the "
            "others to rounding, not to the bit.",
            VcohortWarning,
            stacklevel=4,
        )


@cache
def code_digest() -> str:
    """Return the digest of the code that decides on a sweep's numbers."""
    root = Path(__file__).parents[2]
    files = [*root.glob("*.py"), *(file for room in _ROOMS for file in (root / room).rglob("*.py"))]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(root)}:".encode() + file.read_bytes())
    return digest.hexdigest()
