"""Plausible patients: those within ranges; then weights, or some of them, that match a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from vcohort.analysis.calibration.entropy import entropy_weights
from vcohort.analysis.calibration.statistics import read_statistics
from vcohort.errors import VcohortError, one_of
from vcohort.given import numbers, whole
from vcohort.simulation.dataset import provenance


def select_patients(
    statistics: ArrayLike,
    ranges: Mapping[str, tuple[float, float]],
    targets: Mapping[str, float] | None = None,
    *,
    n: int | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Keep the patients whom nothing speaks against, and of them as many of each as a trial had.

    First acceptance: a patient is plausible whose statistics lie within all ranges. Then
    prevalence (Allen, Rieger & Musante 2016, CPT Pharmacometrics Syst. Pharmacol. 5:140): the
    plausible patients have the weights of greatest entropy that match the targets; with ``n`` a
    plausible patient is accepted with the probability weight / largest weight, and n of the
    accepted are chosen, so that plain means are near the targets.

    :param statistics: of each patient (patient, k), with names: a dataset over ``patient``, a data
        frame, columns by name.
    :param ranges: lowest and highest value by name; infinite where there is no bound. Who has no
        number there is not plausible.
    :param targets: means of the plausible patients by name, as for :func:`vcohort.entropy_weights`.
    :param n: how many patients to choose; by default none is, and the weights say it all.
    :return: over ``patient``: ``plausible`` and, with ``n``, ``chosen`` (1 or 0), and ``weight``
        (mean 1; 0 for who is not plausible). Attributes ``plausible_patients`` and, with targets,
        ``effective_patients``. Choose them: ``cohort.select(np.flatnonzero(ds["chosen"]))``.
    :raises VcohortError: for unknown names, ranges that no patient is in, targets that weights
        cannot reach, and fewer accepted patients than ``n``.
    """
    found, names = read_statistics(statistics)
    if names is None or found.ndim != 2:
        raise VcohortError("select_patients needs statistics with names: {'C_max': [...], ...}.")
    known = [str(name) for name in names]
    plausible = _plausible(found, known, ranges)
    weight = np.where(plausible, 1.0 / plausible.mean(), 0.0)
    attributes: dict[str, Any] = {"plausible_patients": int(plausible.sum())}
    if targets is not None:
        columns = [known.index(one_of("statistic", name, known)) for name in targets]
        inside = found[plausible][:, columns]
        weighed = entropy_weights(inside, list(targets.values()))
        weight[plausible] *= weighed["weight"].values
        attributes["effective_patients"] = weighed.attrs["effective_patients"]
    about = {"units": "1"}
    ds = xr.Dataset(
        {
            "plausible": ("patient", plausible.astype(np.int8), about | {"long_name": "plausible"}),
            "weight": ("patient", weight, about | {"long_name": "weight of the patient, mean 1"}),
        },
        attrs=attributes | provenance("selection"),
    )
    if n is not None:
        chosen = _choose(weight, whole("n", n, len(weight) + 1, 1), whole("seed", seed, 2**64))
        ds["chosen"] = ("patient", chosen.astype(np.int8), about | {"long_name": "chosen"})
    return ds


def _plausible(found: np.ndarray, known: list[str], ranges: Any) -> np.ndarray:
    """Return who (patient,) lies within all ranges.

    :raises VcohortError: for ranges that are none, and where nobody is left.
    """
    if not isinstance(ranges, Mapping):
        raise VcohortError("ranges are bounds by name: {'C_max': (1e9, 1e11)}.")
    plausible, lost = np.ones(len(found), bool), ""
    for name, given in ranges.items():
        column = found[:, known.index(one_of("statistic", name, known))]
        bounds = numbers(f"ranges: {name}", given)
        if bounds.shape != (2,) or not bounds[0] <= bounds[1]:
            raise VcohortError(f"ranges: {name} = {given!r}: give its lowest and highest value.")
        plausible &= (bounds[0] <= column) & (column <= bounds[1])
        if not plausible.any():
            lost = lost or name
    if lost:
        raise VcohortError(
            f"No patient is plausible: the last is lost by the range of {lost}. Widen it, or the "
            "population."
        )
    return plausible


def _choose(weight: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return which n patients (patient,) are chosen, as often as their weights say."""
    random = np.random.default_rng(seed)
    accepted = np.flatnonzero(random.random(weight.size) < weight / weight.max())
    if accepted.size < n:
        raise VcohortError(
            f"Of {weight.size} patients {accepted.size} are accepted, fewer than n = {n}. Give "
            "more patients, or a smaller n."
        )
    chosen = np.zeros(weight.size, bool)
    chosen[random.permutation(accepted)[:n]] = True
    return chosen
