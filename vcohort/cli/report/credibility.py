"""The frame of a credibility assessment, with what the software knows of it filled in.

Headings follow ICH M15 (General principles for model-informed drug development) and ASME V&V 40
(Assessing credibility of computational modeling through verification and validation). What only its
author can write is named as such; no part is empty without saying so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import vcohort as vc
from vcohort.cli.report.assumptions import accuracy_of, assumptions_of
from vcohort.cli.report.findings import FINDINGS
from vcohort.cli.report.findings.words import number
from vcohort.cli.report.parameters import COLUMNS as PARAMETER_COLUMNS
from vcohort.cli.report.parameters import parameter_rows
from vcohort.cli.report.self_check import COLUMNS as CHECK_COLUMNS
from vcohort.cli.report.self_check import checks_of
from vcohort.results.kinds import kind_of


class Part(NamedTuple):
    """A part of the frame: guidance, sentences, a table, and what its author must write."""

    title: str
    anchor: str
    about: str = ""
    findings: Sequence[str] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    to_write: Sequence[str] = ()


def credibility_of(reported: Mapping[str, Any]) -> list[Part]:
    """Return the parts of the frame, for the datasets that a page reports, by title."""
    datasets = list(reported.values())
    return [
        *_context(), _verification(datasets), _calculation(reported), _validation(datasets),
        _sources(datasets), _acceptance(datasets), _limitations(datasets), _applicability(),
    ]  # fmt: skip


def _context() -> Iterator[Part]:
    yield Part(
        "Question of interest", "question",
        "What decision is to be made, of which patients and which treatment.",
        to_write=["Which question does the model help to answer? One sentence, without the model."],
    )  # fmt: skip
    yield Part(
        "Context of use", "context",
        "What is modelled, which of its results is used, and with which other evidence.",
        to_write=["Which of the numbers below enter the decision, for which population, treatment "
                  "and time? What other evidence (trials, literature) stands beside them?"],
    )  # fmt: skip
    yield Part(
        "Model influence", "influence",
        "How much the model's result weighs in the decision: low where other evidence decides, "
        "high where there is no other.",
        to_write=["Low, medium or high, and why."],
    )  # fmt: skip
    yield Part(
        "Consequence of a wrong decision", "consequence",
        "What happens to patients if the decision is wrong because the model is.",
        to_write=["Low, medium or high, and why: harm to patients, a trial that fails, time lost."],
    )  # fmt: skip
    yield Part(
        "Model risk", "risk",
        "Influence and consequence together. The evidence below must be as strong as the risk is "
        "high.",
        columns=("consequence", "low influence", "medium influence", "high influence"),
        rows=[["low", "low risk", "low risk", "medium risk"],
              ["medium", "low risk", "medium risk", "high risk"],
              ["high", "medium risk", "high risk", "high risk"]],
        to_write=["Which cell of the table holds, and which evidence it asks for."],
    )  # fmt: skip


def _verification(datasets: Sequence[Any]) -> Part:
    checks = list(checks_of(list(datasets)))
    failed = [check for check in checks if not check.agrees]
    findings = [f"All that follows was run by vcohort {vc.__version__} when this page was written."]
    if failed:
        findings = [f"{len(failed)} of {len(checks)} checks DO NOT AGREE: do not use the results."]
    if not checks:
        findings = [
            "No check could be run: the files do not say from which population they were made, or "
            "it has laws without a closed form, or laws of the user's own."
        ]
    findings += [f"A file was written by vcohort {version}, and checked by {vc.__version__}."
                 for version in _other_versions(datasets)]  # fmt: skip
    return Part(
        "Verification of the code", "code",
        "Does the software solve the equations rightly?",
        findings, CHECK_COLUMNS, [check.row for check in checks],
        ["The results of the package's own tests of truth for this version (make test, make "
         "test-slow: closed forms, scipy, an independent simulator): attach their log."],
    )  # fmt: skip


def _other_versions(datasets: Sequence[Any]) -> list[str]:
    found = {str(ds.attrs.get("vcohort_version", vc.__version__)) for ds in datasets}
    return sorted(found - {vc.__version__})


def _calculation(reported: Mapping[str, Any]) -> Part:
    rows = [[title, " ".join(accuracy_of(ds))] for title, ds in reported.items()]
    rows = [row for row in rows if row[1]]
    findings = [] if rows else ["None of the files keeps a numerical error."]
    return Part(
        "Verification of the calculation", "calculation",
        "How far are the numbers from those of the exact equations: time steps, digits, chance.",
        findings, ("result", "numerical error"), rows,
        ["Was the input checked by a second person (use error)?"],
    )  # fmt: skip


def _validation(datasets: Sequence[Any]) -> Part:
    rows = [row for ds in datasets if kind_of(ds) == "calibration" for row in _targets(ds)]
    of_data = [ds for ds in datasets if kind_of(ds) in _OF_DATA]
    findings = [sentence for ds in of_data for sentence in FINDINGS[kind_of(ds)](ds)]
    if not rows and not findings:
        findings = [
            "None of the files holds a calibration or a fit: there is no evidence here that the "
            "model is right for the patients of the question."
        ]
    return Part(
        "Validation", "validation",
        "Does the model describe reality well enough for the question? A number that "
        "the model was set to is calibration; validation needs data that it has not seen.",
        findings, ("statistic", "trial", "its error", "model", "misses by (errors)"), rows,
        ["Which data were kept apart, and how well are they predicted? Which differences would be "
         "too large for the question?"],
    )  # fmt: skip


# Kinds whose findings compare a model with data.
_OF_DATA = ("fit", "population_fit", "diagnostics", "profile", "comparison", "posterior")


def _targets(ds: Any) -> Iterator[list[str]]:
    for name in ds["statistic"].values.tolist():
        row = ds.sel(statistic=name)
        wanted, error, found = (float(row[each]) for each in ("wanted", "error", "found_fresh"))
        away = abs(found - wanted) / error if error > 0 else np.nan
        yield [str(name), number(wanted), number(error), number(found), number(away)]


def _sources(datasets: Sequence[Any]) -> Part:
    rows = next((found for ds in datasets if (found := parameter_rows(ds))), [])
    findings = [] if rows else ["The files do not say from which one population they were made."]
    return Part(
        "Sources of the parameters", "sources",
        "Each parameter's value, how it varies between patients, and where it comes from.",
        findings, PARAMETER_COLUMNS, rows,
        ["A source for each parameter that was given for this study, and why its values hold for "
         "the patients of the question."],
    )  # fmt: skip


def _acceptance(datasets: Sequence[Any]) -> Part:
    findings = ["A parameter that is impossible (negative, or a share above one) is refused."]
    missing = sum(int(float(ds.attrs.get("patients_missing", 0))) for ds in datasets)
    findings.append(
        f"{missing:,} virtual patients could not be followed, and were left out of all numbers."
    )
    chosen = [ds for ds in datasets if kind_of(ds) in {"selection", "entropy_weights"}]
    for ds in chosen:
        findings += list(FINDINGS[kind_of(ds)](ds))
    if not chosen:
        findings.append("No other criterion was applied: every patient drawn was accepted.")
    return Part(
        "Acceptance of virtual patients", "acceptance",
        "Which virtual patients count, and why others do not.", findings,
        to_write=["Are the virtual patients as varied as the real ones, and not more so?"],
    )  # fmt: skip


def _limitations(datasets: Sequence[Any]) -> Part:
    sentences = dict.fromkeys(sentence for ds in datasets for sentence in assumptions_of(ds))
    return Part(
        "Assumptions and limitations", "limitations",
        "What the results rest on. Each may be wrong of the patients of the question.",
        list(sentences),
        to_write=["For each of these: why it holds, or what changes if it does not (sensitivity)."],
    )  # fmt: skip


def _applicability() -> Part:
    return Part(
        "Applicability and conclusion", "applicability",
        "How near the evidence is to the context of use, and whether it is enough for the risk.",
        to_write=["Is the credibility enough for the context of use? If not: what is missing, or "
                  "to what must the use be narrowed?"],
    )  # fmt: skip
