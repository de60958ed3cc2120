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

import fig1_dynamics
import fig2_model
import fig3_outcomes
import fig4_timing
import growth_laws
import jax
import second_infusion
import stability
import table1
import threshold
from common import NO, OTHER_PRESET, PARTLY, YES, Finding, write

DOCS = Path(__file__).parent.parent / "docs"
PICTURES = DOCS / "images" / "paper"

EXPERIMENTS = (
    table1, fig1_dynamics, fig2_model, growth_laws, stability, fig3_outcomes, fig4_timing,
    threshold, second_infusion,
)  # fmt: skip

INTRODUCTION = """\
# The paper, figure by figure

Kimmel, Locke & Altrock, *The roles of T cell competition and stochastic extinction events in
chimeric antigen receptor T cell therapy*, Proc. R. Soc. B 288:20210229 (2021): each figure computed
anew, and every result of its section 3 set beside ours, with a plain verdict.

This page is written by `make paper`: {patients:,} patients a cohort, seed {seed}, vcohort
{vcohort}, jax {jax}, on a {device}. Outcomes are by method `exact` unless said otherwise. Numbers
in text are those of the preset `kimmel2021-figures`; those of table 1, preset `kimmel2021`, follow
in brackets.

**The paper and its own code differ.** Table 1 has a baseline growth rate of CAR T cells of
rho_C = 0.0251 per day; the open code behind the figures has 0.037. The first cures nearly every
median patient, the second one in six. Figure 3c was made with the second, figures 3b and 3e agree
with the first. Which one a result needs is said each time.
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


def summary(findings: list[Finding]) -> str:
    """Return how many statements have which verdict, and those that fail."""
    count = Counter(each.verdict for each in findings)
    order = (YES, OTHER_PRESET, PARTLY, NO)
    counted = ", ".join(f"{count[each]} {each}" for each in order)
    failed = [f"- {each.statement}: {each.ours}" for each in findings if each.verdict == NO]
    text = f"Of {len(findings)} statements: {counted}."
    return "\n".join([text, "", "Not reproduced:", "", *failed]) if failed else text


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
    everything = [each for findings in found.values() for each in findings]
    introduction = INTRODUCTION.format(
        patients=arguments.patients, seed=arguments.seed, vcohort=version("vcohort"),
        jax=jax.__version__, device=jax.devices()[0].device_kind,
    )  # fmt: skip
    parts = [section(module, found[module.__name__]) for module in EXPERIMENTS]
    page = "\n\n".join([introduction.rstrip(), summary(everything), *parts]) + "\n"
    (DOCS / "paper.md").write_text(page, encoding="utf-8")
    print(summary(everything))
    print(f"wrote {DOCS / 'paper.md'}")


if __name__ == "__main__":
    main()
