"""Which model of this family an SBML model is: told by what it computes, at random states."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from vcohort.errors import VcohortError
from vcohort.exchange.sbml.reading.scales import KINDS, Scales
from vcohort.exchange.sbml.reading.system import System
from vcohort.models import LAW_KINDS, Law, Model, car_t, known_parameters, laws
from vcohort.models.formulas.checking import random_states, slopes
from vcohort.models.formulas.equations import equations_of

# By what others call the species, letters and digits alone.
_CALLED: Mapping[str, tuple[str, ...]] = {
    "N": ("n", "normaltcells"),
    "C": ("c", "cartcells", "effectorcartcells"),
    "M": ("m", "memorycartcells", "memorycells"),
    "B": ("b", "tumourcells", "tumorcells", "antigenpositivetumourcells",
          "antigenpositivetumorcells", "antigenpresentingtumourcells",
          "antigenpresentingtumorcells"),
    "E": ("e", "antigennegativetumourcells", "antigennegativetumorcells"),
}  # fmt: skip

_ALWAYS = ("N", "C", "B")

# Laws with these are read in cells alone.
_IN_CELLS_ALONE = {"k_1", "phi", "k_C"}

# With what a patient begins, and what stands in no slope.
_BEGUN_WITH = {"N0", "C0", "B0", "E0", "f_M"}

_STATES, _RELATIVE, _OF_LARGEST = 24, 1e-8, 1e-11


def species_of(system: System) -> dict[str, str]:
    """Return the symbols of a system that are species of this family, by what they are here.

    :raises VcohortError: for one that is none of them, and for one that is missing.
    """
    found: dict[str, str] = {}
    for symbol in system.slopes:
        called = [re.sub(r"[^a-z0-9]", "", text.lower()) for text in system.labels.get(symbol, ())]
        here = [name for name, texts in _CALLED.items() if any(each in texts for each in called)]
        if len(here) != 1 or here[0] in found:
            raise VcohortError(
                f"{symbol!r} changes in time, and is not known here. This family has N (normal T "
                "cells), C (CAR T cells), B (tumour cells), and M (memory CAR T cells) and E "
                "(antigen-negative tumour cells): rename it in the file, if it is one of them."
            )
        found[here[0]] = symbol
    missing = [name for name in _ALWAYS if name not in found]
    if missing:
        words = {"N": "normal T cells", "C": "CAR T cells", "B": "tumour cells"}
        raise VcohortError(
            "This is no model of this family: it does not follow "
            f"{', '.join(f'{name} ({words[name]})' for name in missing)}."
        )
    return found


class Member(NamedTuple):
    """A model of this family, and the symbols and sizes of its parameters in a file."""

    model: Model
    symbols: dict[str, str]
    sizes: dict[str, float]


def member_of(system: System, names: Mapping[str, str], scales: Scales) -> Member:
    """Return the model whose slopes a system has.

    :raises VcohortError: for a system that is none, with the parameters or slopes that differ.
    """
    symbols = _parameters(system)
    kinds = {kind: _laws(kind, names) for kind in LAW_KINDS}
    able = [[law for law in found if not _lacks(law, symbols)] for found in kinds.values()]
    if not all(able):
        raise VcohortError(_lacking(symbols, kinds))
    closest: tuple[list[str], Model] | None = None
    for chosen in product(*able):
        by_name = {kind: law.name for kind, law in zip(LAW_KINDS, chosen, strict=True)}
        model = car_t(**by_name)
        wanted = [name for name in model.parameters if name not in _BEGUN_WITH]
        sizes = _sizes(wanted, scales)
        found = Member(model, {name: symbols[name] for name in wanted}, sizes)
        others = {name: symbol for name, symbol in symbols.items() if name not in wanted}
        wrong = _differing(system, names, scales, found, others)
        if not wrong:
            return found
        if closest is None or len(wrong) < len(closest[0]):
            closest = wrong, model
    assert closest is not None
    wrong, model = closest
    slopes_told = " and ".join(f"d{name}/dt" for name in wrong)
    raise VcohortError(
        f"This is no model of this family: {slopes_told} is not that of any laws known here, of "
        f"which {model.name!r} is the nearest. See vcohort info for the laws."
    )


def _parameters(system: System) -> dict[str, str]:
    """Return the constants that are parameters of this family, by their names here."""
    known = {name.replace("_", ""): name for name in known_parameters()}
    found: dict[str, str] = {}
    for symbol in system.constants:
        for text in system.labels.get(symbol, ()):
            name = known.get(text.replace("_", ""))
            if name is not None:
                found.setdefault(name, symbol)
    return found


def _laws(kind: str, names: Mapping[str, str]) -> list[Law]:
    """Return the laws of a kind that follow just the species of a file beside N, C and B."""
    found: list[Law] = []
    for law in laws(kind).values():
        followed = {each.name for each in getattr(law, "compartments", ())}
        followed |= {each.name for each in getattr(law, "clones", ())}
        own = {"memory": {"M"}, "escape": {"E"}}.get(kind, set())
        if followed == own & set(names):
            found.append(law)
    return found


def _lacks(law: Law, symbols: Mapping[str, str]) -> list[str]:
    """Return the parameters of a law's slopes that a file does not have."""
    wanted = [param.name for param in law.parameters if param.name not in _BEGUN_WITH]
    return [name for name in wanted if name not in symbols]


def _sizes(wanted: list[str], scales: Scales) -> dict[str, float]:
    """Return how large one unit of each parameter is in a file, in cells and days."""
    if scales != Scales(1.0, 1.0) and (_IN_CELLS_ALONE & set(wanted)):
        return dict.fromkeys(wanted, np.nan)
    sizes = dict.fromkeys(KINDS["t_cells"], scales.t_cells)
    sizes |= dict.fromkeys(KINDS["tumour"], scales.tumour)
    return {name: sizes.get(name, 1.0) for name in wanted}


def _differing(
    system: System,
    names: Mapping[str, str],
    scales: Scales,
    member: Member,
    others: Mapping[str, str],
) -> list[str]:
    """Return the species whose slopes are not those of a model."""
    generator = np.random.default_rng(0)
    state = random_states(member.model, generator, _STATES)
    wanted = slopes(equations_of(member.model), state)
    cells = {name: scale_of(name, scales) for name in names}
    theirs: dict[str, Any] = {symbol: state[name] / cells[name] for name, symbol in names.items()}
    for name, symbol in member.symbols.items():
        theirs[symbol] = state[name] / member.sizes[name]
    # What a model of this family does not read must not matter, whatever its value in the file.
    for name, symbol in others.items():
        low, high = known_parameters()[name].usual
        theirs[symbol] = generator.uniform(low, high, _STATES)
    found = system.slopes_at(theirs)
    wrong: list[str] = []
    for name, symbol in names.items():
        difference = np.abs(found[symbol] * cells[name] - wanted[name]) / np.abs(state[name])
        rate = np.abs(wanted[name] / state[name])
        if not (difference <= _RELATIVE * rate + _OF_LARGEST * rate.max()).all():
            wrong.append(name)
    return wrong


def scale_of(name: str, scales: Scales) -> float:
    """Return how many cells one unit of a species is."""
    return scales.tumour if name in KINDS["tumour"] else scales.t_cells


def _lacking(symbols: Mapping[str, str], kinds: Mapping[str, list[Law]]) -> str:
    """Return what the laws lack that are nearest to what is there."""
    needed = [min((_lacks(law, symbols) for law in found), key=len) for found in kinds.values()]
    few = dict.fromkeys(name for names in needed for name in names)
    return (
        f"This is no model of this family that can be read: it lacks the parameters "
        f"{', '.join(few)} (it has {', '.join(symbols) or 'none'}). They are read by these names, "
        "as constants."
    )
