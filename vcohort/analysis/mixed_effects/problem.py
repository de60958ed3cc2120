"""A fit of a population as users ask for it, checked and made arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vcohort.analysis.estimation.make_problem import counting, make_problem, refined
from vcohort.analysis.estimation.problem import Problem
from vcohort.analysis.mixed_effects.courses import FunctionCourse, ModelCourse, Times
from vcohort.analysis.mixed_effects.covariates import Effect, effects_of
from vcohort.analysis.mixed_effects.joint import (
    JointCourse,
    Told,
    check_law,
    joint_inputs,
    told_of,
)
from vcohort.analysis.mixed_effects.layout import Layout
from vcohort.analysis.mixed_effects.priors import Priors, priors_of
from vcohort.analysis.mixed_effects.scales import KINDS, Scale
from vcohort.analysis.mixed_effects.spec import ERRORS, Errors, MixedSpec, Patient, Rows
from vcohort.errors import VcohortError, one_of
from vcohort.given import by_name, is_list, names_of, number, truth
from vcohort.measurements.observables import Observable
from vcohort.measurements.observations import Observations, read_observations
from vcohort.models import Param
from vcohort.populations.cohort import Cohort
from vcohort.simulation.run import Run
from vcohort.trials.trial_data import TrialData


class MixedProblem(NamedTuple):
    """A spec and its patients (leading axis), and where they come from.

    ``typical`` (parameter,): first values; ``single``: the engine's part, without one of the user's
    functions; ``told``: of progressions, where these are in the likelihood, with their ``noise``.
    """

    spec: MixedSpec
    patients: Patient
    priors: Priors
    typical: np.ndarray
    data: Observations
    effects: list[Effect]
    single: Problem | None
    told: Told | None
    noise: float

    @property
    def steps(self) -> int:
        """Steps of the grid of time; 0 where the engine has no part."""
        return 0 if self.single is None else self.single.steps

    def values_at(self, place: np.ndarray) -> np.ndarray:
        """Return parameters (…, parameter) at their places."""
        each = [scale.values(place[..., number]) for number, scale in enumerate(self.spec.scales)]
        return np.stack(each, axis=-1)

    def on_a_grid_for(self, place: np.ndarray) -> MixedProblem:
        """Return the problem on a grid of time that is fine enough at places (patient, …)."""
        if self.single is None:
            return self
        single = refined(self.single, np.log(self.values_at(place)))
        inputs: Any = single.subjects
        if self.told is not None:
            inputs = joint_inputs(single, self.told, self.noise)
        return self._replace(single=single, patients=self.patients._replace(inputs=inputs))


class Asked(NamedTuple):
    """What a user asks of :func:`vcohort.fit_population`."""

    random: Any
    fixed: Any
    predict: Callable[..., Any] | None
    typical: Any
    scales: Any
    covariance: Any
    covariates: Any
    errors: Any
    limits: str
    priors: Any
    cohort: Cohort | None
    run: Run
    observables: Iterable[Observable]
    events: bool
    noise: float


def pose(trial: Any, asked: Asked) -> MixedProblem:
    """Return the problem; see :func:`vcohort.fit_population` for its parts.

    :raises VcohortError: for one that cannot be solved.
    """
    data = _observations(trial, asked)
    covariates = trial.covariates if isinstance(trial, TrialData) else {}
    if len(data.patients) < 2:
        raise VcohortError(
            f"The trial has one patient, {''.join(data.patients)!r}: nothing tells how patients "
            "differ. Give at least two, in the column 'patient', or fit this one alone: vc.fit."
        )
    names, random = _names(asked)
    told = _progressions(trial, asked)
    course, inputs, single = _course(trial, data, names, told, asked)
    scales, typical = _places(names, asked, single)
    effects = effects_of(asked.covariates, covariates, names, data.patients)
    errors = _errors(data, asked.errors)
    widths = 0 if data.errors_known else sum(len(each.names) for each in errors)
    layout = Layout(
        names, tuple(names.index(name) for name in random), blocks_of(random, asked.covariance),
        tuple(names.index(each.parameter) for each in effects), widths,
    )  # fmt: skip
    spec = MixedSpec(layout, scales, errors, data.errors_known, course)
    with jax.enable_x64(True):
        column = np.stack([each.column for each in effects], 1) if effects else None
        covariate = np.zeros((len(data.patients), 0)) if column is None else column
        event = None if told is None else told.event
        patients = Patient(inputs, _rows(data, errors), jnp.asarray(covariate), event)
        priors = priors_of(asked.priors, names, scales)
    return MixedProblem(
        spec, patients, priors, typical, data, effects, single, told, asked.noise
    )  # fmt: skip


def _progressions(trial: Any, asked: Asked) -> Told | None:
    """Return what is told of progressions, where these are to be in the likelihood."""
    if not truth("events", asked.events):
        return None
    if asked.predict is not None:
        raise VcohortError(
            "events=True needs the model: predict tells of no progression. Leave one of them out."
        )
    noise = number("noise", asked.noise)
    if not 0.0 < noise < np.inf:
        raise VcohortError(
            f"noise = {noise:g} is impossible: the error of ln(tumour) by which a progression is "
            "judged must be above 0."
        )
    return told_of(trial)


def _observations(trial: Any, asked: Asked) -> Observations:
    if isinstance(trial, TrialData):
        data = trial.observations
    else:
        data = read_observations(trial, asked.observables, any_name=asked.predict is not None)
    if not data.counted.any():
        raise VcohortError("The trial has no measurement: a fit needs some of most patients.")
    return counting(data, asked.limits)


def _names(asked: Asked) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return all parameters that are estimated, and those with a random effect."""
    random = names_of("random", asked.random, "['K_C', 'rho_C']", "parameters")
    empty = is_list(asked.fixed) and not tuple(asked.fixed)
    fixed = () if empty else names_of("fixed", asked.fixed, "['r_N']", "parameters")
    names = (*random, *fixed)
    for name in names:
        if names.count(name) > 1:
            raise VcohortError(
                f"{name} is twice among random and fixed: random has a typical value and a spread, "
                "fixed a typical value alone."
            )
    return names, random


def _course(
    trial: Any, data: Observations, names: tuple[str, ...], told: Told | None, asked: Asked
) -> tuple[Any, Any, Problem | None]:
    if asked.predict is None:
        rows = trial if isinstance(trial, TrialData) else data
        days = None if told is None else told.days
        single = make_problem(
            rows, names, asked.cohort, "linear", None, asked.run, (), asked.limits, days
        )  # fmt: skip
        if told is None:
            return ModelCourse(single.spec), single.subjects, single
        check_law(single.spec)
        return JointCourse(single.spec), joint_inputs(single, told, asked.noise), single
    if not callable(asked.predict):
        raise VcohortError(
            f"predict = {asked.predict!r} is no function. Try predict=lambda values, day: "
            "values['start'] * jnp.exp(-values['rate'] * day)."
        )
    if asked.cohort is not None:
        raise VcohortError("predict is given, so cohort says nothing: leave one of them out.")
    filled, _ = data.by_patient()
    kinds = [kind.name for kind in data.kinds]
    kind = np.array([kinds.index(name) for name in data.observable])
    with jax.enable_x64(True):
        times = Times(jnp.asarray(data.day[filled]), jnp.asarray(kind[filled]))
    return FunctionCourse(asked.predict, names, tuple(kinds)), times, None


def _places(
    names: tuple[str, ...], asked: Asked, single: Problem | None
) -> tuple[tuple[Scale, ...], np.ndarray]:
    """Return the scale of each parameter, and where on it the typical value starts."""
    given = by_name("typical", asked.typical, "{'K_C': 7e10}")
    kinds = by_name("scales", asked.scales, "{'f': 'logit'}")
    for what, mapping in (("typical values", given), ("scales", kinds)):
        for name in mapping:
            if name not in names:
                raise VcohortError(
                    f"There are {what} for {name}, which is not estimated. Estimated: "
                    f"{', '.join(names)}."
                )
    scales, places = [], []
    for name in names:
        param = single.spec.model.param(name) if single else None
        value = number(f"typical[{name!r}]", given[name]) if name in given else _first(name, single)
        if param is not None:
            param.check(value)
        scale = _scale(name, kinds.get(name), param, value)
        scales.append(scale)
        places.append(scale.place(name, value))
    return tuple(scales), np.array(places)


def _first(name: str, single: Problem | None) -> float:
    if single is None:
        raise VcohortError(
            f"predict needs a first value of each parameter, and {name} has none. Give "
            f"typical={{{name!r}: 1.0}}."
        )
    return float(np.median(np.asarray(single.cohort[name])))


def _scale(name: str, kind: Any, param: Param | None, value: float) -> Scale:
    """Return the scale of a parameter: log, or logit of a share."""
    is_bounded = param is not None and param.is_share
    kind = ("logit" if is_bounded else "log") if kind is None else one_of("scale", kind, KINDS)
    if kind == "linear" and param is not None:
        raise VcohortError(
            f"{name} of the model is above 0, and on a linear scale it would not be. Take 'log'."
        )
    low, high = (param.lower, param.upper) if param and is_bounded else (0.0, 1.0)
    return Scale(kind, low, high, abs(value) or 1.0)


def blocks_of(random: tuple[str, ...], covariance: Any) -> tuple[int, ...]:
    """Return, of each random effect, the number of the block in which it correlates."""
    if isinstance(covariance, str):
        if one_of("covariance", covariance, ("diagonal", "full")) == "full":
            return (0,) * len(random)
        return tuple(range(len(random)))
    if not is_list(covariance):
        raise VcohortError(
            f"covariance = {covariance!r} is impossible: it is 'diagonal', 'full' or a list of "
            "blocks, such as [('K_C', 'rho_C')]."
        )
    block = list(range(len(random)))
    seen: set[str] = set()
    for each in covariance:
        names = names_of("a block of covariance", each, "('K_C', 'rho_C')")
        for name in names:
            if name not in random or name in seen:
                why = "is in two places" if name in seen else "has no random effect"
                raise VcohortError(f"{name} of a block of covariance {why}.")
            seen.add(name)
            block[random.index(name)] = random.index(names[0])
    return tuple(block)


def _errors(data: Observations, given: Any) -> tuple[Errors, ...]:
    """Return how each observable scatters, checked against the data."""
    kinds = [kind.name for kind in data.kinds]
    chosen = given if isinstance(given, Mapping) else dict.fromkeys(kinds, given)
    for name in chosen:
        if name not in kinds:
            raise VcohortError(
                f"There are errors for {name!r}, of which there are no data. Observed: "
                f"{', '.join(kinds)}."
            )
    found = []
    for name in kinds:
        errors = ERRORS[one_of("errors", chosen.get(name, "log"), ERRORS)]
        rows = (np.array(data.observable) == name) & data.counted
        if errors.is_log and (data.value[rows] <= 0).any():
            raise VcohortError(
                f"errors {errors.name!r} of {name} need values above 0. Where nothing was found, "
                "give the limit of detection as the value, and 1 in the column 'below'; or take "
                "other errors, such as 'combined'."
            )
        if data.errors_known and not (errors.scatter.is_plain):
            raise VcohortError(
                f"errors {errors.name!r} of {name} seek the size of the errors, which the column "
                "'error' gives. Leave the column out, or take 'log' or 'linear'."
            )
        found.append(errors)
    return tuple(found)


def _rows(data: Observations, errors: Sequence[Errors]) -> Rows:
    """Return each patient's rows, filled up to the most of one."""
    filled, is_own = data.by_patient()
    kinds = [kind.name for kind in data.kinds]
    kind = np.array([kinds.index(name) for name in data.observable])
    is_log = np.array([each.is_log for each in errors])[kind]
    value = np.where(data.counted, data.value, 1.0)
    value = np.where(is_log, np.log(np.where(is_log, value, 1.0)), value)
    own = np.where(np.isnan(data.error), 1.0, data.error)
    unit = own / np.sqrt(np.where(data.counted, data.weight, 1.0))
    columns = value, unit, kind, data.below, data.counted
    value, unit, kind, below, counted = (jnp.asarray(column[filled]) for column in columns)
    return Rows(value, unit, kind, below, counted & jnp.asarray(is_own))
