"""What patients are made of where nothing else is said: the paper's model, a preset's values."""

from __future__ import annotations

from typing import Any

from vcohort.errors import refuse_other
from vcohort.models import Model, car_t, find_preset


def model_of(given: Any) -> Model:
    """Return a model that was given; by default that of the paper."""
    model = car_t() if given is None else given
    refuse_other("model", model, Model, "vc.car_t(growth='logistic')")
    return model


def preset_values(preset: str, model: Model) -> dict[str, float]:
    """Return a value for each parameter of ``model``: the preset's, or the law's own default.

    A preset speaks of the paper's parameters; a law that gives a name another
    meaning keeps its own default.
    """
    published, paper = find_preset(preset).values, car_t().parameters
    return {
        name: published[name] if paper.get(name) == param else param.default
        for name, param in model.parameters.items()
    }
