"""From a fit as it is posed here to a problem of PEtab."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vcohort.analysis.estimation.make_problem import Posed, check_names, pose, settle_fit
from vcohort.errors import VcohortError
from vcohort.exchange.petab.changes import Split, changes_of, check_days, split_by_day
from vcohort.exchange.petab.content import Content, Observed, Parameter, Patient
from vcohort.exchange.petab.counted import formula_of, weights_of
from vcohort.exchange.petab.library import complaints, library
from vcohort.exchange.petab.priors import check_prior
from vcohort.exchange.petab.writing import version1, version2
from vcohort.exchange.petab.writing.noise import Noise, kind_of
from vcohort.exchange.sbml.write import to_sbml
from vcohort.files import check_writable, new_folder
from vcohort.measurements.observables import Observable
from vcohort.measurements.observations import Observations
from vcohort.models import Model
from vcohort.populations.cohort import Cohort, is_traced, whole_cells
from vcohort.populations.distributions import Distribution
from vcohort.regimens.regimen import Regimen

_VERSIONS = {1: version1, 2: version2}


def to_petab(
    data: Any,
    free: Sequence[str],
    cohort: Cohort | None = None,
    *,
    path: str | os.PathLike[str],
    version: int = 2,
    loss: str = "log",
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Mapping[str, Distribution] | None = None,
    regimen: Regimen | None = None,
    observables: Iterable[Observable] = (),
) -> Path:
    """Write what :func:`vcohort.fit` is asked as a problem of PEtab, for other programs to fit.

    The folder ``path`` is made, with a file ``problem.yaml``, the model in SBML and tables of
    parameters, observables, measurements and patients; PEtab's own linter finds no error in it.
    Needs the extra ``pip install "vcohort[petab]"``. Docs: what it carries and what not.

    Each patient is an experiment, and later treatments are changes on their days (version 2); or a
    condition, and treatments are events of the model (version 1). Errors that the data do not give
    are estimated, one scale for each patient.

    :param data, free, cohort, bounds, regimen, observables: as for :func:`vcohort.fit`.
    :param path: a folder that is not there yet.
    :param version: of PEtab, 2 or 1.
    :param loss: ``"log"``, ``"linear"``, ``"proportional"`` or ``"combined"``.
    :param priors: as for :func:`vcohort.posterior`, each with its ``bounds``.
    :return: the path of ``problem.yaml``.
    :raises VcohortError: as :func:`vcohort.fit`; for upper limits, rows of the weight 0, and
        measurements on the day of a treatment; for observables that are no sum of species, losses
        and priors that PEtab does not have.
    """
    if version not in _VERSIONS or isinstance(version, bool):
        raise VcohortError(f"version = {version!r} of PEtab is not known. Try 2, or 1.")
    library(version)
    target = _new(path)
    if not isinstance(loss, str):
        raise VcohortError(f"PEtab has nothing for a loss that is a function, {loss!r}.")
    run = settle_fit("to_petab", data, None, regimen=regimen, seed=None, tolerance=None)
    posed = pose(data, free, cohort, loss, bounds, run, observables)
    kind_of(loss)
    _check(posed, {} if priors is None else priors, {} if bounds is None else bounds)
    given = split_by_day(posed.run.regimen)
    content = _content(posed, loss, priors or {}, given, version)
    in_model, _ = _parted(given, version)
    model = to_sbml(posed.cohort.select([0]), _of_one(in_model, len(posed.cohort)))
    with new_folder(target) as made:
        for name, text in {"model.xml": model, **_VERSIONS[version].files(content)}.items():
            (made / name).write_text(text, encoding="utf-8")
        wrong = complaints(made / "problem.yaml", version)
        if wrong:
            raise VcohortError(
                f"PEtab does not accept the problem: {wrong[0]} Nothing was written."
            )
    return Path(path) / "problem.yaml"


def _new(path: str | os.PathLike[str]) -> Path:
    """Return the path of a folder that is not there yet, and can be made."""
    if os.path.lexists(path):
        raise VcohortError(f"{path} is there already. Give the name of a new folder.")
    return check_writable(path)


def _check(
    posed: Posed, priors: Mapping[str, Any], bounds: Mapping[str, tuple[float, float]]
) -> None:
    """Refuse what PEtab has no place for."""
    data = posed.data
    if is_traced(posed.cohort) or posed.run.regimen.is_traced:
        raise VcohortError("to_petab writes numbers, and cannot be traced by jax.grad or jax.jit.")
    for wrong, what in ((data.below, "is only below a limit"), (~data.counted, "has the weight 0")):
        for row in np.flatnonzero(wrong)[:1]:
            raise VcohortError(
                f"The {data.observable[row]} of patient {data.patients[data.patient[row]]!r} on "
                f"day {data.day[row]:g} {what}, which PEtab cannot say. Leave such rows out."
            )
    check_days(data, posed.run.regimen)
    check_names("priors", priors, posed.names, "{'K_C': vc.LogNormal(7e10, 0.3)}")
    for name, prior in priors.items():
        check_prior(name, prior)
        if name not in bounds:
            raise VcohortError(
                f"The prior of {name} needs bounds: in PEtab each is cut to them. Try "
                f"bounds={{{name!r}: (1e9, 1e12)}}."
            )


def _content(
    posed: Posed, loss: str, priors: Mapping[str, Distribution], given: Split, version: int
) -> Content:
    """Return the problem, but for its model."""
    in_model, changed = _parted(given, version)
    data, model = posed.data, posed.cohort.model
    names = tuple(f"patient_{number}" for number in range(1, len(data.patients) + 1))
    called = _called(data)
    noise = Noise(data, loss, names)
    shared, own = _values(posed, priors, names, in_model)
    patients = tuple(
        Patient(name, label, own[name], changes_of(model, changed.select([place])))
        for place, (name, label) in enumerate(zip(names, data.patients, strict=True))
    )
    observables = tuple(
        _observed(kind, called[kind.name], noise, model, version) for kind in data.kinds
    )
    return Content(
        (*shared, *noise.parameters), observables,
        tuple(noise.measurements(called.__getitem__)), patients,
    )  # fmt: skip


def _parted(given: Split, version: int) -> tuple[Regimen, Regimen]:
    """Return the treatments that the model has, and those that are changes of experiments."""
    return (given.given, Regimen()) if version == 1 else (given.today, given.later)


def _called(data: Observations) -> dict[str, str]:
    """Return the observables' names in PEtab, which are letters, and none of the model's."""
    found: dict[str, str] = {}
    for kind in data.kinds:
        name = "observed_" + re.sub(r"\W", "_", kind.name, flags=re.ASCII)
        while name in found.values():
            name += "_"
        found[kind.name] = name
    return found


def _observed(kind: Observable, name: str, noise: Noise, model: Model, version: int) -> Observed:
    formula = formula_of(weights_of(kind, model), kind.cells)
    # The linter of version 1 knows no observables in formulas.
    predicted = name if version == 2 else f"({formula})"
    deviation, placeholders = noise.deviation(kind.name, name, predicted)
    return Observed(name, kind.name, formula, deviation, noise.kind.scale, placeholders)


def _values(
    posed: Posed, priors: Mapping[str, Distribution], names: tuple[str, ...], regimen: Regimen
) -> tuple[list[Parameter], dict[str, dict[str, str]]]:
    """Return the parameters, and what each patient has of its own."""
    shared: list[Parameter] = []
    own: dict[str, dict[str, str]] = {name: {} for name in names}
    for name, column in _columns(posed.cohort, regimen, posed.names).items():
        bounds, prior = _bounds(posed, name), priors.get(name)
        if len(names) == 1 or (bounds is None and (column == column[0]).all()):
            shared.append(Parameter(name, float(column[0]), bounds, prior))
            continue
        for patient, value in zip(names, column.tolist(), strict=True):
            own[patient][name] = repr(value) if bounds is None else f"{name}_{patient}"
            if bounds is not None:
                shared.append(Parameter(f"{name}_{patient}", value, bounds, prior))
    return shared, own


def _bounds(posed: Posed, name: str) -> tuple[float, float] | None:
    """Return the bounds of a parameter that is free."""
    if name not in posed.names:
        return None
    low, high = posed.limits[posed.names.index(name)].tolist()
    return low, high


def _columns(cohort: Cohort, regimen: Regimen, free: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return all numbers of the model, (patient,), those that are free first."""
    names = dict.fromkeys((*free, *cohort.model.parameters))
    columns = {name: np.asarray(cohort[name], float) for name in names}
    for name in (f"{clone}0" for clone in cohort.model.species.tumour):
        columns[name] = whole_cells(columns[name])
    fields = {name: np.broadcast_to(np.asarray(value, float), len(cohort))
              for name, value, _ in regimen.named_fields()}  # fmt: skip
    return columns | fields


def _of_one(regimen: Regimen, patients: int) -> Regimen:
    """Return each treatment as the first patient has it that has it at all."""
    fields: dict[str, float] = {}
    for prefix, each in regimen.named_treatments():
        days = np.broadcast_to(np.asarray(each.day, float), patients)
        place = int(np.flatnonzero(np.isfinite(days))[0])
        fields |= {f"{prefix}_{name}": float(np.broadcast_to(value, patients)[place])
                   for name, (value, _) in each.fields.items()}  # fmt: skip
    return regimen.at(**fields)
