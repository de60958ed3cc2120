"""Formulas of standard deviations as losses: told by what they compute, at a few numbers."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from typing import NamedTuple, TypeAlias

import numpy as np

from vcohort.errors import VcohortError, VcohortWarning
from vcohort.exchange.petab.content import Content, Measurement, Observed
from vcohort.exchange.petab.reading.formulas import formula
from vcohort.exchange.petab.writing.noise import KINDS, Kind
from vcohort.models.formulas.tree import Tree, evaluate, names_in, replaced
from vcohort.populations.distributions import Uniform

# Scales at which formulas are asked, a pair a state: of a constant and of a proportional width.
_ASKED = ((1.0, 1.0), (3.0, 0.25), (0.7, 2.0), (2.5, 0.1))
STATES = len(_ASKED)
"""At how many states formulas are asked."""

_RELATIVE = 1e-9

# Bounds of noise this far apart hold nothing back.
_WIDE = 1e4

_LN_10 = math.log(10.0)


States: TypeAlias = Sequence[Mapping[str, float]]
"""What a formula may read at a few states: known numbers, cells, what the observable is."""


class Width(NamedTuple):
    """A standard deviation: ``size`` times what ``scales`` are, by kind of width.

    Without ``scales``: the standard deviation itself.
    """

    scales: dict[str, str]
    size: float


class Scatter(NamedTuple):
    """How all measurements scatter: by which loss, with which errors or weights (row,).

    ``scales``: the parameters that are scales of patients.
    """

    loss: str
    error: np.ndarray
    weight: np.ndarray
    scales: frozenset[str]


def scatter_of(content: Content, states: Mapping[str, States], estimated: Iterable[str]) -> Scatter:
    """Return how the measurements of a problem scatter; ``states``: by observable.

    :raises VcohortError: for standard deviations that no loss here has.
    """
    observables = {each.name: each for each in content.observables}
    free = set(estimated)
    found: dict[tuple[str, tuple[str, ...]], Width] = {}
    for each in content.measurements:
        key = each.observable, each.instead
        if key not in found:
            found[key] = _width(observables[each.observable], each, states[each.observable], free)
    widths = [found[each.observable, each.instead] for each in content.measurements]
    scales = {observables[each.observable].scale for each in content.measurements}
    loss = _loss({"lin" if scale == "lin" else "log" for scale in scales}, widths)
    _check_scales(content, widths)
    _advise(content, {name for width in widths for name in width.scales.values()})
    nothing = np.full(len(widths), np.nan)
    if not widths[0].scales:
        factors = [_LN_10 if observables[each.observable].scale == "log10" else 1.0
                   for each in content.measurements]  # fmt: skip
        error = np.array([width.size for width in widths]) * factors
        return Scatter(loss, error, np.ones(len(widths)), frozenset())
    if "log10" in scales and len(scales) > 1:
        raise VcohortError(
            "Some observables scatter on the scale log, others on log10: take one of them, since "
            "here all measurements of a patient have one scale."
        )
    scales_of_all = frozenset(name for width in widths for name in width.scales.values())
    return Scatter(loss, nothing, np.array([width.size for width in widths]) ** -2.0, scales_of_all)


def _loss(scales: set[str], widths: Sequence[Width]) -> str:
    """Return the loss of all measurements."""
    made = {tuple(sorted(width.scales)) for width in widths}
    if len(scales) > 1 or len(made) > 1:
        raise VcohortError(
            "The measurements scatter in different ways (on linear and logarithmic scales, with "
            "known errors and with estimated ones, or by different formulas), and a fit here has "
            "one loss for all. Fit them apart."
        )
    [scale], [of] = scales, made
    kinds = {name: kind for name, kind in KINDS.items() if kind.scale == scale}
    wanted = Kind(scale, of or ("constant",))
    for name, kind in kinds.items():
        if Kind(kind.scale, tuple(sorted(kind.widths))) == wanted:
            return name
    raise VcohortError(
        f"No loss here has a width that is {' and '.join(of)} on the scale {scale!r}."
    )


def _check_scales(content: Content, widths: Sequence[Width]) -> None:
    """Refuse scales that two patients share, and several of one kind for a patient."""
    of_patient: dict[str, dict[str, str]] = {}
    owner: dict[str, str] = {}
    for each, width in zip(content.measurements, widths, strict=True):
        if of_patient.setdefault(each.patient, width.scales) != width.scales:
            raise VcohortError(
                f"The measurements of {each.patient!r} have several estimated scales, "
                f"{_listed(of_patient[each.patient])} and {_listed(width.scales)}. Here a patient "
                "has one for all measurements; give known errors, or fit the observables apart."
            )
        for name in width.scales.values():
            if owner.setdefault(name, each.patient) != each.patient:
                raise VcohortError(
                    f"The scale {name!r} is that of {owner[name]!r} and of {each.patient!r}. Here "
                    "each patient has a scale of its own."
                )


def _advise(content: Content, scales: set[str]) -> None:
    """Warn of bounds of scales, which are found here wherever they are most likely."""
    for each in content.parameters:
        if each.name in scales and each.bounds is not None:
            low, high = each.bounds
            if not isinstance(each.prior, Uniform | None):
                raise VcohortError(
                    f"The noise parameter {each.name!r} has a prior of its own: vc.fit and "
                    "vc.posterior know none for it. Leave it out, or give known errors."
                )
            if high < _WIDE * low:
                warnings.warn(
                    f"The bounds of {each.name!r}, {low:g} and {high:g}, are not kept: a scale of "
                    "noise is found wherever it is most likely.",
                    VcohortWarning,
                    stacklevel=4,
                )


def _listed(scales: Mapping[str, str]) -> str:
    return ", ".join(scales.values())


def _width(observed: Observed, measured: Measurement, states: States, free: set[str]) -> Width:
    what = f"The noise of {observed.name!r}"
    if len(measured.instead) != len(observed.placeholders):
        raise VcohortError(
            f"A measurement of {observed.name!r} on day {measured.day:g} has "
            f"{len(measured.instead)} noise parameters, and its noise is {observed.deviation!r}."
        )
    own = {name: formula(text, what) for name, text in
           zip(observed.placeholders, measured.instead, strict=True)}  # fmt: skip
    tree = replaced(formula(observed.deviation, what), own)
    read = dict.fromkeys(names_in(tree))
    unknown = [name for name in read if name not in {*states[0], *free}]
    if unknown:
        raise VcohortError(
            f"{what}, {observed.deviation!r}, reads {unknown[0]!r}, which is neither "
            "a parameter of the problem, nor cells, nor the observable itself."
        )
    for scales in _ways([name for name in read if name in free]):
        width = _told(tree, scales, observed.name, states)
        if width is not None:
            return width
    raise VcohortError(
        f"{what} is {observed.deviation!r}, which no loss here has: a known number, an estimated "
        "one, one times the observable, or the root of the sum of both squares."
    )


def _ways(scales: Sequence[str]) -> list[dict[str, str]]:
    """Return what estimated scales may be the widths of."""
    if len(scales) == 1:
        return [{"constant": scales[0]}, {"proportional": scales[0]}]
    if len(scales) == 2:
        return [{"constant": one, "proportional": other} for one, other in permutations(scales)]
    return [] if scales else [{}]


def _told(tree: Tree, scales: dict[str, str], observable: str, states: States) -> Width | None:
    """Return the width that a formula is, if it is made of such scales."""
    sizes: list[float] = []
    for (constant, share), state in zip(_ASKED, states, strict=True):
        at = {"constant": constant, "proportional": share}
        named = {name: at[width] for width, name in scales.items()}
        with np.errstate(all="ignore"):
            found = float(evaluate(tree, {**state, **named}))
        parts = {"constant": constant, "proportional": share * state[observable]}
        due = math.hypot(*(parts[width] for width in scales)) if scales else 1.0
        sizes.append(found / due)
    size = sizes[0]
    is_same = all(math.isclose(each, size, rel_tol=_RELATIVE) for each in sizes)
    return Width(scales, size) if is_same and 0.0 < size < math.inf else None
