"""Several kinds of patients: of each kind a share, whose parameters vary together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from vcohort.errors import VcohortError
from vcohort.given import is_list
from vcohort.populations.distributions.law import Floats, stretch
from vcohort.populations.distributions.log_normal import LogNormal
from vcohort.populations.distributions.multivariate_normal import MultivariateNormal
from vcohort.populations.distributions.numbers import number_of
from vcohort.records import recordable

_EDGE = float(np.finfo(np.float64).epsneg)

# Shares are written with so many digits at least.
_ROUNDING = 1e-6

# What does not vary within a kind is divided by this.
_NARROWEST = 1e-12

# Halvings of the interval between two kinds' quantiles: to the last bit of single precision.
_HALVINGS = 40


@recordable
@dataclass(frozen=True)
class MixedLogNormal:
    """One parameter of patients of several kinds, log-normal in each."""

    shares: tuple[float, ...]
    kinds: tuple[LogNormal, ...]

    family = "mixed-lognormal"

    def quantile(self, u: Floats) -> Floats:
        """Return the values, between those of the kinds, below which the share ``u`` lies."""
        logs = np.log([np.asarray(kind.quantile(u)) for kind in self.kinds])
        low, high = logs.min(axis=0), logs.max(axis=0)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            short = self._share_below(middle) < u
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        return np.exp(high)

    def _share_below(self, log: Floats) -> Floats:
        parts = (
            share * scipy.special.ndtr((log - np.log(kind.median)) / max(kind.sigma, _NARROWEST))
            for share, kind in zip(self.shares, self.kinds, strict=True)
        )
        return sum(parts, np.zeros_like(log))

    def moved_to(self, centre: float) -> MixedLogNormal:
        """Return it with all values multiplied, so that ``centre`` is their median."""
        factor = stretch(self, centre)
        kinds = tuple(LogNormal(factor * kind.median, kind.sigma) for kind in self.kinds)
        return MixedLogNormal(self.shares, kinds)


@recordable
class Mixture:
    """Patients of several kinds: of each a share, and how its parameters vary together.

    ``kinds``: pairs of a share and a :class:`MultivariateNormal` with ``log=True``, all of the same
    parameters, ``[(0.7, sensitive), (0.3, resistant)]``. The shares add up to 1.

    :raises VcohortError: for other shares, other distributions, other names in one of them.
    """

    def __init__(self, kinds: Sequence[tuple[float, MultivariateNormal]]) -> None:
        listed: Any = kinds if is_list(kinds) else ()
        pairs: list[Any] = [tuple(each) if is_list(each) else () for each in listed]
        if not pairs or any(len(pair) != 2 for pair in pairs):
            raise VcohortError(
                f"Mixture: kinds = {kinds!r} is impossible: give pairs of a share and a "
                "distribution, [(0.7, vc.MultivariateNormal(...)), (0.3, ...)]."
            )
        self.shares = tuple(number_of("Mixture: share", share) for share, _ in pairs)
        self.kinds = tuple(_checked_kind(kind, pairs[0][1]) for _, kind in pairs)
        if not all(share > 0 for share in self.shares) or abs(sum(self.shares) - 1) > _ROUNDING:
            raise VcohortError(
                f"Mixture: the shares {self.shares} are impossible: each must be greater than 0, "
                "and they must add up to 1."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, in the order of the alphabet."""
        return self.kinds[0].names

    def quantiles(self, u: Floats) -> dict[str, Floats]:
        """Map uniform numbers (patient, k) to values (patient,) of each parameter.

        The first number chooses the kind, and what is left of it is uniform again.
        """
        ends = np.cumsum(self.shares)
        ends[-1] = 1.0
        kind = np.searchsorted(ends, u[:, 0], side="right").clip(max=len(ends) - 1)
        begin, share = ends[kind] - np.asarray(self.shares)[kind], np.asarray(self.shares)[kind]
        within = np.array(u)
        within[:, 0] = np.clip((u[:, 0] - begin) / share, _EDGE, 1.0 - _EDGE)
        values = {name: np.empty(len(u)) for name in self.names}
        for index, law in enumerate(self.kinds):
            mine = kind == index
            for name, drawn in law.quantiles(within[mine]).items():
                values[name][mine] = drawn
        return values

    def marginal(self, name: str) -> MixedLogNormal:
        """Return how one of the parameters varies by itself."""
        alone: list[Any] = [kind.marginal(name) for kind in self.kinds]
        return MixedLogNormal(self.shares, tuple(alone))

    def moved_to(self, centre: Mapping[str, float]) -> Mixture:
        """Return it about other medians of some of the names, with all relative spreads kept."""
        for name, at in centre.items():
            if not number_of(name, at) > 0:
                raise VcohortError(
                    f"{name} = {at:g} is impossible: a median must be greater than 0."
                )
        factor = {name: stretch(self.marginal(name), at) for name, at in centre.items()}

        def moved(kind: MultivariateNormal) -> MultivariateNormal:
            there = dict(zip(kind.names, kind.centre.tolist(), strict=True))
            return kind.moved_to({name: each * there[name] for name, each in factor.items()})

        return Mixture([(share, moved(kind)) for share, kind in self])

    def without(self, *names: str) -> Mixture:
        """Return how the other parameters vary."""
        return Mixture([(share, kind.without(*names)) for share, kind in self])

    def __iter__(self) -> Any:
        return zip(self.shares, self.kinds, strict=True)

    def to_plain(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {"is": type(self).__name__, "shares": list(self.shares),
                "kinds": [kind.to_plain() for kind in self.kinds]}  # fmt: skip

    @classmethod
    def from_plain(cls, given: Mapping[str, Any]) -> Mixture:
        """Return what :meth:`to_plain` was asked of."""
        kinds = map(MultivariateNormal.from_plain, given["kinds"])
        return cls(list(zip(given["shares"], kinds, strict=True)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mixture) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"Mixture({list(self)!r})"


def _checked_kind(kind: Any, first: Any) -> MultivariateNormal:
    if not (isinstance(kind, MultivariateNormal) and kind.log):
        raise VcohortError(
            f"Mixture: {kind!r} is impossible: each kind is a vc.MultivariateNormal with log=True."
        )
    if kind.names != first.names:
        lacking = sorted({*first.names} ^ {*kind.names})
        raise VcohortError(
            f"Mixture: {', '.join(lacking)} vary in some kinds alone. Give all kinds the same "
            "parameters."
        )
    return kind
