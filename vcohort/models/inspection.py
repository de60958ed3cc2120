"""What the laws of a model read and return, told from the program that they make together."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from vcohort.arrays import Number
from vcohort.errors import VcohortError, did_you_mean
from vcohort.late import jax, jnp
from vcohort.models.law import Values
from vcohort.models.species import TUMOUR, Cells

if TYPE_CHECKING:
    from vcohort.models.model import Model


@cache
def inspect(model: Model) -> bool:
    """Return whether a rate depends on the tumour; refuse a model whose laws do not fit together.

    :raises VcohortError: for a law that reads a parameter that no law owns, or an unknown species;
        for rates of no species, of a wrong one or of none that is followed, or of a wrong shape.
    """
    # These import JAX.
    from vcohort.models import pytrees as pytrees  # noqa: PLC0415
    from vcohort.tracing import dependent  # noqa: PLC0415

    species = model.species
    _check_species(model)

    def everything(
        values: Values, logs: dict[str, Number], numbers: dict[str, Number]
    ) -> tuple[Any, Any, Any]:
        cells = Cells(logs, numbers, species)
        rates = model.rates(values, cells)
        return rates, model.relaxation(values, cells), model.infused(values)

    number = jax.ShapeDtypeStruct((), jnp.float32)
    values = dict.fromkeys(model.parameters, number)
    logs = dict.fromkeys((*species.grown, *species.tumour), number)
    given = values, logs, dict.fromkeys(species.fed, number)
    try:
        program, found = jax.make_jaxpr(everything, return_shape=True)(*given)
    except KeyError as error:
        name = str(error.args[0])
        raise VcohortError(
            f"A law reads the parameter {name!r}, which no law of model {model.name!r} owns. Add "
            f"its Param to the law's parameters. {did_you_mean(name, model.parameters)}"
        ) from error
    except VcohortError:
        raise
    except Exception as error:  # A function of the user's own fails in any way.
        told = str(error).strip().partition("\n")[0]
        raise VcohortError(
            f"The laws of model {model.name!r} cannot be followed ({type(error).__name__}: {told}) "
            "They are functions of one patient's values and cells in jax.numpy, without an if on "
            "their numbers; flows returns vcohort.models.Flows, the rates of clones CloneRates."
        ) from error
    _check(model, *found)
    none = jax.tree.map(lambda _: False, given)
    marked = jax.tree.leaves((none[0], none[1] | dict.fromkeys(species.tumour, True), none[2]))
    return any(dependent(program.jaxpr, marked))


def _check_species(model: Model) -> None:
    """Refuse two species of one name, and one that has the name of a parameter."""
    species = model.species
    names = [each.name for each in (*species.compartments, *species.clones)]
    for name in names:
        if not (isinstance(name, str) and name.isidentifier()):
            raise VcohortError(f"{name!r} is no name of a species. Take letters, such as 'M'.")
        if names.count(name) > 1:
            raise VcohortError(
                f"The model has two species of the name {name!r}, among {', '.join(names)}. "
                "Rename one."
            )
        if name in model.parameters:
            raise VcohortError(f"{name!r} is a species and a parameter of the model. Rename one.")
    if model.escape.first.name != TUMOUR.name:
        raise VcohortError(
            f"The first clone is named {model.escape.first.name!r}. It is the tumour of the other "
            f"laws, {TUMOUR.name!r}: give it another description, and this name."
        )


def _check(model: Model, rates: Any, relaxation: Any, infused: Any) -> None:
    species = model.species
    compartments, clones = (*species.grown, *species.fed), species.tumour
    _check_names("growth rates", rates.growth, compartments)
    _check_names("birth rates", rates.birth, clones)
    _check_names("death rates", rates.death, clones)
    _check_names("relaxation", relaxation, species.grown)
    _check_pairs("transfer", rates.transfer, compartments)
    _check_pairs("mutation", rates.mutation, clones)
    for parent, child in rates.mutation:
        if clones.index(parent) >= clones.index(child):
            raise VcohortError(
                f"A mutation from {parent!r} to {child!r}: a clone must be listed after those that "
                f"it springs from, and the model lists {', '.join(clones)}."
            )
    for name in infused:
        if name not in species.fed:
            raise VcohortError(
                f"A share of the infused product is said to be {name!r}, which is no compartment "
                f"that others feed. {did_you_mean(name, species.fed)}"
            )
    for name in model.initial:
        if name not in model.parameters:
            raise VcohortError(
                f"The model follows {name[:-1]!r}, and no law owns the parameter {name!r}, with "
                "how many cells a patient begins. Add its Param to a law's parameters."
            )
    for path, each in jax.tree_util.tree_leaves_with_path((rates, relaxation, infused)):
        if each.shape != ():
            raise VcohortError(
                f"A rate of model {model.name!r} has the shape {each.shape}"
                f" ({jax.tree_util.keystr(path)}): laws are written for one patient, and each of "
                "their rates is one number."
            )


def _check_names(what: str, given: Iterable[str], wanted: tuple[str, ...]) -> None:
    """Refuse names beside those wanted, and any of these left out."""
    names = set(given)
    for name in sorted(names - set(wanted)):
        raise VcohortError(
            f"The {what} name {name!r}, which is not among {', '.join(wanted)}. "
            f"{did_you_mean(name, wanted)}"
        )
    missing = [name for name in wanted if name not in names]
    if missing:
        raise VcohortError(f"The {what} lack {', '.join(missing)}: give each species its own.")


def _check_pairs(what: str, pairs: Iterable[tuple[str, str]], known: tuple[str, ...]) -> None:
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2 or pair[0] == pair[1]:
            raise VcohortError(
                f"A {what} goes from one species to another, as in {{('C', 'M'): rate}}, not "
                f"{pair!r}."
            )
        for name in pair:
            if name not in known:
                raise VcohortError(
                    f"A {what} from {pair[0]!r} to {pair[1]!r}: {name!r} is not among "
                    f"{', '.join(known)}. {did_you_mean(name, known)}"
                )
