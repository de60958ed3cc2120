"""What a parameter is given as, a number or a distribution; and how sigma spreads numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vcohort.errors import VcohortError
from vcohort.given import number
from vcohort.models import Model, Param
from vcohort.populations.distributions import (
    Distribution,
    Fixed,
    Floats,
    LogitNormal,
    Normal,
    is_distribution,
    median_of,
)


def spread(model: Model, centres: Mapping[str, Any], sigma: float) -> dict[str, Distribution]:
    """Return the distributions of a model's parameters, those of numbers as ``sigma`` spreads them.

    :raises VcohortError: for a sigma by which nothing varies.
    """
    varied = _varied_by(sigma, centres, model)
    if sigma > 0 and not varied:
        raise VcohortError(
            f"By sigma = {sigma:g} nothing varies: each rate and capacity has a distribution "
            "of its own, and N0, C0 and B0 vary by their own alone. Leave sigma out."
        )
    return {
        name: _spread(model.param(name), value, sigma) if name in varied else _steady(value)
        for name, value in centres.items()
    }


def given_value(name: str, value: Any) -> Any:
    """Return a parameter's distribution, or its number as a float."""
    if is_distribution(value) or type(value) is float:
        return value
    try:
        return number(name, value)
    except VcohortError:
        raise VcohortError(
            f"{name} = {value!r} is neither a number nor a distribution. For one value per patient "
            "use vc.Cohort.from_values, for observed values vc.Empirical(values)."
        ) from None


def typical(value: Any) -> float:
    """Return the number, or the median of the distribution."""
    return median_of(value) if is_distribution(value) else value


def check_drawn(param: Param, drawn: Floats) -> None:
    """Refuse impossible values; say which distribution has none, where there is one."""
    try:
        param.check(drawn)
    except VcohortError as error:
        if not param.is_share:
            raise
        raise VcohortError(
            f"{error} Its distribution has such values: vc.LogitNormal(median, sigma) has none."
        ) from None


def _varied_by(sigma: float, centres: Mapping[str, Any], model: Model) -> set[str]:
    """Return the parameters that sigma varies: rates and capacities given as numbers.

    Nothing varies by any share of itself, and neither do the odds of a certainty.
    """
    numbers = {name: value for name, value in centres.items() if not is_distribution(value)}
    varied = {
        name
        for name, value in numbers.items()
        if sigma * value > 0 and not (value == 1 and model.param(name).is_share)
    }
    return varied - {*model.initial}


def _spread(param: Param, centre: float, sigma: float) -> Distribution:
    """Return how sigma spreads a parameter, within its bounds."""
    return LogitNormal(centre, sigma) if param.is_share else Normal(centre, sigma * centre)


def _steady(value: Any) -> Distribution:
    return value if is_distribution(value) else Fixed(value)
