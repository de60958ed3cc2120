"""Several parameters that vary together, normal or log-normal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from vcohort.errors import VcohortError
from vcohort.given import floats, truth
from vcohort.populations.distributions.law import Distribution, Floats
from vcohort.populations.distributions.log_normal import LogNormal
from vcohort.populations.distributions.normal import FLOOR, Normal
from vcohort.populations.distributions.numbers import number_of
from vcohort.records import recordable

# Rounding of a covariance that was computed, against variances of 1.
_ROUNDING = 1e-9


@recordable
class MultivariateNormal:
    """Several parameters that vary together: normal, or log-normal with ``log=True``.

    ``centre`` holds each parameter's mean by name (with ``log``: its median), ``covariance`` the
    (k, k) covariance matrix (with ``log``: of the natural logs), in the order of ``centre``; one
    with labels (a pandas DataFrame, an xarray DataArray) is read by them. Normal values are floored
    as those of :class:`Normal`. Patients do not depend on the order of the names: ``names``,
    ``centre`` and ``covariance`` are kept in that of the alphabet.

    :raises VcohortError: for what is no covariance, labels that are not the names.
    """

    def __init__(
        self, centre: Mapping[str, float], covariance: ArrayLike, *, log: bool = False
    ) -> None:
        centres = _by_name(centre)
        matrix = _in_order(covariance, list(centres))
        order = np.argsort(list(centres))
        self.names = tuple(sorted(centres))
        self.centre = np.array([centres[name] for name in self.names])
        self.covariance = matrix[np.ix_(order, order)]
        self.log = truth("MultivariateNormal: log", log)
        self._factor = _factor(self.covariance)

    def quantiles(self, u: Floats) -> dict[str, Floats]:
        """Map uniform numbers (patient, k) to values (patient,) of each parameter."""
        # Summed by hand: a matrix product may round a patient by how many there are.
        deviates = scipy.special.ndtri(u).T
        shift = sum(z[:, None] * column for z, column in zip(deviates, self._factor.T, strict=True))
        if self.log:
            values = self.centre * np.exp(shift)
        else:
            values = np.maximum(self.centre + shift, FLOOR * self.centre)
        return {name: values[:, column] for column, name in enumerate(self.names)}

    def marginal(self, name: str) -> Distribution:
        """Return how one of the parameters varies by itself."""
        at = self.names.index(name)
        spread = float(np.sqrt(self.covariance[at, at]))
        return (LogNormal if self.log else Normal)(float(self.centre[at]), spread)

    def moved_to(self, centre: Mapping[str, float]) -> MultivariateNormal:
        """Return it about other centres of some of the names, with all relative spreads kept."""
        there = dict(zip(self.names, self.centre.tolist(), strict=True))
        moved = _by_name({**there, **centre})
        factor = np.ones_like(self.centre)
        if not self.log:
            factor = np.array([moved[name] for name in self.names]) / self.centre
        return MultivariateNormal(moved, self.covariance * np.outer(factor, factor), log=self.log)

    def without(self, *names: str) -> MultivariateNormal:
        """Return how the other parameters vary."""
        kept = [at for at, name in enumerate(self.names) if name not in names]
        centre = {self.names[at]: float(self.centre[at]) for at in kept}
        return MultivariateNormal(centre, self.covariance[np.ix_(kept, kept)], log=self.log)

    def to_plain(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {"is": type(self).__name__, "names": list(self.names),
                "centre": self.centre.tolist(), "covariance": self.covariance.tolist(),
                "log": self.log}  # fmt: skip

    @classmethod
    def from_plain(cls, given: Mapping[str, Any]) -> MultivariateNormal:
        """Return what :meth:`to_plain` was asked of."""
        centre = dict(zip(given["names"], given["centre"], strict=True))
        return cls(centre, given["covariance"], log=given["log"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MultivariateNormal) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        centre = dict(zip(self.names, self.centre.tolist(), strict=True))
        log = ", log=True" if self.log else ""
        return f"MultivariateNormal({centre}, {self.covariance.tolist()}{log})"


def _by_name(centre: Any) -> dict[str, float]:
    """Return the centres of a mapping, or of a series by its labels."""
    try:
        found = dict(centre)
    except (TypeError, ValueError):
        found = {}
    if not found or len(found) != len(centre) or not all(isinstance(name, str) for name in found):
        raise VcohortError(
            f"MultivariateNormal: centre = {centre!r} is impossible: give each parameter's centre "
            "by its name, such as {'K_C': 7e10, 'r_B': 0.1}."
        )
    centres = {name: number_of(f"MultivariateNormal: {name}", at) for name, at in found.items()}
    for name, at in centres.items():
        if not at > 0:
            raise VcohortError(
                f"MultivariateNormal: {name} = {at!r} is impossible: a centre must be greater "
                "than 0."
            )
    return centres


def _in_order(covariance: Any, names: list[str]) -> Floats:
    """Return a covariance matrix in the order of the names: by its labels, where it has some."""
    matrix = floats("MultivariateNormal: covariance", covariance)
    k = len(names)
    if matrix.shape != (k, k):
        raise VcohortError(
            f"MultivariateNormal: {k} parameters need a covariance of shape ({k}, {k}), not "
            f"{matrix.shape}."
        )
    labels = _labels(covariance)
    if labels is None:
        return matrix
    for each in labels:
        if sorted(map(str, each)) != sorted(names):
            raise VcohortError(
                f"MultivariateNormal: the covariance is labelled {each}, the centre {names}. Give "
                "both the same names, or the covariance without labels: covariance.to_numpy()."
            )
    rows, columns = ([each.index(name) for name in names] for each in labels)
    return matrix[np.ix_(rows, columns)]


def _labels(covariance: Any) -> tuple[list[Any], list[Any]] | None:
    """Return the labels of the rows and of the columns; None of a plain matrix."""
    if hasattr(covariance, "columns") and hasattr(covariance, "index"):
        return list(covariance.index), list(covariance.columns)
    coords = getattr(covariance, "coords", None)
    named = [
        over for over in getattr(covariance, "dims", ()) if coords is not None and over in coords
    ]
    if not named:
        return None
    if len(named) == 1:
        raise VcohortError(
            f"MultivariateNormal: of the covariance only {named[0]!r} has labels. Label both "
            "dimensions, or none."
        )
    rows, columns = (covariance[over].values.tolist() for over in covariance.dims)
    return rows, columns


def _factor(covariance: Floats) -> Floats:
    """Return F with F F' the covariance: the standard deviations times the correlations' root.

    The symmetric root, unlike that of Cholesky, does not depend on an order, and unlike the
    eigenvectors not on their signs. Correlations, since the units of parameters lie decades apart.
    """
    if not np.isfinite(covariance).all() or (covariance.diagonal() < 0).any():
        raise _no_covariance("finite, with variances of at least 0")
    variance = covariance.diagonal()
    constant = variance == 0
    deviation = np.sqrt(np.where(constant, 1.0, variance))
    correlation = covariance / np.outer(deviation, deviation)
    if np.abs(correlation - correlation.T).max() > _ROUNDING:
        raise _no_covariance("symmetric")
    if covariance[constant].any():
        raise _no_covariance("0 with what does not vary")
    worth, axes = np.linalg.eigh((correlation + correlation.T) / 2.0)
    if worth.min() < -_ROUNDING:
        raise _no_covariance("without a negative eigenvalue")
    root = (axes * np.sqrt(np.maximum(worth, 0.0))) @ axes.T
    return deviation[:, None] * root


def _no_covariance(bound: str) -> VcohortError:
    return VcohortError(f"MultivariateNormal: that is no covariance: it must be {bound}.")
