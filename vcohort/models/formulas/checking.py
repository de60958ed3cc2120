"""Whether a law's formula is what its function computes: asked at random states, in float64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from vcohort.errors import VcohortError
from vcohort.late import jax
from vcohort.models.formulas.equations import Equations, equations_of
from vcohort.models.formulas.statements import CAR_RATE, KILLING, SUMS
from vcohort.models.formulas.tree import Tree, evaluate
from vcohort.models.model import LAW_KINDS, Model
from vcohort.models.species import Cells

# What rounding leaves between a function and its formula, where terms cancel.
_RELATIVE, _OF_LARGEST = 1e-9, 1e-12

_STATES, _FEWEST, _MOST = 64, 1e3, 1e15


def checked_equations(model: Model, values: Mapping[str, float] | None = None) -> Equations:
    """Return the equations of a model whose formulas are what its laws compute.

    ``values``: of a patient, at which they are compared too.

    :raises VcohortError: for a formula that cannot be read, or is not its law's, by their names.
    """
    equations = equations_of(model)
    states = random_states(model, np.random.default_rng(0), _STATES)
    several = [states] if values is None else [states, states | _constant(values)]
    for each in several:
        told, given = by_formulas(equations, each), by_functions(model, each)
        _check_all_given(model, equations, given)
        for (kind, name), wanted in given.items():
            _compare(model, kind, name, wanted, told, each)
    return equations


def random_states(
    model: Model, generator: np.random.Generator, states: int
) -> dict[str, np.ndarray]:
    """Return random parameters, each within its usual range, and cells (state,), by name."""

    def between(low: float, high: float) -> np.ndarray:
        if low > 0.0:
            return np.exp(generator.uniform(np.log(low), np.log(high), states))
        return generator.uniform(low, high, states)

    parameters = {name: between(*param.usual) for name, param in model.parameters.items()}
    return parameters | {name: between(_FEWEST, _MOST) for name in model.species.names}


def by_formulas(equations: Equations, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what formulas give at a state: each derived quantity, and shares of the product."""
    known = dict(state)
    with np.errstate(all="ignore"):
        for name, each in equations.derived.items():
            known[name] = evaluate(each.tree, known)
        shares = {_share(name): evaluate(tree, known) for name, tree in equations.infused.items()}
    return known | shares


def slopes(equations: Equations, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return dX/dt of each species at a state, in cells per day, as the formulas have it."""
    known = by_formulas(equations, state)

    def at(tree: Tree) -> Any:
        return evaluate(tree, known)

    with np.errstate(all="ignore"):
        return {name: at(tree) for name, tree in equations.rates.items()}


def by_functions(model: Model, state: Mapping[str, Any]) -> dict[tuple[str, str], np.ndarray]:
    """Return what the laws' functions give at states (state,), by kind of law and quantity."""
    # These import JAX.
    from vcohort.models import pytrees as pytrees  # noqa: PLC0415

    def of_one(values: dict[str, Any], numbers: dict[str, Any]) -> dict[tuple[str, str], Any]:
        return dict(_rates(model, values, Cells.counted(model.species, numbers)))

    with jax.enable_x64(True):
        values = {name: jax.numpy.asarray(state[name]) for name in model.parameters}
        numbers = {name: jax.numpy.asarray(state[name]) for name in model.species.names}
        found = jax.vmap(of_one)(values, numbers)
        return {name: np.asarray(value) for name, value in found.items()}


def _rates(model: Model, values: Any, cells: Cells) -> Iterator[tuple[tuple[str, str], Any]]:
    found = model.rates(values, cells)
    yield ("feedback", CAR_RATE), model.feedback.rate(values, cells)
    yield ("killing", KILLING), found.death["B"]
    yield ("proliferation", "births_B"), found.birth["B"]
    for name, rate in found.growth.items():
        yield ("growth" if name in {"N", "C"} else "memory", f"growth_{name}"), rate
    for (giver, taker), rate in found.transfer.items():
        yield ("memory", f"from_{giver}_to_{taker}"), rate
    for name, share in model.infused(values).items():
        yield ("memory", _share(name)), share
    for name in model.species.tumour[1:]:
        yield ("escape", f"births_{name}"), found.birth[name]
        yield ("escape", f"deaths_{name}"), found.death[name]
    for (parent, child), chance in found.mutation.items():
        yield ("escape", f"from_{parent}_to_{child}"), chance


def _share(name: str) -> str:
    return f"infused_as_{name}"


def _constant(values: Mapping[str, float]) -> dict[str, np.ndarray]:
    return {name: np.full(_STATES, float(value)) for name, value in values.items()}


def _check_all_given(
    model: Model, equations: Equations, given: Mapping[tuple[str, str], Any]
) -> None:
    """Refuse what a formula says and no law gives, such as one more exchange of cells."""
    names = {name for _, name in given} | set(SUMS)
    for name in (*equations.derived, *map(_share, equations.infused)):
        if name not in names:
            raise VcohortError(
                f"A formula of model {model.name!r} says {name}, which no law of it computes. Take "
                "it out of the formula, or put it into the law."
            )


def _compare(
    model: Model, kind: str, name: str, wanted: np.ndarray, told: Mapping[str, Any],
    state: Mapping[str, np.ndarray],
) -> None:  # fmt: skip
    law = model.laws[LAW_KINDS.index(kind)]
    if name not in told:
        raise VcohortError(
            f"The {kind} law {law.name!r} gives {name}, of which its formula {law.formula!r} says "
            "nothing. Say it, or another program would leave it out."
        )
    found = np.broadcast_to(told[name], wanted.shape)
    allowed = _RELATIVE * np.abs(wanted) + _OF_LARGEST * np.abs(wanted).max()
    # What is no number is near nothing.
    wrong = ~(np.abs(found - wanted) <= allowed)
    if wrong.any():
        at = int(np.argmax(wrong))
        read = [*(param.name for param in law.parameters), *model.species.names]
        where = ", ".join(f"{each} = {state[each][at]:.6g}" for each in read)
        raise VcohortError(
            f"The formula of the {kind} law {law.name!r}, {law.formula!r}, is not what the law "
            f"computes: {name} is {found[at]:.10g} by the formula and {wanted[at]:.10g} by the law "
            f"at {where}. Nothing was written: correct the one that is wrong."
        )
