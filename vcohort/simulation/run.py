"""The settings of a run: their names, defaults and meanings stand here alone.

Whatever speaks of them derives from the fields of :class:`Run`: keywords, study files, flags, the
attributes of datasets, the records of sweeps, reports. A new setting is one more line here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vcohort.errors import VcohortError

if TYPE_CHECKING:
    from vcohort.endpoints import Endpoint
    from vcohort.regimens.regimen import Regimen


def _setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class Run:
    """How to run a cohort: one object for :func:`vcohort.simulate`, sweeps and analyses alike.

    Each of these functions takes the settings that it reads as keywords, or a ``run`` with all of
    them; one that it does not read must be left at its default. ``dataclasses.replace`` changes a
    setting.

    :param method: ``"hybrid"`` (the paper's: differential equations, and the exact
        birth-death process below the threshold), ``"exact"`` (the closed form; fastest, no
        threshold), ``"gillespie"`` (event by event below the threshold; the oracle) or
        ``"deterministic"`` (differential equations alone).
    :param horizon: days to run.
    :param threshold: cells below which the tumour is stochastic.
    :param progression: tumour size, relative to the first, that counts as progression.
    :param regimen: treatments beside the first infusion; None is that infusion alone.
    :param save_at: days, increasing, at which N, C and B (patient, time) are kept; on a day of
        treatment, before it (on day 0, after it).
    :param seed: of all that is random; a patient's draws depend on it and on the patient's number
        alone.
    :param endpoints: what to read off beside the outcome; by default :class:`Nadir`,
        :class:`Kinetics` and :class:`Response`.
    :param tolerance: largest error of ln N, ln C and ln B; it sets the number of steps.
    :param dtype: ``"float32"`` or ``"float64"``.
    :raises VcohortError: for impossible settings.
    """

    method: str = _setting("hybrid", "hybrid, exact, gillespie, deterministic.")
    horizon: float = _setting(2000.0, "Days to run.")
    threshold: float = _setting(100.0, "Cells: stochastic below.")
    progression: float = _setting(1.2, "Tumour size, relative to the first, that counts as such.")
    regimen: Regimen = _setting(None, "Treatments beside the first infusion.")  # noqa: RUF009
    save_at: Sequence[float] | None = _setting(None, "Days at which states are kept.")
    seed: int = _setting(0, "Of the patients and their tumours.")
    endpoints: Sequence[Endpoint] = _setting((), "What to read off beside the outcome.")
    tolerance: float = _setting(1e-3, "Largest error of the log states.")
    dtype: str = _setting("float32", "float32, float64.")

    def __post_init__(self) -> None:
        from vcohort.simulation.checks import checked  # noqa: PLC0415 - commands start without it

        for name, value in checked(self).items():
            object.__setattr__(self, name, value)

    @cached_property
    def all_endpoints(self) -> tuple[Endpoint, ...]:
        """What is read off: Outcome always; days past the horizon fall away from the defaults."""
        from vcohort.simulation.checks import endpoints_of  # noqa: PLC0415 - as above

        return endpoints_of(tuple(self.endpoints), self.horizon)

    @property
    def required_days(self) -> tuple[float, ...]:
        """Days that the time grid must hold."""
        endpoint_days = tuple(day for each in self.all_endpoints for day in each.required_days)
        return endpoint_days + tuple(self.save_at or ())

    def plain(self) -> dict[str, Any]:
        """Return the settings that are a number or a text, by name."""
        return {name: getattr(self, name) for name in PLAIN}


DEFAULTS: Mapping[str, Any] = {each.name: each.default for each in fields(Run)}

MEANINGS: Mapping[str, str] = {each.name: each.metadata["meaning"] for each in fields(Run)}

PLAIN = tuple(name for name, value in DEFAULTS.items() if isinstance(value, str | int | float))
"""Those that are a number or a text: a flag, a key of a study file, an attribute each."""


def settle(who: str, run: Run | None, given: Mapping[str, Any], **own: Any) -> Run:
    """Return the run that a function was given, by keywords or as a whole.

    :param who: the name of the function.
    :param given: the settings that it reads, as keywords; None is left to the default.
    :param own: defaults of its own, and settings that it has no choice of.
    :raises VcohortError: for both ways at once, and for a run with a setting that it does not read.
    """
    typed = {name: value for name, value in given.items() if value is not None}
    if run is None:
        return Run(**{**own, **typed})
    if not isinstance(run, Run):
        raise VcohortError(f"run = {run!r} is no run. Try run=vc.Run(horizon=365).")
    if typed:
        raise VcohortError(
            f"{who} was given run= and {', '.join(typed)}: which of them should hold? Put all "
            "into the run."
        )
    plain = Run()
    free = {name: (getattr(plain, name), own.get(name)) for name in DEFAULTS if name not in given}
    unread = [name for name, allowed in free.items() if getattr(run, name) not in allowed]
    if unread:
        raise VcohortError(
            f"{who} has no use for the run's {', '.join(unread)}. Leave what it has no use for at "
            "its default."
        )
    read = {name: getattr(run, name) for name in given}
    return Run(**{**own, **read})
