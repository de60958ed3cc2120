"""The tables of a study file: laws, treatments, what is swept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from vcohort.errors import VcohortError
from vcohort.models import Model, car_t
from vcohort.regimens.treatments import Infusion, Lymphodepletion, Treatment
from vcohort.studies.notation import parse_axis

# A value of another type is a mistake, and is not turned into one of this type.
AS_WRITTEN = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Laws(BaseModel):
    """The laws of the model, by name."""

    model_config = AS_WRITTEN

    growth: str = "gompertz"
    feedback: str = "T"
    killing: str = "saturating"
    proliferation: str = "exponential"
    memory: str = "none"
    escape: str = "none"

    def compose(self) -> Model:
        """Return the model."""
        return car_t(**self.model_dump())


class InfusionEntry(BaseModel):
    """An ``[[infusion]]``; see :class:`vcohort.Infusion`."""

    model_config = AS_WRITTEN

    day: float
    cells: float | None = None

    def treatment(self) -> Treatment:
        """Return the infusion."""
        return Infusion(self.day, self.cells)


class LymphodepletionEntry(BaseModel):
    """A ``[[lymphodepletion]]``; see :class:`vcohort.Lymphodepletion`."""

    model_config = AS_WRITTEN

    day: float
    survival: float | Annotated[list[float], Field(min_length=2, max_length=2)] | dict[str, float]

    def treatment(self) -> Treatment:
        """Return the lymphodepletion."""
        given = self.survival
        return Lymphodepletion(self.day, tuple(given) if isinstance(given, list) else given)


class SweepEntry(BaseModel):
    """The table ``[sweep]``; see :func:`vcohort.sweep`.

    ``axes``: a list of values by name, or text: ``6e10:8e10:21`` (LOW:HIGH:COUNT, ``:log`` after it
    for even ratios), in a design ``6e10:8e10`` or a distribution.
    """

    model_config = AS_WRITTEN

    axes: dict[str, list[float] | str]
    layout: str = "grid"
    cells: int | None = None
    independent: bool = False
    days: list[float] | None = None
    until: float | None = None
    quantiles: list[float] | None = None
    keep_patients: bool = False
    chunk: int | None = None

    def arguments(self) -> dict[str, Any]:
        """Return what :func:`vcohort.sweep` takes."""
        axes = {
            name: parse_axis(name, value) if isinstance(value, str) else value
            for name, value in self.axes.items()
        }
        for name, value in axes.items():
            if isinstance(value, tuple) and self.layout in {"grid", "table"}:
                raise VcohortError(
                    f"The axis {name} = {self.axes[name]!r} is a range, for a design. Say how many "
                    f"values: {self.axes[name]}:21, or which: {value[0]:g},{value[1]:g}."
                )
        return {**self.model_dump(exclude_none=True), "axes": axes}
