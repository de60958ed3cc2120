"""The numbers of a problem: of the model, of the tables, and of each patient."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vcohort.errors import VcohortError
from vcohort.exchange.petab.changes import as_given, joined, treatments_of
from vcohort.exchange.petab.content import Content, Parameter, Patient
from vcohort.exchange.petab.reading.constants import Constants
from vcohort.exchange.petab.reading.formulas import formula, number_or_name
from vcohort.exchange.sbml.read import from_sbml
from vcohort.exchange.sbml.treatments import Treatments
from vcohort.models.formulas.equations import equations_of
from vcohort.models.formulas.tree import names_in
from vcohort.populations.distributions import Distribution
from vcohort.regimens.regimen import Regimen
from vcohort.regimens.treatments import Treatment


class _Column(NamedTuple):
    """A number of each patient, and which parameter it is, where it is one of the problem."""

    values: np.ndarray
    names: tuple[str, ...]


class Numbers:
    """What a problem says of its model's parameters and treatments."""

    def __init__(self, model: Path, content: Content) -> None:
        self._parameters = {each.name: each for each in content.parameters}
        measured = dict.fromkeys(each.patient for each in content.measurements)
        all_patients = {each.name: each for each in content.patients}
        self.patients = tuple(all_patients[name] for name in measured)
        _refuse_alike(self.patients)
        read = from_sbml(model)
        self.model = read.cohort.model
        self._regimen = read.regimen
        self._of_model = {name: float(read.cohort[name][0]) for name in self.model.parameters}
        self._of_model |= {name: float(value) for name, value, _ in read.regimen.named_fields()}
        self._constants = Constants(model)
        self._check_targets()
        self._columns = {name: self._column(name) for name in self._of_model}
        self._check_begun()

    @property
    def estimated(self) -> tuple[str, ...]:
        """The parameters of the problem that are estimated."""
        return tuple(each.name for each in self._parameters.values() if each.bounds is not None)

    @property
    def known(self) -> dict[str, float]:
        """The parameters of the problem that are not."""
        return {each.name: each.value for each in self._parameters.values() if each.bounds is None}

    @property
    def values(self) -> dict[str, np.ndarray]:
        """The parameters of the patients, (patient,)."""
        return {name: self._columns[name].values for name in self.model.parameters}

    @property
    def free(self) -> tuple[str, ...]:
        """The parameters of the model that are estimated, in the order of the problem."""
        owner = {each: name for name in self.model.parameters for each in self._free_of(name)}
        return tuple(dict.fromkeys(owner[name] for name in self.estimated if name in owner))

    @cached_property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """The bounds of what is free."""
        return {name: self._one(name, "bounds") for name in self.free}

    @cached_property
    def priors(self) -> dict[str, Distribution]:
        """The priors of what is free, but for those that are log-uniform between the bounds."""
        found = {name: self._one(name, "prior") for name in self.free}
        return {name: prior for name, prior in found.items() if prior is not None}

    @cached_property
    def regimen(self) -> Regimen:
        """The treatments: those of the model, then those that are changes of experiments."""
        fields = {name: as_given(self._columns[name].values)
                  for name, *_ in self._regimen.named_fields()}  # fmt: skip
        for name, value in fields.items():
            if name.endswith("_day"):
                _check_day(name, self._of_model[name], np.asarray(value))
        later = [self._changed(place, patient) for place, patient in enumerate(self.patients)]
        more = joined(later, self.model)
        return self._regimen.replace(**fields).plus(*more)

    def _changed(self, place: int, patient: Patient) -> list[Treatment]:
        """Return the treatments that are changes of a patient's experiment."""
        known, who = self._known_of(place), patient.label
        found: list[Treatment] = []
        for day, texts in patient.changes:
            cells = {name: formula(text, f"What becomes of {name}") for name, text in texts.items()}
            found += treatments_of(day, cells, self.model, known, who)
        return found

    def check_all_read(self, scales: Iterable[str]) -> None:
        """Refuse parameters that are estimated for nothing here, or for two things at once.

        ``scales``: those of the noise.
        """
        owners = {name: [of for of in self._columns if name in self._columns[of].names]
                  for name in self.estimated}  # fmt: skip
        for name in scales:
            owners[name].append("the noise")
        for name, of in owners.items():
            if len(of) != 1:
                what = f"is {' and '.join(of)} at once" if of else "is none of the model's or noise"
                raise VcohortError(
                    f"{name!r} is estimated, and {what}. Here each estimated parameter is one of "
                    "the model's, or a scale of noise."
                )
        self._check_others()

    def _check_others(self) -> None:
        """Refuse to set constants of the model that are no parameters here."""
        read = {name for column in self._columns.values() for name in column.names}
        for name, value in self.known.items():
            is_constant = name in self._constants.values and name not in read
            if is_constant and not self._constants.are(name, value):
                raise VcohortError(
                    f"The problem sets {name!r} to {value:g}, which is "
                    f"{self._constants.values[name]:g} in the model, and no parameter here."
                )

    def _check_targets(self) -> None:
        for patient in self.patients:
            for name in patient.values:
                if name not in self._of_model:
                    raise VcohortError(
                        f"{patient.label} has a {name!r} of its own, which is neither a parameter "
                        "of the model nor a number of its treatments."
                    )

    def _column(self, name: str) -> _Column:
        """Return a number of the model, as the tables set it."""
        found = [self._of_patient(name, patient) for patient in self.patients]
        names = tuple(each for _, each in found if each)
        if names:
            self._check_names(name, names)
        if self._is_set(name):
            self._constants.check(name, self._of_model[name])
        return _Column(np.array([value for value, _ in found]), names)

    def _of_patient(self, name: str, patient: Patient) -> tuple[float, str]:
        """Return a number of a patient, and the parameter that it is."""
        told = patient.values.get(name, name if name in self._parameters else None)
        if told is None:
            return self._of_model[name], ""
        value = number_or_name(told, f"{name} of {patient.label}")
        if isinstance(value, float):
            return value, ""
        if value not in self._parameters:
            raise VcohortError(
                f"{name} of {patient.label} is {value!r}, which is no parameter of the problem."
            )
        return self._parameters[value].value, value

    def _check_names(self, name: str, names: tuple[str, ...]) -> None:
        """Refuse what is estimated for some patients alone, together, or is no parameter."""
        free = [each for each in names if self._parameters[each].bounds is not None]
        if not free:
            return
        if name not in self.model.parameters:
            raise VcohortError(f"{name} is estimated. Treatments are given, and not fitted here.")
        if len(free) < len(self.patients):
            raise VcohortError(
                f"{name} is estimated for some patients, and known for others. Here it is free for "
                "all or for none: fit them apart."
            )
        if len(set(free)) < len(free):
            raise VcohortError(
                f"{name} is estimated as one for several patients. Here each patient has its own "
                "(vc.fit_population has what patients share)."
            )

    def _free_of(self, name: str) -> list[str]:
        return [each for each in self._columns[name].names
                if self._parameters[each].bounds is not None]  # fmt: skip

    def _one(self, name: str, field: str) -> Any:
        """Return what the patients' parameters of a name have in common."""
        parameters: list[Parameter] = [self._parameters[each] for each in self._free_of(name)]
        first = getattr(parameters[0], field)
        for each in parameters:
            if getattr(each, field) != first:
                raise VcohortError(
                    f"The {field} of {parameters[0].name} and {each.name} differ. Here {name} has "
                    "the same for all patients."
                )
        return first

    def _known_of(self, place: int) -> dict[str, float]:
        """Return the numbers that treatments of a patient may read."""
        others = {name: value for name, value in self._constants.values.items()
                  if name not in self._columns}  # fmt: skip
        own = {name: float(column.values[place]) for name, column in self._columns.items()
               if not self._free_of(name)}  # fmt: skip
        return {**others, **self.known, **own}

    def _check_begun(self) -> None:
        """Refuse a number with which the model neither begins nor treats, where patients do."""
        treatments = Treatments(self.model, equations_of(self.model), self._regimen)
        begun = {name for tree in treatments.first_cells.values() for name in names_in(tree)}
        treated = {event.day for event in treatments.events}
        treated |= {name for event in treatments.events for tree in event.assigned.values()
                    for name in names_in(tree)}  # fmt: skip
        for wanted, read, what in (
            (begun, self._constants.begun, "first cells do"),
            (treated, self._constants.treated, "events do"),
        ):
            for name in wanted:
                if self._is_set(name) and name not in read:
                    raise VcohortError(
                        f"The problem sets {name}, on which the model's {what} not depend. Let "
                        "them read it, or set nothing."
                    )

    def _is_set(self, name: str) -> bool:
        """Whether the tables set a number of the model."""
        return name in self._parameters or any(name in each.values for each in self.patients)


def _refuse_alike(patients: Iterable[Patient]) -> None:
    labels: dict[str, str] = {}
    for each in patients:
        if labels.setdefault(each.label, each.name) != each.name:
            raise VcohortError(f"Two patients are called {each.label!r}: {labels[each.label]} and "
                               f"{each.name}.")  # fmt: skip


def _check_day(name: str, of_model: float, days: np.ndarray) -> None:
    """Refuse to move a treatment to day 0, or away: the model begins with those of that day."""
    if ((days == 0.0) != (of_model == 0.0)).any():
        raise VcohortError(
            f"{name} is day {of_model:g} in the model, and is moved to day {days.min():g}: what "
            "falls on day 0 the model begins with."
        )
