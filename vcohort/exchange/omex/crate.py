"""Where the files of an archive come from, as RO-Crate metadata."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from typing import Any

from vcohort.exchange.omex.parts import Part
from vcohort.extras import extra

PAPER = "https://doi.org/10.1098/rspb.2021.0229"

_PROGRAM, _RUN, _PYTHON = "#vcohort", "#run", "#python"


def provenance(name: str, parts: Sequence[Part], version: str, command: str) -> str:
    """Return RO-Crate metadata (JSON-LD) of files that a run of a study made.

    ``version``: of this package; ``command``: what makes them again.
    """
    extra("rocrate", "omex")
    from rocrate.model.contextentity import ContextEntity  # noqa: PLC0415 - of the extra
    from rocrate.rocrate import ROCrate  # noqa: PLC0415

    crate = ROCrate()
    crate.name, crate.description = name, f"A study by vcohort {version}. Again: {command}"
    files = {
        part.name: crate.add_file(
            dest_path=part.name, properties={"name": part.about, "encodingFormat": part.media}
        )
        for part in parts
    }

    def entity(identifier: str, **properties: Any) -> Any:
        return crate.add(ContextEntity(crate, identifier, properties=_typed(properties)))

    paper = entity(PAPER, kind="ScholarlyArticle", name="Kimmel, Locke & Altrock 2021")
    python = entity(_PYTHON, kind="ComputerLanguage", name=f"Python {platform.python_version()}")
    program = entity(_PROGRAM, kind="SoftwareApplication", name="vcohort", softwareVersion=version)
    program["citation"], program["runtimePlatform"] = paper, python
    run = entity(_RUN, kind="CreateAction", name=command)
    run["instrument"] = program
    run["object"] = [files[part.name] for part in parts if part.is_given]
    run["result"] = [files[part.name] for part in parts if not part.is_given]
    return json.dumps(crate.metadata.generate(), indent=2)


def _typed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"@type" if name == "kind" else name: value for name, value in properties.items()}
