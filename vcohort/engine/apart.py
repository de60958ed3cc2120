"""A model for derivatives: its rates are a program of their own.

On the way back XLA copies cheap operations into every loop that needs them, five times over. It
does not look into a called program.
"""

from __future__ import annotations

import jax

from vcohort.models import Cells, Model, Rates, Values


class _Apart(Model):
    def rates(self, values: Values, cells: Cells) -> Rates:
        return jax.jit(super().rates)(values, cells)


def apart(model: Model) -> Model:
    """Return the same model, its rates compiled apart."""
    return _Apart(model.growth, model.feedback, model.killing, model.proliferation)
