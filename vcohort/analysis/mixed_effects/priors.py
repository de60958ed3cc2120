"""What is known of typical values beforehand: normal on their scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.analysis.mixed_effects.scales import Scale
from vcohort.errors import VcohortError
from vcohort.given import by_name
from vcohort.populations.distributions import LogitNormal, LogNormal, Normal

_LAW = {"log": LogNormal, "logit": LogitNormal, "linear": Normal}


class Priors(NamedTuple):
    """Centres and precisions (parameter,) on the scales; a precision of 0 is no prior."""

    centre: Array
    precision: Array

    def deviance(self, typical: Array) -> Array:
        """Return -2 ln of the density at typical values (parameter,), less a constant."""
        return jnp.sum(self.precision * (typical - self.centre) ** 2)

    def slope(self, typical: Array) -> Array:
        """Return the slope (parameter,) of the log density."""
        return self.precision * (self.centre - typical)


def priors_of(given: Any, names: Sequence[str], scales: Sequence[Scale]) -> Priors:
    """Return priors of typical values by name: normal on the scale of the parameter.

    :raises VcohortError: for a law that is not, or one of what is not estimated.
    """
    centre, precision = np.zeros(len(names)), np.zeros(len(names))
    for name, law in by_name("priors", given, "{'K_C': vc.LogNormal(7e10, 0.3)}").items():
        if name not in names:
            raise VcohortError(
                f"There is a prior of {name}, which is not estimated. Estimated: "
                f"{', '.join(names)}."
            )
        number = list(names).index(name)
        scale = scales[number]
        wanted = _LAW[scale.kind]
        is_unit = (scale.low, scale.high) == (0.0, 1.0)
        if type(law) is not wanted or (scale.kind == "logit" and not is_unit):
            raise VcohortError(
                f"The prior of {name}, {law!r}, is none on the scale {scale.kind!r} of {name}. "
                f"Give vc.{wanted.__name__}(...)."
            )
        middle, spread = (law.mean, law.sd) if isinstance(law, Normal) else (law.median, law.sigma)
        unit = scale.unit if wanted is Normal else 1.0
        centre[number] = scale.place(name, middle)
        precision[number] = (unit / spread) ** 2 if spread > 0 else 0.0
        if spread <= 0:
            raise VcohortError(f"The prior of {name}, {law!r}, does not vary: give its value.")
    return Priors(jnp.asarray(centre), jnp.asarray(precision))
