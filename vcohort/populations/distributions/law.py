"""What a distribution is, and what is asked of any: its values, its middle, another centre."""

from __future__ import annotations

import math
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vcohort.errors import VcohortError
from vcohort.given import floats, number

Floats = NDArray[np.float64]

# The paper floors its varied parameters just above zero; this is how far above.
FLOOR = 1e-6

# Probabilities at which a distribution is looked at, to tell whether it varies between two of them.
_LOOKS = 1025


@runtime_checkable
class Distribution(Protocol):
    """Anything that turns uniform numbers into values; see docs/extend.md."""

    def quantile(self, u: Floats) -> Floats:
        """Return the values at the probabilities ``u``, of the same shape, rising with ``u``."""
        ...


def number_of(name: str, value: Any) -> float:
    """Return one finite number as a float, whatever kind it was given as; refuse all else."""
    found = value if type(value) is float else number(name, value)
    if not math.isfinite(found):
        raise VcohortError(f"{name} = {found!r} is impossible: it must be a finite number.")
    return found


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
    values = floats(f"{law!r}: quantile(u)", law.quantile(u))
    if values.shape != u.shape:
        raise VcohortError(
            f"{law!r}: quantile(u) has the shape {values.shape} for u of the shape {u.shape}. It "
            "must give one value for each probability."
        )
    odd = ~np.isfinite(values)
    if odd.any():
        raise VcohortError(
            f"{law!r}: quantile({u[odd][0]:g}) = {values[odd][0]:g} is impossible: it must be a "
            "finite number."
        )
    return values


def median_of(law: Distribution) -> float:
    """Return the value in the middle of a distribution."""
    return float(values_at(law, np.array([0.5]))[0])


def varies(law: Distribution, tail: float = float(np.finfo(np.float64).epsneg)) -> bool:
    """Whether a distribution has more than one value between its quantiles tail and 1 - tail."""
    return bool(np.ptp(values_at(law, np.linspace(tail, 1.0 - tail, _LOOKS))) > 0.0)


def moved(name: str, law: Distribution, centre: Any) -> Distribution:
    """Return a parameter's distribution about another centre, by its method ``moved_to``.

    :raises VcohortError: where its class has no such method, or cannot have its centre there.
    """
    at = number_of(name, centre)
    # What a class inherits would return its parent, and so another distribution.
    move = getattr(law, "moved_to", None) if "moved_to" in vars(type(law)) else None
    if move is None:
        raise VcohortError(
            f"{name} = {at:g} moves the centre of {law!r}, whose class does not say how: it has no "
            f"method moved_to(centre) of its own. Add one, or give {name} a distribution."
        )
    try:
        found = move(at)
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
