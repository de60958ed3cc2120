"""What laws of the user's own compute, in a few letters: their names and formulas do not tell."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vcohort.models.model import Model

_STATES, _FEWEST, _MOST = 16, 1e3, 1e15

# Digits that every machine agrees on.
_DIGITS = 6


@cache
def fingerprint(model: Model) -> str:
    """Return the digest of a model's rates at some states, near its parameters' defaults."""
    from vcohort.models.formulas.checking import by_functions  # noqa: PLC0415 - this imports models

    generator = np.random.default_rng(0)
    defaults = {name: param.default for name, param in model.parameters.items()}
    least, most = np.log(_FEWEST), np.log(_MOST)
    states = {
        name: default * generator.uniform(0.8, 1.0, _STATES) for name, default in defaults.items()
    } | {name: np.exp(generator.uniform(least, most, _STATES)) for name in model.species.names}
    rates = by_functions(model, states)
    told = [f"{name}={default!r}" for name, default in sorted(defaults.items())]
    told += [
        f"{' '.join(name)}={' '.join(f'{value:.{_DIGITS}g}' for value in np.ravel(rate))}"
        for name, rate in sorted(rates.items())
    ]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
