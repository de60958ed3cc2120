"""Files in one archive, with the list of them that COMBINE asks for."""

from __future__ import annotations

import os
from collections.abc import Sequence

from vcohort.errors import VcohortError
from vcohort.exchange.omex.parts import Part
from vcohort.extras import extra
from vcohort.files import replacing

_MEDIA = "http://purl.org/NET/mediatypes/"


def write_archive(
    path: str | os.PathLike[str], parts: Sequence[Part], about: str, *, overwrite: bool = True
) -> None:
    """Write an OMEX file of the parts, whole or not at all.

    :param about: a sentence on what is in it.
    :raises VcohortError: where it cannot be written.
    """
    library = extra("libcombine", "omex")
    archive = library.CombineArchive()
    for part in parts:
        known = library.KnownFormats.lookupFormat(part.form)
        if not archive.addFile(
            str(part.path), part.name, known or _MEDIA + part.form, part.is_master
        ):
            raise VcohortError(f"{part.name} cannot be put into the archive {path}.")
    described = library.OmexDescription()
    described.setAbout(".")
    described.setDescription(about)
    described.setCreated(library.OmexDescription.getCurrentDateAndTime())
    archive.addMetadata(".", described)
    with replacing(path, overwrite=overwrite) as temporary:
        # It adds to an archive that is there.
        temporary.unlink()
        if not archive.writeToFile(str(temporary)):
            raise VcohortError(f"Cannot write {path}. Is there room on the disk?")
    archive.cleanUp()
