"""What a distribution is, and what is asked of any.

All need ``quantile``. Who wants more asks for a method of the class: ``moved_to`` to move the
centre, those of ``HYPERPARAMETERS`` to calibrate it, ``prior`` to draw a posterior with it.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vcohort.errors import VcohortError
from vcohort.given import floats
from vcohort.populations.distributions.numbers import number_of

Floats = NDArray[np.float64]

HYPERPARAMETERS = (
    "hyperparameters()",
    "from_hyperparameters(location, spread)",
    "values(log_location, log_spread, z)",
)

# Probabilities at which a distribution is looked at, to tell whether it varies between two of them.
_LOOKS = 1025

# Halvings that find a probability to the last bit.
_HALVINGS = 60

_EDGE = float(np.finfo(np.float64).epsneg)


@runtime_checkable
class Distribution(Protocol):
    """Anything that turns uniform numbers into values; see docs/extend.md."""

    def quantile(self, u: Floats) -> Floats:
        """Return the values at the probabilities ``u``, of the same shape, rising with ``u``."""
        ...


def is_distribution(value: Any) -> bool:
    """Whether a value is a distribution, and not a number."""
    # A number is told by its type: to ask for a protocol takes a hundred times as long. A series of
    # numbers can give its own quantiles, and is none; a class has yet to be given its numbers.
    if isinstance(value, float | int | np.number | type) or hasattr(value, "__array__"):
        return False
    return isinstance(value, Distribution)


def values_at(law: Distribution, u: Floats) -> Floats:
    """Return the values of a distribution at the probabilities ``u``, in float64.

    :raises VcohortError: where its quantile function gives anything but one finite number for each.
    """
    return checked_values(f"{law!r}: quantile(u)", law.quantile(u), u)


def checked_values(what: str, given: Any, u: Floats) -> Floats:
    """Return values that a distribution gave for the probabilities ``u``, in float64.

    :raises VcohortError: where they are not one finite number for each.
    """
    values = floats(what, given)
    if values.shape != u.shape:
        raise VcohortError(
            f"{what} has the shape {values.shape} for u of the shape {u.shape}. It must give one "
            "value for each probability."
        )
    is_finite = np.isfinite(values)
    if not is_finite.all():
        raise VcohortError(
            f"{what} is {values[~is_finite][0]:g} at u = {u[~is_finite][0]:g}, which is "
            "impossible: it must be a finite number."
        )
    return values


def median_of(law: Distribution) -> float:
    """Return the value in the middle of a distribution."""
    return float(values_at(law, np.array([0.5]))[0])


def varies(law: Distribution, tail: float = _EDGE) -> bool:
    """Whether a distribution has more than one value between its quantiles tail and 1 - tail."""
    return bool(np.ptp(values_at(law, np.linspace(tail, 1.0 - tail, _LOOKS))) > 0.0)


def mass_between(law: Distribution, low: float, high: float) -> float:
    """Return the probability of the values from ``low`` to ``high``, from its quantiles."""
    below, above = np.zeros(2), np.ones(2)
    with np.errstate(over="ignore"):
        for _ in range(_HALVINGS):
            middle = 0.5 * (below + above)
            values = np.asarray(law.quantile(np.clip(middle, _EDGE, 1.0 - _EDGE)))
            is_short = np.array([values[0] < low, values[1] <= high])
            below, above = np.where(is_short, middle, below), np.where(is_short, above, middle)
    return float(above[1] - above[0])


def missing(law: Distribution, *methods: str) -> list[str]:
    """Return which methods the class of a distribution does not have of its own.

    What a class inherits speaks of its parent, and so of another distribution.
    """
    return [method for method in methods if method.partition("(")[0] not in vars(type(law))]


def moved(name: str, law: Any, centre: Any) -> Distribution:
    """Return a parameter's distribution about another centre, by its method ``moved_to``.

    :raises VcohortError: where its class has no such method, or cannot have its centre there.
    """
    at = number_of(name, centre)
    if missing(law, "moved_to(centre)"):
        raise VcohortError(
            f"{name} = {at:g} moves the centre of {law!r}, whose class does not say how: it has no "
            f"method moved_to(centre) of its own. Add one, or give {name} a distribution."
        )
    try:
        found = law.moved_to(at)
    except VcohortError as error:
        raise VcohortError(f"{name} = {at:g} moves the centre of {law!r}. {error}") from None
    if not is_distribution(found):
        raise VcohortError(
            f"{law!r}: moved_to({at:g}) returns {found!r}, which is no distribution."
        )
    return found


def stretch(law: Distribution, centre: float) -> float:
    """Return by which factor to multiply all values, so that the median comes to ``centre``.

    :raises VcohortError: where the median is 0, or would change its sign or become 0.
    """
    middle = median_of(law)
    factor = centre / middle if middle else 0.0
    if not factor > 0.0:
        raise VcohortError(
            f"Its values are multiplied, and no positive factor turns their median {middle:g} into "
            f"{centre:g}. Give another distribution."
        )
    return factor
