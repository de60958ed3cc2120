"""What is asked of a distribution of several parameters that vary together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from vcohort.errors import VcohortError
from vcohort.populations.distributions.law import Distribution, Floats, checked_values


@runtime_checkable
class Joint(Protocol):
    """Anything that turns uniform numbers into values of several parameters; see docs/extend.md."""

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, in the order of the columns of uniform numbers."""
        ...

    def quantiles(self, u: Floats) -> Mapping[str, Floats]:
        """Map uniform numbers (patient, parameter) to values (patient,) of each parameter."""
        ...

    def marginal(self, name: str) -> Distribution:
        """Return how one of the parameters varies by itself."""
        ...

    def moved_to(self, centre: Mapping[str, float]) -> Joint:
        """Return it about other centres of some of the names, with relative spreads kept."""
        ...


def joint_values(joint: Joint, u: Floats) -> dict[str, Floats]:
    """Return the values (patient,) of each parameter at uniform numbers (patient, parameter).

    :raises VcohortError: where there is not one finite number of each for each patient.
    """
    found: Any = joint.quantiles(u)
    if set(found) != set(joint.names):
        raise VcohortError(
            f"{joint!r}: quantiles(u) gives {sorted(found)}, not its names, {sorted(joint.names)}."
        )
    return {
        name: checked_values(f"{joint!r}: quantiles(u)[{name!r}]", found[name], u[:, column])
        for column, name in enumerate(joint.names)
    }


def check_joint(given: Any) -> None:
    """Refuse what is no joint distribution; None is that of none."""
    if given is not None and not isinstance(given, Joint):
        raise VcohortError(
            f"joint = {given!r} is impossible: give a vc.MultivariateNormal, or an object with "
            "names, quantiles(u), marginal(name) and moved_to(centre)."
        )
