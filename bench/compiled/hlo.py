"""What an optimized program of XLA reads and writes, from its text."""

import math
import re
from typing import NamedTuple

_SIZES = {"pred": 1, "s8": 1, "u8": 1, "f16": 2, "bf16": 2, "s32": 4, "u32": 4, "f32": 4,
          "s64": 8, "u64": 8, "f64": 8}  # fmt: skip
_TYPE = re.compile(r"(\w+)\[([\d,]*)\]")
_HEAD = re.compile(r"(ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{$")
_LINE = re.compile(r"\s+(ROOT )?%?([\w.\-]+) = (.*)$")
_CALLED = re.compile(r"(body|condition|calls|to_apply)=%?([\w.\-]+)")

# These are names for what others made: nothing is read or written.
_FREE = ("parameter", "get-tuple-element", "tuple", "constant", "bitcast", "while", "conditional")


class Instruction(NamedTuple):
    """One line: the bytes of what it makes, what it takes, what it calls."""

    name: str
    made: int
    operation: str
    operands: list[str]
    called: dict[str, str]
    trips: int | None
    is_root: bool


class Program(NamedTuple):
    """Computations by name, each a mapping of its instructions by name, in order."""

    computations: dict[str, dict[str, Instruction]]
    entry: str

    def loops(self):
        """Return all loops by name."""
        every = (line for part in self.computations.values() for line in part.values())
        return {line.name: line for line in every if line.operation == "while"}

    def moved(self, computation):
        """Return the bytes that the kernels of a computation read and write, but for inner loops.

        A kernel that takes or puts a slice of a large array moves the slice alone.
        """
        lines = self.computations[computation]
        total = 0
        for line in lines.values():
            if line.operation in _FREE:
                continue
            if line.operation == "call":
                total += self.moved(line.called["to_apply"])
            elif line.operation == "fusion":
                total += self._fused(line.called["calls"])
            else:
                total += line.made + sum(
                    lines[each].made for each in line.operands if each in lines
                )
        return total

    def _fused(self, computation):
        lines = self.computations[computation]
        read = sum(self._read(lines, line) for line in lines.values()
                   if line.operation == "parameter")  # fmt: skip
        (root,) = (line for line in lines.values() if line.is_root)
        ends = [lines[each] for each in root.operands] if root.operation == "tuple" else [root]
        return read + sum(_written(lines, line) for line in ends)

    def _read(self, lines, parameter):
        users = list(_users(lines, parameter.name))
        if users and all(user.operation == "dynamic-slice" for user, _ in users):
            return sum(user.made for user, _ in users)
        updated = (user.operation == "dynamic-update-slice" and place == 0 for user, place in users)
        return 0 if users and all(updated) else parameter.made


def _users(lines, name):
    """Yield who takes a value, and as which operand, looking through other names for it."""
    for line in lines.values():
        for place, operand in enumerate(line.operands):
            if operand != name:
                continue
            if line.operation in ("bitcast", "reshape"):
                yield from _users(lines, line.name)
            else:
                yield line, place


def _written(lines, line):
    while line.operation == "bitcast":
        line = lines[line.operands[0]]
    if line.operation == "dynamic-update-slice":
        return lines[line.operands[1]].made
    return 0 if line.operation == "parameter" else line.made


def parse(text):
    """Return a program from the text of its compiled form."""
    computations, entry, current = {}, "", {}
    for row in text.splitlines():
        if head := _HEAD.match(row):
            current = computations[head[2]] = {}
            entry = head[2] if head[1] else entry
        elif line := _LINE.match(row):
            shape, rest = _cut(line[3])
            operation = rest[: rest.index("(")]
            operands, _ = _cut(rest[len(operation) :])
            trips = re.search(r'known_trip_count":\{"n":"(\d+)"', rest)
            current[line[2]] = Instruction(
                line[2], _bytes(shape), operation, re.findall(r"%([\w.\-]+)", operands),
                dict(_CALLED.findall(rest)), int(trips[1]) if trips else None, bool(line[1]),
            )  # fmt: skip
    return Program(computations, entry)


def _bytes(shape):
    return sum(_SIZES.get(kind, 0) * math.prod(map(int, filter(None, lengths.split(","))))
               for kind, lengths in _TYPE.findall(shape))  # fmt: skip


def _cut(text):
    """Return the first word of a text, or all of its first parenthesis, and the rest."""
    if not text.startswith("("):
        word, _, rest = text.partition(" ")
        return word, rest
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[: place + 1], text[place + 1 :].strip()
    raise ValueError(text)
