"""A trial that is planned: its arms, how many patients, how long they are watched, and when."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from vcohort.endpoints.visits import checked_visits
from vcohort.errors import VcohortError, VcohortWarning, one_of, refuse_other
from vcohort.given import by_name, confidence_of, names_of, number, whole
from vcohort.results.arms.arm import Arm, read_arm, warn_other_events, warn_other_populations
from vcohort.results.arms.compare import populations_of
from vcohort.results.planned.power import Plan, predicted

_EXAMPLE = '{"one": ds, "two": other}'


@dataclass(frozen=True)
class Trial:
    """A trial that is planned: how many patients, enrolled over how long, lost, seen when.

    :param arms: datasets of :func:`vcohort.simulate` by name, one or more; of each a list, one of
        each population that may be the true one, for the assurance.
    :param patients: how many in each arm, or by name.
    :param enrolment: days over which patients are enrolled, evenly.
    :param dropout: share of the patients who are lost within a year, at a constant rate.
    :param visits: days after infusion on which a patient is looked at: a progression is seen on the
        first of them that is not before it; by default at once. What the endpoint
        :class:`vcohort.ProgressionAtVisits` saw is more exact: give ``vc.seen_at_visits(ds)``.
    :param analysis: day of the analysis, from the first patient's infusion on; by default the
        shortest horizon of the arms.
    :raises VcohortError: for impossible settings, and an analysis before all are enrolled or after
        the arms' horizon.
    """

    arms: Mapping[str, Any]
    patients: int | Mapping[str, int]
    enrolment: float = 0.0
    dropout: float = 0.0
    visits: Sequence[float] | None = None
    analysis: float | None = None

    def __post_init__(self) -> None:
        refuse_other("arms", self.arms, Mapping, f"a mapping, {_EXAMPLE}")
        names_of("arms", list(self.arms), _EXAMPLE, "names")
        for name in ("enrolment", "dropout"):
            object.__setattr__(self, name, number(name, getattr(self, name)))
        if not (np.isfinite(self.enrolment) and self.enrolment >= 0):
            raise VcohortError(f"enrolment = {self.enrolment:g} must be days, at least 0.")
        if not 0 <= self.dropout < 1:
            raise VcohortError(
                f"dropout = {self.dropout:g} is impossible: it is the share lost within a year, "
                "from 0 to less than 1."
            )
        if self.visits is not None:
            object.__setattr__(self, "visits", checked_visits(self.visits))
        object.__setattr__(self, "patients", self._sizes())

    def _sizes(self) -> dict[str, int]:
        if isinstance(self.patients, Mapping):
            given = by_name("patients", self.patients, '{"one": 50, "two": 50}')
            for name in given:
                one_of("arm", name, self.arms)
            lacking = [name for name in self.arms if name not in given]
            if lacking:
                raise VcohortError(f"How many patients has {lacking[0]!r}? Give patients of each.")
        else:
            given = dict.fromkeys(self.arms, self.patients)
        return {name: whole(f"patients of {name}", given[name], least=2) for name in self.arms}

    def predict(
        self,
        *,
        trials: int = 1000,
        days: Sequence[float] | None = None,
        reference: str | None = None,
        confidence: float = 0.9,
        alpha: float = 0.05,
        seed: int = 0,
    ) -> xr.Dataset:
        """Return what such a trial would show, by ``trials`` replicates of it.

        The patients of each are drawn from the arms with replacement, each arm's by themselves:
        they are no pairs. Survival is estimated by Kaplan and Meier, and tested by the log-rank
        test.

        :param days: days of survival, by default 90, 180 and 365, as far as the last patient is
            watched.
        :param reference: the arm that others are set against; by default the first.
        :param confidence: share of the trials between ``lower`` and ``upper``.
        :param alpha: of the two-sided test.
        :returns: over ``arm`` and ``statistic`` (``pfs_DAY``, ``rmst_DAY``, ``median``, and
            responses): the ``middle`` of the trials, ``lower`` and ``upper`` of what they find, and
            ``told``, the share of them that can tell it; ``difference``, ``difference_lower`` and
            ``difference_upper`` of their differences to the reference. Over ``arm``: ``events``,
            the mean number of progressions seen; ``power``, the share of the trials whose test is
            significant, and its standard error ``power_error``; ``better``, significant in favour
            of the arm. Of several populations also ``power_of_each`` (population, arm) and
            ``assurance`` (arm), the mean of ``better`` over them (O'Hagan et al. 2005, Pharm. Stat.
            4:187). The p-values in these shares are of each trial's own patients.
        :raises VcohortError: for days after the analysis, and impossible numbers.
        """
        names = list(self.arms)
        against = names[0] if reference is None else one_of("arm", reference, names)
        populations = [
            {name: read_arm(name, ds, stacklevel=6) for name, ds in each.items()}
            for each in populations_of(self.arms)
        ]
        for each in populations:
            warn_other_events(each, stacklevel=3)
            warn_other_populations(each, stacklevel=3)
            self._refuse_seen_twice(each)
        alpha = number("alpha", alpha)
        if not 0 < alpha < 1:
            raise VcohortError(f"alpha = {alpha:g} is impossible: it must be between 0 and 1.")
        plan = Plan(
            dict(self.patients),  # type: ignore[arg-type]
            self.enrolment, self.dropout, self.visits,
            self._analysis(populations), against,
        )  # fmt: skip
        for each in populations:
            self._warn_of_few(each)
        return predicted(
            plan, populations, whole("trials", trials, least=10), days, confidence_of(confidence),
            alpha, whole("seed", seed),
        )  # fmt: skip

    def _analysis(self, populations: Sequence[Mapping[str, Arm]]) -> float:
        last = min(arm.last for each in populations for arm in each.values())
        day = last if self.analysis is None else number("analysis", self.analysis)
        if not self.enrolment < day <= last:
            raise VcohortError(
                f"The analysis on day {day:g} must come after the enrolment, {self.enrolment:g} "
                f"days, and within the arms' horizon, {last:g}."
            )
        if self.visits is not None and self.visits[0] > day:
            raise VcohortError(
                f"The first visit, on day {self.visits[0]:g}, comes after the analysis on day "
                f"{day:g}: nothing would be seen. Give earlier visits, or a later analysis."
            )
        return day

    def _warn_of_few(self, arms: Mapping[str, Arm]) -> None:
        for name, arm in arms.items():
            count, wanted = arm.outcome.size, self.patients[name]  # type: ignore[index]
            if count < wanted:
                warnings.warn(
                    f"Arm {name!r} has {count:,} virtual patients with an outcome, and trials of "
                    f"{wanted:,} are drawn from them: each patient comes again and again, and what "
                    "trials find is surer than it should be. Simulate ten times as many as a trial "
                    "has.",
                    VcohortWarning,
                    stacklevel=3,
                )

    def _refuse_seen_twice(self, arms: Mapping[str, Arm]) -> None:
        if self.visits is None:
            return
        for name, arm in arms.items():
            if "seen_outcome" in arm.ds or "seen_at_visits" in arm.ds.attrs:
                raise VcohortError(
                    f"Arm {name!r} knows what was seen at visits of its own. Give "
                    "vc.seen_at_visits(ds) as the arm, and no visits."
                )
