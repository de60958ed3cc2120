"""How measurements scatter, as PEtab has it: formulas of standard deviations, and their names.

Errors that the data give are numbers. Else each patient has a scale that is estimated with its
parameters, which here is found in closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from vcohort.errors import VcohortError
from vcohort.exchange.petab.content import Measurement, Parameter
from vcohort.measurements.observations import Observations

# As multiples of the size of what scatters: where a scale may lie, and where it is at first.
_LEAST, _FIRST, _MOST = 1e-6, 0.3, 1e3

NAME = "noise"


class Kind(NamedTuple):
    """A loss in PEtab: on which scale residuals are normal, and what their widths are made of.

    ``widths``: of a constant width, of one proportional to the prediction, or of both.
    """

    scale: str
    widths: tuple[str, ...]


KINDS: Mapping[str, Kind] = {
    "log": Kind("log", ("constant",)),
    "linear": Kind("lin", ("constant",)),
    "proportional": Kind("lin", ("proportional",)),
    "combined": Kind("lin", ("constant", "proportional")),
}
"""The losses of :func:`vcohort.fit` that PEtab has."""


def kind_of(loss: str) -> Kind:
    """Return what a loss is in PEtab.

    :raises VcohortError: for one that it does not have.
    """
    if loss not in KINDS:
        raise VcohortError(
            f"PEtab has nothing for the loss {loss!r}. It knows normal residuals alone: "
            f"{', '.join(KINDS)}."
        )
    return KINDS[loss]


class Noise:
    """How the rows of some data scatter; ``patients``: names of the data's patients."""

    def __init__(self, data: Observations, loss: str, patients: tuple[str, ...]) -> None:
        self.kind = kind_of(loss)
        self._data, self._patients = data, patients
        names = np.array(data.observable)
        self._rows = {each.name: np.flatnonzero(names == each.name) for each in data.kinds}
        self._weighed = {name for name, rows in self._rows.items()
                         if (data.weight[rows] != 1.0).any()}  # fmt: skip
        self._of_one_error = {name for name, rows in self._rows.items()
                              if (data.error[rows] == data.error[rows[0]]).all()}  # fmt: skip
        single = len(self.kind.widths) == 1
        self._called = {width: NAME if single else f"{NAME}_{width}" for width in self.kind.widths}

    @property
    def parameters(self) -> list[Parameter]:
        """The scales that are estimated, of each patient."""
        if self._data.errors_known:
            return []
        found: list[Parameter] = []
        for place, patient in enumerate(self._patients):
            largest = float(self._data.value[self._data.patient == place].max())
            for width, called in self._called.items():
                absolute = width == "constant" and self.kind.scale == "lin"
                size = (largest if absolute else 1.0) or 1.0
                name = self._own(called, patient)
                found.append(Parameter(name, _FIRST * size, (_LEAST * size, _MOST * size)))
        return found

    def deviation(self, kind: str, name: str, predicted: str) -> tuple[str, tuple[str, ...]]:
        """Return formula and placeholders of an observable's standard deviation.

        ``kind``: what the data call the observable; ``name``: its name in PEtab; ``predicted``:
        what stands for its prediction.
        """
        first = int(self._rows[kind][0])
        placeholders = tuple(
            f"noiseParameter{number}_{name}" for number in range(1, 1 + len(self._instead(first)))
        )
        if self._data.errors_known:
            return (*placeholders, repr(float(self._data.error[first])))[0], placeholders
        scales = dict(zip(self._called, placeholders or self._called.values(), strict=False))
        formula = _width(scales, predicted)
        if kind in self._weighed:
            formula = f"{formula} * {placeholders[-1]}"
        return formula, placeholders

    def measurements(self, named: Callable[[str], str]) -> list[Measurement]:
        """Return the rows; ``named``: the name in PEtab of what the data call an observable."""
        data = self._data
        return [
            Measurement(
                named(data.observable[row]), self._patients[data.patient[row]],
                float(data.day[row]), float(data.value[row]), self._instead(row),
            )
            for row in range(len(data))
        ]  # fmt: skip

    def _instead(self, row: int) -> tuple[str, ...]:
        """Return what stands for a row's placeholders: none, where all rows have the same."""
        data, kind = self._data, self._data.observable[row]
        if data.errors_known:
            return () if kind in self._of_one_error else (repr(float(data.error[row])),)
        if len(self._patients) == 1 and kind not in self._weighed:
            return ()
        patient = self._patients[data.patient[row]]
        scales = tuple(self._own(called, patient) for called in self._called.values())
        return (*scales, repr(float(data.weight[row] ** -0.5))) if kind in self._weighed else scales

    def _own(self, called: str, patient: str) -> str:
        return called if len(self._patients) == 1 else f"{called}_{patient}"


def _width(scales: Mapping[str, str], predicted: str) -> str:
    """Return the formula of a width; ``scales``: their names, by what they are of."""
    constant, share = scales.get("constant"), scales.get("proportional")
    if constant and share:
        return f"({constant}^2 + ({share} * {predicted})^2)^0.5"
    return constant or f"{share} * {predicted}"
