"""Whatever is in a file, a store or a study's folder, as sections of one page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import vcohort as vc
from vcohort.cli.commands.shared import lacks_of_store
from vcohort.cli.outputs import DATASET
from vcohort.cli.report.dataset import dataset_section
from vcohort.cli.report.section import Section
from vcohort.cli.report.sweep import sweep_section
from vcohort.errors import VcohortError
from vcohort.results.kinds import kind_of
from vcohort.sweeps.api import open_whole
from vcohort.sweeps.compute.variables import missing_note

# What marks a Zarr store.
_STORE = "zarr.json"


class Read(NamedTuple):
    """A section, what it holds, what is lacking, and whether something is damaged."""

    section: Section
    dataset: object
    notes: list[str]
    is_damaged: bool = False


def is_store(path: Path) -> bool:
    """Whether a path is a Zarr store."""
    return (path / _STORE).exists()


def read(path: Path, anchor: str = "result") -> Read:
    """Return the section of a file or a store, each verified first.

    Of a store, what is missing or damaged is left out, and told of.

    :raises VcohortError: for a file that is damaged, and for a kind that nothing is known of.
    """
    if is_store(path):
        ds, found = open_whole(path)
        lost = missing_note(ds)
        notes = [*lacks_of_store(path, found), *([lost] if lost else [])]
        section = sweep_section(ds, path, notes, anchor=anchor)
        return Read(section, ds, notes, bool(found.damaged))
    ds = vc.load(path)
    if kind_of(ds) == "sweep":
        return Read(sweep_section(ds, path, anchor=anchor), ds, [])
    return Read(dataset_section(ds, path, anchor=anchor), ds, [])


def read_folder(folder: Path) -> tuple[list[Read], dict[str, str]]:
    """Return the sections of all that vcohort wrote into a folder, and why the rest is left out.

    :raises VcohortError: for a folder with nothing of it.
    """
    found: list[Read] = []
    left_out: dict[str, str] = {}
    for path in _candidates(folder):
        try:
            found.append(read(path, anchor=f"result-{len(found) + 1}"))
        except VcohortError as error:
            left_out[path.name] = str(error)
    if not found:
        why = "".join(f" {name}: {text}" for name, text in left_out.items())
        raise VcohortError(f"There is nothing in {folder} that vcohort wrote.{why}")
    return found, left_out


def _candidates(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if is_store(path) or (path.is_file() and path.suffix.lower() in DATASET):
            yield path
