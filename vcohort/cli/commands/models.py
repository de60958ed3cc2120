"""Models as `export` writes them: one patient of a dataset, for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vcohort.errors import VcohortError

FORMATS: Mapping[str, str] = {"sbml": "equations", "sbml-birth-death": "birth-death"}
"""Names of formats, and the forms of :func:`vcohort.to_sbml` that they are."""


def write_model(ds: Any, form: str, patient: int | None, output: Path, force: bool) -> None:
    """Write the model of one patient of a dataset, with the regimen of that run."""
    from vcohort.exchange.sbml.write import to_sbml
    from vcohort.files import replacing
    from vcohort.results.patients import patients_of, regimen_of

    cohort, regimen = patients_of(ds), regimen_of(ds)
    numbers = cohort.patient.tolist()
    if patient is None and len(numbers) > 1:
        raise VcohortError(
            f"The file holds {len(numbers):,} patients, and a model is of one. Say which: "
            f"--patient {numbers[0]}."
        )
    wanted = numbers[0] if patient is None else patient
    if wanted not in numbers:
        raise VcohortError(
            f"The file has no patient {wanted}. Its {len(numbers):,} patients have the numbers "
            f"{min(numbers)} to {max(numbers)}."
        )
    place = [numbers.index(wanted)]
    text = to_sbml(cohort.select(place), regimen.select(place), form=form)
    with replacing(output, overwrite=force) as temporary:
        temporary.write_text(text, encoding="utf-8")
