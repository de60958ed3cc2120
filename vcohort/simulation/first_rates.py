"""What laws of the user's own say of each patient on day 0, looked at before any work."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from vcohort.engine.integrator.clones import first_clones
from vcohort.engine.integrator.step import cells_of, first_compartments
from vcohort.errors import VcohortError
from vcohort.models import Model, Rates, Values

# Shares of all that are told from the law's own rounding.
_ROUNDING = 1e-5


def check_first_rates(model: Model, values: Mapping[str, np.ndarray]) -> None:
    """Refuse shares of more than all; births, deaths and transfers below 0 (per cell and day).

    What becomes so later makes its patient missing.

    ``values``: of each patient (patient,). The package's own laws have bounds for them.

    :raises VcohortError: saying which patient has them.
    """
    if model.is_built_in:
        return

    def seen(values: Values) -> tuple[Rates, dict[str, jax.Array]]:
        cells = cells_of(model, first_compartments(model, values), first_clones(model, values))
        return model.rates(values, cells), model.infused(values)

    given = {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}
    rates, infused = jax.vmap(seen)(given)
    _check_shares("The shares of the infused product", infused)
    for parent in rates.birth:
        shares = {pair[1]: each for pair, each in rates.mutation.items() if pair[0] == parent}
        _check_shares(f"The chances that a division of {parent} is a mutation", shares)
    moves = {f"{giver} -> {taker}": rate for (giver, taker), rate in rates.transfer.items()}
    for what, found in (("birth", rates.birth), ("death", rates.death), ("transfer", moves)):
        for name, rate in found.items():
            wrong = np.flatnonzero(np.asarray(rate) < 0.0)
            if wrong.size:
                raise VcohortError(
                    f"The {what} rate of {name} is {rate[wrong[0]]:g} a day for the patient in "
                    f"place {wrong[0]}: births, deaths and transfers are at least 0."
                )


def _check_shares(what: str, shares: Mapping[str, jax.Array]) -> None:
    if not shares:
        return
    parts = np.stack([np.asarray(each, float) for each in shares.values()])
    impossible = (parts < 0.0).any(axis=0) | (parts.sum(axis=0) > 1.0 + _ROUNDING)
    if impossible.any():
        place = int(np.argmax(impossible))
        told = ", ".join(
            f"{name}: {part:g}" for name, part in zip(shares, parts[:, place], strict=True)
        )
        raise VcohortError(
            f"{what} are {told} for the patient in place {place}: each is at least 0, and all "
            "together are at most 1."
        )
