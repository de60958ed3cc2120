"""A population: how patients vary. It is sampled to give a cohort."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vcohort.errors import VcohortError, one_of, refuse_other
from vcohort.given import number, whole
from vcohort.models import Model, car_t
from vcohort.populations.defaults import model_of, preset_values
from vcohort.populations.designs import DESIGNS, points_of, room_for
from vcohort.populations.distributions import (
    Distribution,
    Floats,
    Joint,
    check_joint,
    draw_alike,
    is_distribution,
    joint_values,
    median_of,
    moved,
    values_at,
)
from vcohort.populations.shipped import all_presets, shipped, shipped_names
from vcohort.populations.spread import check_drawn, given_value, spread, typical
from vcohort.records import is_recordable, plain, reading, restored
from vcohort.threads import cores, run_all

if TYPE_CHECKING:
    from vcohort.populations.cohort import Cohort

# Patients drawn at a time, so that their numbers stay in a core's cache; and by a thread in one go.
_PART, _TASK = 1 << 14, 1 << 16

_BYTES = 8


class Population:
    """A preset, a model and how its parameters vary between patients.

    ``preset``: published values (``vc.presets()``), or the name of a population that comes with the
    package, calibrated to a trial: ``"zuma1"`` has its model (memory cells) and its distributions.

    Each rate and capacity varies as in the paper: value (1 + sigma z), z standard
    normal, floored just above zero; the initial numbers N0, C0, B0 do not vary. What is a
    share (u, eps, f_M) has log odds with the standard deviation sigma, and stays one.
    Keywords override parameters, in cells and days: a number moves the centre, a
    distribution (:class:`Normal`, :class:`LogNormal`, :class:`LogitNormal`, :class:`Uniform`,
    :class:`Empirical`, :class:`Fixed`, or one of your own) replaces it. ``joint`` lets
    several parameters vary together.

    :raises VcohortError: for impossible values, unknown names, and a sigma by which nothing varies.
    """

    def __init__(
        self,
        preset: str = "kimmel2021",
        sigma: float = 0.0,
        *,
        model: Model | None = None,
        joint: Joint | None = None,
        **overrides: float | Distribution,
    ) -> None:
        if one_of("preset", preset, all_presets()) in shipped_names():
            self._adopt(preset, sigma, model, joint, overrides)
        else:
            self._compose(preset, sigma, model_of(model), joint, overrides)
        self._advise([*overrides, *(joint.names if joint else ())])

    def _adopt(
        self, name: str, sigma: Any, model: Any, joint: Any, overrides: Mapping[str, Any]
    ) -> None:
        """Become a shipped population, with what is given moved or replaced."""
        own = Population.from_record(shipped(name)["record"])
        if joint is not None or (model is not None and model != own.model):
            raise VcohortError(
                f"The population {name!r} was calibrated with laws and correlations of its own. "
                "Leave others out, or start from a preset: vc.Population('kimmel2021', model=...); "
                "in the shell, --preset kimmel2021."
            )
        there = own.at(sigma=sigma, **overrides)
        self._compose(there.preset, there.sigma, there.model, there.joint, there.overrides)

    def _compose(
        self,
        preset: str,
        sigma: Any,
        model: Model,
        joint: Joint | None,
        overrides: Mapping[str, Any],
    ) -> None:
        sigma = number("sigma", sigma)
        if not (np.isfinite(sigma) and sigma >= 0):
            raise VcohortError(f"sigma = {sigma} is impossible: it must be a number, at least 0.")
        check_joint(joint)
        self.preset, self.sigma, self.model, self.joint = preset, sigma, model, joint
        self.overrides = {name: given_value(name, value) for name, value in overrides.items()}
        together = {name: joint.marginal(name) for name in joint.names} if joint else {}
        for name in together.keys() & self.overrides.keys():
            raise VcohortError(f"{name} is given twice: by itself and in joint. Keep one.")
        chosen = {**self.overrides, **together}
        for name, value in chosen.items():
            model.param(name).check(typical(value))
        centres: dict[str, Any] = {**preset_values(preset, model), **chosen}
        self.distributions = spread(model, centres, sigma)

    @classmethod
    def _made(cls, *parts: Any) -> Population:
        """Return a population of what :meth:`_compose` takes, without a word on units."""
        made = cls.__new__(cls)
        made._compose(*parts)
        return made

    def _advise(self, names: Iterable[str]) -> None:
        """Warn of centres for which another unit was probably meant."""
        for name in names:
            self.model.param(name).advise(typical(self.distributions[name]))

    def middle(self) -> Cohort:
        """Return the patient in the middle: with the median of each distribution."""
        from vcohort.populations.cohort import Cohort  # noqa: PLC0415 - this imports JAX

        values = {name: median_of(law) for name, law in self.distributions.items()}
        return Cohort.from_values(self.preset, model=self.model, **values)

    def sample(self, n: int, seed: int = 0, *, design: str = "random", first: int = 0) -> Cohort:
        """Draw patients ``first`` … ``first + n - 1``.

        Patient i depends on (seed, i) alone, however many are drawn at a time
        (``design="latin-hypercube"``: on n too). ``design``: ``"random"``, ``"sobol"``
        or ``"latin-hypercube"``. Raises :class:`VcohortError` for impossible values.
        """
        from vcohort.populations.cohort import Cohort  # noqa: PLC0415 - this imports JAX

        one_of("design", design, DESIGNS)
        n = _patients(n, len(self.distributions))
        first = whole("first", first, 2**63 - n)
        if design == "latin-hypercube" and first:
            raise VcohortError(
                f"A Latin hypercube is laid out whole: first = {first} is no beginning of it. Use "
                "design='random' or 'sobol' for parts."
            )
        values = {name: np.empty(n) for name in self.distributions}
        points = points_of(design, seed, first=first, count=n, columns=len(values), total=n)
        laws = [*self.distributions.values(), *([self.joint] if self.joint else [])]
        # What is the user's own may keep what it is given, and not be meant for several threads.
        is_own = not all(map(is_recordable, laws))
        params = self.model.parameters

        def draw(index: int) -> None:
            room = None if is_own else room_for(min(_PART, n), len(values))
            for start in range(_TASK * index, min(_TASK * (index + 1), n), _PART):
                part = slice(start, min(start + _PART, n))
                for name, drawn in self.quantiles(points(part, room)).items():
                    check_drawn(params[name], drawn)
                    values[name][part] = drawn

        run_all(draw, -(-n // _TASK), 1 if is_own else cores())
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
        together = self.joint.names if self.joint else ()
        drawn = {
            name: known[name] if draw_alike(law, laws.get(name)) else values_at(law, columns[name])
            for name, law in self.distributions.items()
            if name not in together
        }
        if self.joint and other and self.joint is other.joint:
            return drawn | {name: known[name] for name in together}
        if self.joint:
            points = np.stack([columns[name] for name in together], axis=1)
            drawn |= joint_values(self.joint, points)
        return {name: drawn[name] for name in self.distributions}

    def replace(
        self, *, sigma: float | None = None, **overrides: float | Distribution
    ) -> Population:
        """Return the population with another sigma, other centres or distributions.

        A number moves the centre of a distribution that was given, by itself or in ``joint``, and
        keeps what it is and its relative spread: the mean of :class:`Normal`, the median of any
        other. ``sigma`` is that of the parameters without a distribution.

        :raises VcohortError: also for a distribution that cannot have its centre there.
        """
        found = self.at(sigma=sigma, **overrides)
        found._advise(overrides)
        return found

    def at(self, *, sigma: float | None = None, **overrides: float | Distribution) -> Population:
        """Return the population of a cell: :meth:`replace`, but without a word on units.

        What is said of an axis is said once, by those who lay it out.
        """
        joint, rest = self.joint, dict(overrides)
        if joint:
            together = {
                name: given_value(name, rest.pop(name))
                for name in joint.names
                if name in rest and not is_distribution(rest[name])
            }
            joint = joint.moved_to(together) if together else joint
            joint = _without(joint, [name for name in joint.names if name in rest])
        rest = {name: self._about(name, value) for name, value in rest.items()}
        there = self.sigma if sigma is None else sigma
        return self._made(self.preset, there, self.model, joint, {**self.overrides, **rest})

    def _about(self, name: str, value: Any) -> Any:
        """Return a parameter's own distribution about a centre; what stands alone as it is."""
        before = self.overrides.get(name)
        if before is None or is_distribution(value) or not is_distribution(before):
            return value
        return moved(name, before, given_value(name, value))

    def to_record(self) -> dict[str, Any]:
        """Return the population as what JSON can hold, each number to its last bit."""
        return {
            "preset": self.preset,
            "sigma": self.sigma,
            "overrides": {name: plain(value) for name, value in self.overrides.items()},
            "joint": plain(self.joint),
            "model": plain(self.model),
        }

    @classmethod
    def from_record(cls, record: str | Mapping[str, Any]) -> Population:
        """Return the population of a record, such as a dataset's attribute ``population_record``.

        :raises VcohortError: for one that holds a law or a distribution of the user's own, and for
            what is no record of a population.
        """
        with reading("population"):
            found = json.loads(record) if isinstance(record, str) else record
            overrides = {name: restored(value) for name, value in found["overrides"].items()}
            model, joint = Model.from_plain(found["model"]), restored(found["joint"])
            return cls._made(found["preset"], found["sigma"], model, joint, overrides)

    def _origin(self, seed: int, design: str) -> tuple[tuple[str, str], ...]:
        """Record how the cohort came to be."""
        record = {"preset": self.preset, "sigma": repr(self.sigma)}
        record |= {f"override_{name}": repr(value) for name, value in self.overrides.items()}
        if self.joint:
            record["joint"] = repr(self.joint)
        record |= {"population_record": json.dumps(self.to_record())}
        record |= {"cohort_seed": str(seed), "design": design}
        return tuple(record.items())

    def __repr__(self) -> str:
        more = {"joint": self.joint} if self.joint else {}
        named = {"sigma": self.sigma, **self.overrides, **more}
        if self.model != car_t():
            named["model"] = self.model.name
        return f"Population({self.preset!r}, {', '.join(f'{k}={v!r}' for k, v in named.items())})"


def check_population(population: Any) -> None:
    """Refuse what is no population, such as a cohort that was drawn from one."""
    refuse_other("population", population, Population, "vc.Population('kimmel2021', sigma=0.1)")


def _without(joint: Any, names: list[str]) -> Joint | None:
    """Return a joint distribution without parameters that get one of their own.

    One of the user's own may not say how.
    """
    if not names or not hasattr(joint, "without"):
        return joint
    return None if {*names} == {*joint.names} else joint.without(*names)


def _patients(n: Any, parameters: int) -> int:
    n = whole("n", n, 2**63, least=1)
    # Values, outcomes and what is written of them: about three times the values.
    needed, present = 3 * n * parameters * _BYTES, _memory()
    if needed > present:
        raise VcohortError(
            f"n = {n} patients need about {needed / 2**30:.3g} GiB in one cohort, and this machine "
            f"has {present / 2**30:.3g} GiB. Draw fewer, or in parts: "
            "population.sample(n, seed, first=...)."
        )
    return n


def _memory() -> float:
    """Return the machine's memory in bytes; infinite where it does not tell."""
    if not hasattr(os, "sysconf"):
        return float("inf")
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
