"""What a compiled program launches, from the dump of XLA's compiler.

A GPU is told what to do in *thunks*: kernels, copies, loops of them. Those that lie in one command
buffer (a CUDA graph) are launched at once, and loops among them turn without the host.
"""

import re
from pathlib import Path
from typing import NamedTuple

_LINE = re.compile(r"( *)(\d+): (k\w+)")
_NAMED = re.compile(
    r'profile_annotation: "([^"]*)"\s+(?:thunk_id: (\d+)\s+)?\}\s+thunk_kind: "(k\w+)"'
)
_LAUNCHED = ("kKernel", "kCustomKernel", "kCopy", "kCustomCall", "kMemzero", "kCub")


class Thunk(NamedTuple):
    """One thunk: its number and kind, and what lies in it."""

    number: int
    kind: str
    graph: bool
    parts: list


def launches(thunks):
    """Return how many kernels and copies are launched, those of inner loops apart."""
    return sum(
        1 if thunk.kind in _LAUNCHED else 0 if thunk.kind == "kWhile" else launches(thunk.parts)
        for thunk in thunks
    )


def every(thunks):
    """Yield all thunks, those inside others too."""
    for thunk in thunks:
        yield thunk
        yield from every(thunk.parts)


def of_a_dump(folder):
    """Return the thunks that a program is made of, and the names of all by number."""
    passes = "thunk_sequence_after_thunk_passes.txt", "thunk_sequence.txt"
    text = next(found for each in passes if (found := text_of(folder, each)))
    about = text_of(folder, "thunk_metadata.txt")
    names = {int(number or 0): name for name, number, kind in _NAMED.findall(about)
             if kind != "kCommandBuffer"}  # fmt: skip
    roots, open_ones = [], []
    asking = False
    for row in text.splitlines():
        if not (line := _LINE.match(row)):
            asking = row.startswith("condition") or (asking and not row.strip().startswith("body"))
            continue
        depth = len(line[1])
        while open_ones and open_ones[-1][0] >= depth:
            open_ones.pop()
        above = open_ones[-1][1] if open_ones else None
        graph = line[3] == "kCommandBuffer" or (above is not None and above.graph)
        thunk = Thunk(int(line[2]), line[3], graph, [])
        # A loop of known length is not asked whether it goes on.
        if not asking:
            (above.parts if above else roots).append(thunk)
        open_ones.append((depth, thunk))
    return roots, names


def text_of(folder, ending):
    """Return the longest text of an ending: beside the program itself there may be small ones."""
    return max((path.read_text() for path in Path(folder).glob(f"*{ending}")), key=len, default="")
