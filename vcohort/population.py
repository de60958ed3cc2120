"""A population: how patients vary. It is sampled to give a cohort."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from vcohort.cohort import Cohort, preset_values
from vcohort.designs import uniforms
from vcohort.distributions import (
    Distribution,
    Floats,
    LogNormal,
    MultivariateNormal,
    Normal,
    as_distribution,
    is_distribution,
    median_of,
)
from vcohort.errors import VcohortError
from vcohort.given import number, whole
from vcohort.models import Model, car_t
from vcohort.models.shared import INITIAL

# Patients drawn at a time: bounds the memory of the uniform numbers.
_CHUNK = 1 << 17

_BYTES = 8


class Population:
    """A preset, a model and how its parameters vary between patients.

    Each rate and capacity varies as in the paper: value (1 + sigma z), z standard
    normal, floored just above zero; the initial numbers N0, C0, B0 do not vary.
    Keywords override parameters, in cells and days: a number moves the centre, a
    distribution (:class:`Normal`, :class:`LogNormal`, :class:`Uniform`,
    :class:`Empirical`, :class:`Fixed`) replaces it. ``joint`` lets several
    parameters vary together.
    """

    def __init__(
        self,
        preset: str = "kimmel2021",
        sigma: float = 0.0,
        *,
        model: Model | None = None,
        joint: MultivariateNormal | None = None,
        **overrides: float | Distribution,
    ) -> None:
        sigma = number("sigma", sigma)
        if not (np.isfinite(sigma) and sigma >= 0):
            raise VcohortError(f"sigma = {sigma} is impossible: it must be a number, at least 0.")
        self.preset, self.sigma, self.joint = preset, sigma, joint
        self.model = model or car_t()
        self.overrides = overrides
        self.distributions = self._distributions()
        self._check_joint()

    def _distributions(self) -> dict[str, Distribution]:
        centres: dict[str, Any] = dict(preset_values(self.preset, self.model))
        for name, value in self.overrides.items():
            param = self.model.param(name)
            typical = _typical(name, value)
            param.check(typical)
            param.advise(typical)
            centres[name] = value
        steady = {param.name for param in INITIAL}
        return {
            name: as_distribution(value, 0.0 if name in steady else self.sigma)
            for name, value in centres.items()
        }

    def _check_joint(self) -> None:
        for name in self.joint.names if self.joint else ():
            self.model.param(name)
            if name in self.overrides:
                raise VcohortError(f"{name} is given twice: by itself and in joint. Keep one.")

    def sample(self, n: int, seed: int = 0, *, design: str = "random", first: int = 0) -> Cohort:
        """Draw patients ``first`` … ``first + n - 1``.

        Patient i depends on (seed, i) alone, however many are drawn at a time
        (``design="latin-hypercube"``: on n too). ``design``: ``"random"``, ``"sobol"``
        or ``"latin-hypercube"``. Raises :class:`VcohortError` for impossible values.
        """
        n = _patients(n, len(self.distributions))
        first = whole("first", first, 2**63 - n)
        if design == "latin-hypercube" and first:
            raise VcohortError(
                f"A Latin hypercube is laid out whole: first = {first} is no beginning of it. Use "
                "design='random' or 'sobol' for parts."
            )
        values = {name: np.empty(n) for name in self.distributions}
        for start in range(0, n, _CHUNK):
            count = min(_CHUNK, n - start)
            points = uniforms(
                design, seed, first=first + start, count=count, columns=len(values), total=n
            )
            for name, drawn in self.quantiles(points).items():
                values[name][start : start + count] = drawn
        for name, drawn in values.items():
            self.model.param(name).check(drawn)
        return Cohort(values, np.arange(first, first + n), self.model, self._origin(seed, design))

    def quantiles(
        self, points: Floats, like: tuple[Population, Mapping[str, Floats]] | None = None
    ) -> dict[str, Floats]:
        """Return the values (patient,) at points of the unit cube (patient, parameter).

        ``like``: another population with its values at these points; those of distributions that
        both share are taken from there.
        """
        other, known = like or (None, {})
        laws = other.distributions if other else {}
        columns = {name: points[:, column] for column, name in enumerate(self.distributions)}
        drawn = {
            name: known[name] if _same(law, laws.get(name)) else law.quantile(columns[name])
            for name, law in self.distributions.items()
        }
        if self.joint and other and self.joint is other.joint:
            return drawn | {name: known[name] for name in self.joint.names}
        if self.joint:
            together = np.stack([columns[name] for name in self.joint.names], axis=1)
            drawn |= self.joint.quantiles(together)
        return drawn

    def replace(
        self, *, sigma: float | None = None, **overrides: float | Distribution
    ) -> Population:
        """Return the population with another sigma, other centres or distributions.

        A number moves the centre of a distribution that was given, and keeps its relative spread.
        """
        moved = {name: _moved(self.overrides.get(name), value) for name, value in overrides.items()}
        kept: Any = {**self.overrides, **moved}
        spread = self.sigma if sigma is None else sigma
        return Population(self.preset, spread, model=self.model, joint=self.joint, **kept)

    def _origin(self, seed: int, design: str) -> tuple[tuple[str, str], ...]:
        """Record how the cohort came to be."""
        record = {"preset": self.preset, "sigma": repr(self.sigma)}
        record |= {f"override_{name}": repr(value) for name, value in self.overrides.items()}
        if self.joint:
            record["joint"] = repr(self.joint)
        record |= {"cohort_seed": str(seed), "design": design}
        return tuple(record.items())

    def __repr__(self) -> str:
        overrides = "".join(f", {name}={value!r}" for name, value in self.overrides.items())
        return f"Population({self.preset!r}, sigma={self.sigma:g}{overrides})"


def _same(law: Distribution, other: Distribution | None) -> bool:
    return law is other or law == other


def _moved(before: Any, value: Any) -> Any:
    """Return the distribution ``before`` about another centre."""
    if is_distribution(value):
        return value
    match before:
        case LogNormal(_, sigma):
            return LogNormal(float(value), sigma)
        case Normal(mean, sd):
            return Normal(float(value), sd / mean * float(value))
        case _:
            return value


def _typical(name: str, value: Any) -> float:
    """Return the number, or the median of the distribution."""
    if is_distribution(value):
        return median_of(value)
    try:
        return number(name, value)
    except VcohortError:
        raise VcohortError(
            f"{name} = {value!r} is neither a number nor a distribution. For one value a patient "
            "use vc.Cohort.from_values, for observed values vc.Empirical(values)."
        ) from None


def _patients(n: Any, parameters: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise VcohortError(
            f"n = {n!r} is impossible: the number of patients must be a whole number."
        )
    if n < 1:
        raise VcohortError(f"n = {n} is impossible: a cohort has at least one patient.")
    # Values, outcomes and what is written of them: about three times the values.
    needed, present = 3 * int(n) * parameters * _BYTES, _memory()
    if needed > present:
        raise VcohortError(
            f"n = {n} patients need about {needed / 2**30:.3g} GiB in one cohort, and this machine "
            f"has {present / 2**30:.3g} GiB. Draw fewer, or in parts: "
            "population.sample(n, seed, first=...)."
        )
    return int(n)


def _memory() -> float:
    """Return the machine's memory in bytes; infinite where it does not tell."""
    if not hasattr(os, "sysconf"):
        return float("inf")
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
