"""Files of separated values, as laboratories, spreadsheets and programs write them."""

from __future__ import annotations

import codecs
import csv
import io
import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from vcohort.errors import VcohortError, VcohortWarning

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}


class Lines(NamedTuple):
    """A file's header and its rows of texts, with the number of each row's line.

    ``separator`` parts the fields. ``blank``: the numbers of the lines that say nothing.
    """

    header: list[str]
    rows: list[list[str]]
    numbers: list[int]
    separator: str
    blank: list[int]

    @property
    def uneven(self) -> list[int]:
        """The rows that have not as many fields as the header, by index."""
        return [row for row, cells in enumerate(self.rows) if len(cells) != len(self.header)]


def read_lines(path: str | os.PathLike[str]) -> Lines:
    """Return the rows of a file, in UTF-8 or UTF-16, parted by commas, semicolons or tabs.

    Lines that begin with ``#`` are comments before the header, and rows after it. A first line
    such as ``sep=;`` names what parts the fields. Blank lines between rows are told.

    :raises VcohortError: for what is no such file, an open quote, a row that has more or fewer
        fields than the header, fields that may be parted in two ways.
    """
    text = _text(path)
    told = text.partition("\n")[0].strip().strip('"')
    named = told[4:] if told.lower().startswith("sep=") and len(told) == 5 else ""
    before, header, text = _from_header(text, 1 if named else 0)
    separators = [named] if named else [each for each in _SEPARATORS if each in header] or [","]
    lines = _parted(path, text, separators, before)
    _refuse_uneven(path, lines)
    if lines.blank:
        shown = ", ".join(map(str, lines.blank[:5])) + (", …" if len(lines.blank) > 5 else "")
        warnings.warn(f"{path}: passed over as blank: line {shown}.", VcohortWarning, stacklevel=4)
    return lines


def _text(path: str | os.PathLike[str]) -> str:
    try:
        content = Path(path).read_bytes()
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except FileNotFoundError:
        raise VcohortError(f"There is no file {path}.") from None
    except UnicodeDecodeError:
        text = "\0"
    except (OSError, ValueError) as error:
        raise VcohortError(f"Cannot read {path}: {error}.") from None
    if "\0" in text:
        raise VcohortError(f"{path} is no text in UTF-8. Save it as CSV in UTF-8.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _from_header(text: str, skipped: int) -> tuple[int, str, str]:
    """Return how many lines come before the header, the header without quotes, and the rest.

    Comments are cut off as lines: what they quote is nobody's field.
    """
    lines = text.split("\n")
    while skipped < len(lines) and lines[skipped].strip().strip('"')[:1] in {"", "#"}:
        skipped += 1
    header = "".join(lines[skipped].split('"')[::2]) if skipped < len(lines) else ""
    return skipped, header, "\n".join(lines[skipped:])


def _parted(path: str | os.PathLike[str], text: str, separators: list[str], before: int) -> Lines:
    """Return the rows as one of the separators parts them: the only one that does so evenly."""
    tried: list[Lines] = []
    failed: list[str] = []
    for each in separators:
        reader = csv.reader(io.StringIO(text), delimiter=each, skipinitialspace=True, strict=True)
        try:
            tried.append(_read(reader, each, before))
        except csv.Error as error:
            failed.append(f"line {reader.line_num + before}: {error}")
    even = [lines for lines in tried if not lines.uneven]
    if len(separators) > 1 and len(even) != 1:
        names = " and ".join(_SEPARATORS[each] for each in separators)
        raise VcohortError(
            f"{path}: the header holds {names}, and it is not plain which of them part the fields. "
            "Save it with one of them, and texts that hold another in quotes."
        )
    if not tried:
        raise VcohortError(f"Cannot read {path}, {failed[0]}. Is a quote left open?")
    return even[0] if even else tried[0]


def _read(reader: Any, separator: str, before: int) -> Lines:
    found: list[tuple[int, list[str]]] = []
    blank: list[int] = []
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells):
            found.append((reader.line_num + before, cells))
        else:
            blank.append(reader.line_num + before)
    (_, header), *rows = found or [(0, [])]
    numbers = [number for number, _ in rows]
    inside = [number for number in blank if numbers and number < numbers[-1]]
    return Lines(header, [cells for _, cells in rows], numbers, separator, inside)


def _refuse_uneven(path: str | os.PathLike[str], lines: Lines) -> None:
    for row in lines.uneven[:1]:
        cells = lines.rows[row]
        raise VcohortError(
            f"{path}, line {lines.numbers[row]}: it must have {len(lines.header)} fields, as the "
            f"header, not {len(cells)}: {lines.separator.join(cells)!r}."
        )
    for number, cells in zip(lines.numbers, lines.rows, strict=True):
        if any("\n" in cell for cell in cells):
            raise VcohortError(
                f"{path}, line {number}: a field goes over several lines. Is a quote left open?"
            )
