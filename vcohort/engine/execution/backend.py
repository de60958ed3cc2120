"""How programs are run on a device: as a loop over steps, or whole in one kernel of a GPU."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import jax

from vcohort.engine.compiling.platform import platform
from vcohort.errors import VcohortError, one_of

SCAN, FUSED = "scan", "fused"

VARIABLE = "VCOHORT_BACKEND"
"""The variable of the environment that asks for one of them."""

# The oldest generation of NVIDIA's GPUs that Triton compiles for.
_OLDEST = 8


def asked() -> str | None:
    """Return the backend that the user asks for; None leaves it to the device.

    :raises VcohortError: for another word.
    """
    told = os.environ.get(VARIABLE, "")
    if told in ("", "auto"):
        return None
    return one_of(VARIABLE, told, (SCAN, FUSED, "auto"))


def has_kernels() -> bool:
    """Return whether fused programs are compiled for this kind of device, and not interpreted."""
    if platform() != "gpu" or find_spec("jax.experimental.pallas.triton") is None:
        return False
    device: Any = jax.local_devices()[0]
    # Another kind of device may be compiled for than there is; other makers' have other names.
    generation = str(getattr(device, "compute_capability", "9.0")).split(".")[0]
    return generation.isdigit() and int(generation) >= _OLDEST


def refuse(why: str) -> VcohortError:
    """Return the error of a program that cannot be fused though it was asked for."""
    return VcohortError(
        f"{VARIABLE}=fused runs a program in one kernel, and this one holds {why}, which no kernel "
        f"can do. Leave {VARIABLE} out: then it is run as a loop."
    )
