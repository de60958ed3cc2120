"""From a problem of PEtab to a fit, where its model is one of this family."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vcohort.analysis.estimation.make_problem import pose, settle_fit
from vcohort.errors import VcohortError
from vcohort.exchange.petab.changes import as_given, check_days
from vcohort.exchange.petab.content import Content, Observed
from vcohort.exchange.petab.counted import linear, observable_of
from vcohort.exchange.petab.library import complaints, library
from vcohort.exchange.petab.reading import version1, version2
from vcohort.exchange.petab.reading.fit_problem import FitProblem
from vcohort.exchange.petab.reading.formulas import formula
from vcohort.exchange.petab.reading.noise import STATES, States, scatter_of
from vcohort.exchange.petab.reading.numbers import Numbers
from vcohort.exchange.petab.reading.trusted import problem_file
from vcohort.measurements.observables import Observable
from vcohort.measurements.observations import Observations, gathered
from vcohort.models import Model
from vcohort.models.formulas.equations import equations_of
from vcohort.models.formulas.statements import SUMS
from vcohort.models.formulas.tree import evaluate
from vcohort.populations.cohort import Cohort
from vcohort.regimens.regimen import Regimen
from vcohort.regimens.treatments import Infusion
from vcohort.trials.trial_data import TrialData

# Of cells, where formulas are asked.
_LOGS = (10.0, 25.0)

_VERSIONS = {"1": version1, "2": version2}


def read_petab(path: str | os.PathLike[str]) -> FitProblem:
    """Return the fit that a problem of PEtab poses, version 1 or 2, where it can be posed here.

    ``vc.fit(**vc.read_petab("problem.yaml").for_fit())`` fits it, ``vc.posterior`` draws from its
    posterior: ``for_posterior()``. The model must be one that :func:`vcohort.from_sbml` reads, in
    cells and days, with parameters of the names that they have here. Each condition or experiment
    that was measured is a patient. What has no place here is refused by its name. Needs the extra
    ``pip install "vcohort[petab]"``.

    :param path: the problem's file of YAML; files that it names must lie in its folder.
    :raises VcohortError: for files that are damaged, missing, elsewhere or no problem of PEtab; for
        models outside of this family; for parameters that patients share, several noise parameters
        of a patient, equilibria, other distributions, observables that are no sum of species.
    """
    folder, problem = problem_file(path)
    version = str(problem.get("format_version", "")).partition(".")[0]
    if version not in _VERSIONS:
        raise VcohortError(
            f"{path} is no problem of PEtab 1 or 2: its format_version is "
            f"{problem.get('format_version')!r}."
        )
    library(int(version))
    files = _VERSIONS[version].read(folder, problem)
    found = _posed(files.model, files.content, Path(path).name)
    wrong = complaints(Path(path), int(version))
    if wrong:
        raise VcohortError(f"{path} is no valid problem of PEtab: {wrong[0]}")
    return found


def _posed(model: Path, content: Content, origin: str) -> FitProblem:
    """Return the fit, checked as :func:`vcohort.fit` checks it."""
    numbers = Numbers(model, content)
    formulas = _Formulas(content, numbers.model, numbers.known)
    kinds = formulas.observables()
    scatter = scatter_of(content, formulas.states(), numbers.estimated)
    numbers.check_all_read(scatter.scales)
    cohort = Cohort.from_values("kimmel2021", model=numbers.model, **numbers.values)
    cohort = replace(cohort, origin=(("petab", origin),))
    rows = content.measurements
    labels = {each.name: each.label for each in numbers.patients}
    data = gathered(
        tuple(labels.values()), [labels[each.patient] for each in rows],
        np.array([each.day for each in rows]), [kinds[each.observable] for each in rows],
        np.array([each.value for each in rows]), scatter.weight, scatter.error,
        np.zeros(len(rows), bool),
    )  # fmt: skip
    found = FitProblem(
        _trial(data, numbers), numbers.free, cohort, scatter.loss, numbers.bounds, numbers.priors
    )
    _check(found, data)
    return found


def _trial(data: Observations, numbers: Numbers) -> TrialData:
    check_days(data, numbers.regimen)
    given = _given(numbers)
    return TrialData(data.patients, data, given if given.treatments else None, None, {})


def _given(numbers: Numbers) -> Regimen:
    """Return the treatments with each number of cells, the first infusion's too, as trials do.

    One that is estimated is not known.
    """
    if "C0" in numbers.free:
        return numbers.regimen
    dose = as_given(numbers.values["C0"])
    told = [
        each.replace(cells=dose) if isinstance(each, Infusion) and each.cells is None else each
        for each in numbers.regimen.treatments
    ]
    is_there = any(isinstance(each, Infusion) and np.all(np.equal(each.day, 0.0)) for each in told)
    return Regimen(*told) if is_there else Regimen(Infusion(0.0, dose), *told)


def _check(found: FitProblem, data: Observations) -> None:
    """Refuse what :func:`vcohort.fit` would."""
    for wrong, what in ((data.day < 0.0, "before day 0"), (data.value < 0.0, "below 0")):
        for row in np.flatnonzero(wrong)[:1]:
            raise VcohortError(
                f"A measurement of {data.observable[row]} lies {what}: day {data.day[row]:g}, "
                f"{data.value[row]:g}."
            )
    run = settle_fit("read_petab", found.data, None, regimen=None, seed=None, tolerance=None)
    pose(found.data, found.free, found.cohort, found.loss, found.bounds, run, ())


class _Formulas:
    """The formulas of what is measured, as functions of cells."""

    def __init__(self, content: Content, model: Model, known: Mapping[str, float]) -> None:
        measured = {each.observable for each in content.measurements}
        self._model, self._known = model, known
        self._sums = {name: equations_of(model).derived[name].tree for name in SUMS}
        self._observed = [each for each in content.observables if each.name in measured]

    def observables(self) -> dict[str, Observable]:
        """Return what is measured, by the names of the problem."""
        return {
            each.name: observable_of(
                each.called, linear(_what(each), partial(self._counted, each), self._model),
                self._model,
            )
            for each in self._observed
        }  # fmt: skip

    def states(self) -> dict[str, States]:
        """Return a few states of each observable: what its standard deviation may read."""
        generator = np.random.default_rng(0)
        cells = [
            {name: float(np.exp(generator.uniform(*_LOGS))) for name in self._model.species.names}
            for _ in range(STATES)
        ]
        return {
            each.name: [{**self._read(state), each.name: float(self._counted(each, state))}
                        for state in cells]
            for each in self._observed
        }  # fmt: skip

    def _counted(self, observed: Observed, cells: Mapping[str, Any]) -> Any:
        return evaluate(formula(observed.formula, _what(observed)), self._read(cells))

    def _read(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        totals = {name: evaluate(total, cells) for name, total in self._sums.items()}
        return {**self._known, **totals, **cells}


def _what(observed: Observed) -> str:
    return f"The observable {observed.name!r}"
