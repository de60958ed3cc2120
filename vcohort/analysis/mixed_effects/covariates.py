"""Covariates as they act on parameters: powers of numbers, steps between groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vcohort.errors import VcohortError, unknown
from vcohort.given import by_name, names_of

# Columns that are combinations of others to this share of their size say the same.
_SAME = 1e-8


class Effect(NamedTuple):
    """One slope: what it is called, the parameter, and the column (patient,) that it multiplies.

    ``covariate``, ``centre`` and ``level``: of a number the one at which there is no effect, else
    the group that has it, and the one that has none.
    """

    name: str
    parameter: str
    column: np.ndarray
    covariate: str
    centre: str
    level: str


def effects_of(
    wanted: Any, known: Mapping[str, np.ndarray], parameters: Sequence[str], patients: Sequence[str]
) -> list[Effect]:
    """Return the effects that are wanted: names of covariates by the name of a parameter.

    A number x acts as a power, (x / median)^slope on a log scale; groups (texts, or numbers of
    which there are two) by a step from the most common one.

    :raises VcohortError: for unknown names, covariates that miss a patient, do not vary, or say the
        same as others, and for numbers that have no power.
    """
    found: list[Effect] = []
    for parameter, names in by_name("covariates", wanted, "{'K_C': ['weight']}").items():
        if parameter not in parameters:
            raise VcohortError(
                f"There are covariates for {parameter!r}, which is not estimated. Estimated: "
                f"{', '.join(parameters)}."
            )
        listed = (names,) if isinstance(names, str) else names
        own = [
            effect
            for name in names_of(f"covariates of {parameter}", listed, "['weight']")
            for effect in _effects(parameter, name, known, patients)
        ]
        _refuse_collinear(parameter, own)
        found += own
    return found


def _effects(
    parameter: str, name: str, known: Mapping[str, np.ndarray], patients: Sequence[str]
) -> list[Effect]:
    if name not in known:
        if not known:
            raise VcohortError(
                f"The trial has no covariates, so none called {name!r}. Give it a table with them: "
                "vc.read_trial(table, covariates=[...])."
            )
        raise unknown("covariate", name, known)
    values = np.asarray(known[name])
    is_text = values.dtype.kind not in "iufb"
    missing = values == "" if is_text else ~np.isfinite(values.astype(float))
    for index in np.flatnonzero(missing)[:1]:
        raise VcohortError(
            f"The covariate {name!r} of patient {patients[index]!r} is missing, and "
            f"{missing.sum()} in all: fill it in, such as by the median, or leave these patients "
            "or the covariate out."
        )
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) < 2:
        raise VcohortError(
            f"The covariate {name!r} is {levels[0]} of every patient: it explains nothing. Leave "
            "it out."
        )
    if is_text or len(levels) == 2:
        return _steps(parameter, name, values, levels, levels[counts.argmax()])
    if values.min() <= 0:
        raise VcohortError(
            f"The covariate {name!r} is {values.min():g} of a patient: a number acts as a power, "
            "and must be above 0. Shift it, or make groups of it, as texts."
        )
    middle = float(np.median(values))
    column = np.log(values.astype(float) / middle)
    return [Effect(f"{parameter}:{name}", parameter, column, name, f"{middle!r}", "")]


def _steps(
    parameter: str, name: str, values: np.ndarray, levels: np.ndarray, common: Any
) -> list[Effect]:
    return [
        Effect(f"{parameter}:{name}={level}", parameter, 1.0 * (values == level), name, f"{common}",
               f"{level}")
        for level in levels
        if level != common
    ]  # fmt: skip


def _refuse_collinear(parameter: str, effects: list[Effect]) -> None:
    columns = np.stack([np.ones_like(effects[0].column), *(each.column for each in effects)], 1)
    size = np.linalg.svd(columns / np.linalg.norm(columns, axis=0), compute_uv=False)
    if size.size < columns.shape[1] or size[-1] < _SAME * size[0]:
        raise VcohortError(
            f"The covariates of {parameter}, {', '.join(each.name for each in effects)}, say the "
            "same of these patients: some are combinations of the others. Leave one out."
        )
