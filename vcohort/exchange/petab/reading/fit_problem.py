"""A fit as it was posed elsewhere, for :func:`vcohort.fit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from vcohort.errors import VcohortError
from vcohort.populations.cohort import Cohort
from vcohort.populations.distributions import Distribution, Uniform
from vcohort.trials.trial_data import TrialData


class FitProblem(NamedTuple):
    """What a problem of PEtab asks, as :func:`vcohort.fit` and :func:`vcohort.posterior` take it.

    ``data``: the measurements and the treatments. ``priors``: what is not named is log-uniform
    between its bounds.
    """

    data: TrialData
    free: tuple[str, ...]
    cohort: Cohort
    loss: str
    bounds: Mapping[str, tuple[float, float]]
    priors: Mapping[str, Distribution]

    def for_fit(self) -> dict[str, Any]:
        """Return the arguments of :func:`vcohort.fit`: ``vc.fit(**problem.for_fit())``.

        :raises VcohortError: for priors that are not even, of which a fit knows nothing.
        """
        told = [name for name in self.priors if not self._is_even(name)]
        if told:
            raise VcohortError(
                f"The problem has priors of {', '.join(told)}, of which vc.fit knows nothing. Draw "
                "the posterior: vc.posterior(**problem.for_posterior())."
            )
        return {key: value for key, value in self._asdict().items() if key != "priors"}

    def for_posterior(self) -> dict[str, Any]:
        """Return the arguments of :func:`vcohort.posterior`."""
        return self._asdict()

    def _is_even(self, name: str) -> bool:
        prior, (low, high) = self.priors[name], self.bounds[name]
        return isinstance(prior, Uniform) and prior.lower <= low and high <= prior.upper
