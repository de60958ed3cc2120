"""The command `archive`: a study with its model, results and report, in one file to send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.at_once import load
from vcohort.cli.console import console
from vcohort.cli.outputs import ARCHIVE, check_format, check_not_read
from vcohort.files import check_writable
from vcohort.studies.files import IN_ARCHIVE

if TYPE_CHECKING:
    from vcohort.exchange.omex.parts import Part
    from vcohort.studies.study import Study

_MODEL, _COHORT = "model.xml", "cohort.nc"


def archive(
    study: Annotated[Path, typer.Argument(help="A study file (TOML).")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="COMBINE archive to write, .omex.")
    ] = Path("study.omex"),
    force: options.Force = False,
) -> None:
    """Run a study, and put it with its model, results, report and provenance into one file.

    vcohort simulate STUDY.omex runs it again, on any machine: the same patients, the same chance.
    """
    check_not_read(output, study)
    check_format(output, ARCHIVE)
    check_writable(output, overwrite=force)
    checked = options.study_of("simulate", study, {})
    load("vcohort.exchange.omex.archive", "vcohort.cli.report.dataset")
    from vcohort.exchange.omex.archive import write_archive
    from vcohort.extras import extra

    for name in ("libsbml", "libsedml", "libcombine", "rocrate"):
        extra(name, "omex")
    ds = checked.simulate()
    with TemporaryDirectory() as folder:
        parts = list(_parts(checked, ds, Path(folder), f"vcohort simulate {output.name}"))
        about = f"A virtual cohort of {checked.patients:,} patients, by vcohort {vc.__version__}"
        write_archive(output, parts, about, overwrite=force)
    screen = console()
    for part in parts:
        screen.print(f"{part.name}: {part.about}", highlight=False)
    screen.print(f"wrote {output}", soft_wrap=True)


def _parts(study: Study, ds: Any, folder: Path, command: str) -> Iterator[Part]:
    """Write the files of an archive into a folder, and yield them; the last tells of the others."""
    from vcohort.cli.report.dataset import write_report
    from vcohort.exchange.omex.crate import provenance
    from vcohort.exchange.omex.parts import Part
    from vcohort.exchange.omex.sedml import course
    from vcohort.exchange.sbml.write import to_sbml

    def part(name: str, about: str, form: str, media: str, **kind: bool) -> Part:
        return Part(name, about, folder / name, form, media, **kind)

    patient = study.population().middle()
    texts = {
        part(IN_ARCHIVE, "the study, as a file for vcohort", "application/toml",
             "application/toml", is_given=True): study.to_toml(),
        part(_MODEL, "the patient in the middle, as equations", "sbml",
             "application/sbml+xml"): to_sbml(patient, study.regimen),
        part("course.sedml", "that patient's course to the horizon", "sedml",
             "application/xml", is_master=True):
                 course(_MODEL, study.run.horizon, patient.model.species.names),
    }  # fmt: skip
    for each, text in texts.items():
        each.path.write_text(text, encoding="utf-8")
    results = [
        part(_COHORT, "the cohort's fates, a dataset", "application/netcdf", "application/netcdf"),
        part("report.html", "a page on them", "text/html", "text/html"),
    ]
    vc.save(ds, results[0].path)
    write_report(ds, Path(_COHORT), results[1].path)
    known = [*texts, *results]
    crate = part("ro-crate-metadata.json", "where all this comes from", "application/ld+json",
                 "application/ld+json")  # fmt: skip
    title = f"Virtual cohort of {study.patients:,} patients ({study.preset})"
    crate.path.write_text(provenance(title, known, vc.__version__, command), encoding="utf-8")
    yield from (*known, crate)
