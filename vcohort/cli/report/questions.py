"""What was asked, as a question: the first thing that a page says of a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from vcohort.cli.report.findings.words import listed


def _of_a_cohort(ds: Any) -> str:
    regimen = str(ds.attrs.get("regimen", "Regimen()"))
    treated = "one infusion" if regimen == "Regimen()" else f"one infusion and {regimen}"
    return (
        f"What becomes of {ds.sizes['patient']:,} virtual patients until day "
        f"{float(ds.attrs['horizon']):g}, treated by {treated}?"
    )


def _of_a_sweep(ds: Any) -> str:
    names = [name for name in ds.coords if {*ds[name].dims} <= {*ds["steps"].dims}]
    swept = [name for name in names if name != "cell"]
    return f"How do cure and progression depend on {listed(swept)}?"


def _of_arms(ds: Any) -> str:
    others = [name for name in ds["arm"].values.tolist() if name != ds.attrs["reference"]]
    return f"How do the patients of {listed(others)} fare, beside those of {ds.attrs['reference']}?"


def _of_a_planned_trial(ds: Any) -> str:
    sizes = [f"{int(count)} patients of {name}" for name, count in
             zip(ds["arm"].values, ds["patients"].values, strict=True)]  # fmt: skip
    return f"What would a trial show of {listed(sizes)}?"


def _of_parameters(text: str) -> Callable[[Any], str]:
    return lambda ds: text.format(listed(ds["parameter"].values, 12))


def _always(text: str) -> Callable[[Any], str]:
    return lambda _: text


QUESTIONS: Mapping[str, Callable[[Any], str]] = MappingProxyType({
    "cohort": _of_a_cohort,
    "sweep": _of_a_sweep,
    "arms": _of_arms,
    "planned_trial": _of_a_planned_trial,
    "fit": _of_parameters("Which values of {} describe each patient's data best?"),
    "population_fit": _of_parameters("From which population, in {}, do these patients come?"),
    "diagnostics": _always("Does the fitted population describe the trial?"),
    "profile": _of_parameters("Between which values of {} do the data leave room?"),
    "comparison": _always("Which of the models do the data favour?"),
    "posterior": _always("What do the data, and what was believed before, say of the parameters?"),
    "calibration": _always("Which population shows what the trial showed?"),
    "entropy_weights": _always("How must patients be weighed to meet the targets?"),
    "selection": _always("Which of the patients are plausible?"),
    "survival": _always("How long are these patients free of progression?"),
    "hazard_ratios": _always("What do the covariates do to the hazard of progression?"),
    "regimen": _always("Which treatment does most good?"),
    "local_sensitivity": _of_parameters("What changes if {} change a little?"),
    "identifiability": _of_parameters("Which of {} can such data tell apart?"),
    "sobol": _of_parameters("How much of the outputs' variance goes with each of {}?"),
    "morris": _of_parameters("Which of {} matter at all?"),
    "sensitivity_map": _always("How does the probability of cure depend on where one is?"),
})  # fmt: skip
"""By kind, a function of its dataset that returns the question."""


def question_of(kind: str, ds: Any) -> str:
    """Return what was asked; nothing of a kind without a question."""
    return QUESTIONS[kind](ds) if kind in QUESTIONS else ""
