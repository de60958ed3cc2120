"""Registers and spills of kernels, by NVIDIA's own assembler."""

import re
import subprocess
from pathlib import Path

import nvidia

_ASSEMBLER = Path(next(iter(nvidia.__path__))) / "cu13" / "bin" / "ptxas"
_USED = re.compile(r"Used (\d+) registers")
_SPILLED = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")


def registers(folder, architecture):
    """Return the most registers of a thread, and all spilled bytes, of the kernels of a dump."""
    found = [_of_one(path, architecture) for path in sorted(Path(folder).glob("*.ptx"))]
    return max((used for used, _ in found), default=0), sum(spilled for _, spilled in found)


def _of_one(path, architecture):
    told = subprocess.run(
        [_ASSEMBLER, "-v", f"-arch={architecture}", path, "-o", "/dev/null"],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    used = max(map(int, _USED.findall(told)), default=0)
    return used, sum(int(each) for pair in _SPILLED.findall(told) for each in pair)
