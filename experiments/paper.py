"""All figures of the paper, and the page that sets them beside the published results.

    python experiments/paper.py            (or: make paper)

Writes docs/paper.md and docs/images/paper/, and the datasets into --out.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import feedbacks
import fig1_dynamics
import fig2_model
import fig2_sensitivity
import fig3_cure
import fig3_kinetics
import fig3_survival
import fig3_variability
import fig4_timing
import growth_laws
import jax
import quartile_fits
import second_infusion
import stability
import table1
import threshold
from common import NO, OTHER_PRESET, OTHER_WAY, PARTLY, YES, Finding, write

DOCS = Path(__file__).parent.parent / "docs"
PICTURES = DOCS / "images" / "paper"

EXPERIMENTS = (
    table1, quartile_fits, fig1_dynamics, fig2_model, fig2_sensitivity, growth_laws, feedbacks,
    stability, fig3_kinetics, fig3_survival, fig3_cure, fig3_variability, fig4_timing, threshold,
    second_infusion,
)  # fmt: skip

# Worst last, as the page counts them.
VERDICTS = (YES, OTHER_PRESET, OTHER_WAY, PARTLY, NO)

INTRODUCTION = """\
# The paper, figure by figure

Kimmel, Locke & Altrock, *The roles of T cell competition and stochastic extinction events in
chimeric antigen receptor T cell therapy*, Proc. R. Soc. B 288:20210229 (2021): each figure computed
anew, and every result of its section 3 set beside ours, with a plain verdict that the numbers
decide.

This page is written by `make paper`: {patients:,} patients a cohort, seed {seed}, vcohort
{vcohort}, jax {jax}, on a {device}. Outcomes are by method `exact` unless said otherwise. Numbers
in text are those of the preset `kimmel2021-figures`, the values behind the figures; those of table
1, preset `kimmel2021`, follow in brackets; the median fit is our own, preset `kimmel2021-median`.
"Published" numbers are those of the text, and of the notebooks of the open code
(MathOnco/CARTecology) that hold the figures.
"""


def section(module, findings: list[Finding]) -> str:
    """Return the part of the page about one experiment."""
    name = module.__name__
    lines = [f"## {module.TITLE}", "", f"![{module.TITLE}](images/paper/{name}.png)", ""]
    lines += ["| the paper | published | ours | verdict |", "|---|---|---|---|"]
    for each in findings:
        cells = (each.statement, each.published, each.ours, f"**{each.verdict}**")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    notes = [f"- *{each.statement}.* {each.why}" for each in findings if each.why]
    lines += ["", *notes] if notes else []
    lines += ["", f"`python experiments/{name}.py` computes it alone."]
    return "\n".join(lines)


def summary(found: dict[str, list[Finding]]) -> str:
    """Return how many statements have which verdict, by section, and those not plainly reproduced.

    And in a line each, where the paper and its code differ.
    """
    everything = [each for findings in found.values() for each in findings]
    count = Counter(each.verdict for each in everything)
    counted = ", ".join(f"{count[each]} {each}" for each in VERDICTS if count[each])
    lines = [f"Of {len(everything)} statements: {counted}.", ""]
    lines += ["| | reproduced | otherwise |", "|---|---|---|"]
    for module in EXPERIMENTS:
        findings = found[module.__name__]
        plain = [each for each in findings if each.verdict == YES]
        others = "; ".join(
            f"{each.statement}: **{each.verdict}**" for each in findings if each.verdict != YES
        )
        share = f"{len(plain)} of {len(findings)}"
        lines.append(f"| {module.TITLE} | {share} | {others} |".replace("  |", " |"))
    differ = [f"- {each.differ}" for each in everything if each.differ]
    return "\n".join([*lines, "", "Where the paper and its code differ:", "", *differ])


def main() -> None:
    """Run all experiments and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("results"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    PICTURES.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Finding]] = {}
    for module in EXPERIMENTS:
        start = time.perf_counter()
        found[module.__name__] = write(module, arguments.patients, arguments.seed, arguments.out)
        picture = arguments.out / f"{module.__name__}.png"
        (PICTURES / picture.name).write_bytes(picture.read_bytes())
        print(f"{module.__name__}: {time.perf_counter() - start:.0f} s", flush=True)
    introduction = INTRODUCTION.format(
        patients=arguments.patients, seed=arguments.seed, vcohort=version("vcohort"),
        jax=jax.__version__, device=jax.devices()[0].device_kind,
    )  # fmt: skip
    parts = [section(module, found[module.__name__]) for module in EXPERIMENTS]
    page = "\n\n".join([introduction.rstrip(), summary(found), *parts]) + "\n"
    (DOCS / "paper.md").write_text(page, encoding="utf-8")
    print(summary(found))
    print(f"wrote {DOCS / 'paper.md'}")


if __name__ == "__main__":
    main()
