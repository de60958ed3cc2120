"""What each command does not read, and why: what is given for nothing is refused by its name.

Fields are those of a study, flags those of a command. All that is not listed here is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vcohort.errors import VcohortError

# What is run when no preset is named: the population that comes with the package. Where laws are
# named, one patient is asked for, or parameters that vary by themselves: the values of the paper.
DEFAULT_PRESET, PAPER = "zuma1", {"preset": "kimmel2021"}

_ONE = "it is of one patient, the one in the middle of each distribution"
_EXACT = "it follows exact probabilities, and draws no fates"
_DESIGN = "it lays out its patients by a design of its own"
_SWEEP = "it runs at one point of the parameters; the table is for vcohort sweep"

_ANALYSIS = {
    "method": _EXACT,
    "threshold": _EXACT,
    "save_at": "it keeps no states of its patients",
    "endpoints": "it reads off what it needs, and no more",
    "sweep": _SWEEP,
}
_SINGLE = {"dtype": "it computes in single precision"}
_DOUBLE = {"dtype": "it computes in double precision"}

_FIT = {
    **_ANALYSIS,
    **_DOUBLE,
    "patients": _ONE,
    "design": _ONE,
    "horizon": "it follows the data to their last day",
    "progression": "it asks for no progression",
}

_SAMPLED = {
    **_ANALYSIS,
    **_SINGLE,
    "design": _DESIGN,
    "--axis": "only a map has axes",
    "--days": "its days are those of the outputs, such as pfs_365, and of the horizon",
}

UNREAD: Mapping[str, Mapping[str, str]] = {
    "simulate": {"sweep": _SWEEP},
    "sweep": {
        "save_at": "a sweep keeps no states; simulate the cells of interest",
        "--price": "only --dry-run tells a price",
    },
    "sweep --dry-run": {
        "save_at": "a sweep keeps no states; simulate the cells of interest",
        "--workers": "it makes a trial in this process alone",
        "--scheduler": "it makes a trial in this process alone",
    },
    "fit": _FIT,
    "fit --how profile": _FIT,
    "fit-population": _FIT,
    "fit --how compare": {**_FIT, "model": "it compares laws, each beside those of the default"},
    "fit --how posterior": {
        **_FIT,
        "--starts": "it draws from priors, and searches from no starts",
    },
    "sensitivity --how sobol": {
        **_SAMPLED,
        "patients": "it runs as many as its design asks for; -n says how many base samples",
    },
    "sensitivity --how morris": {
        **_SAMPLED,
        "patients": "it runs as many as its design asks for; -n says how many trajectories",
    },
    "sensitivity --how map": {
        **_ANALYSIS,
        **_SINGLE,
        "design": _DESIGN,
        "progression": "a map is of P(cure), which no progression changes",
        "--days": "a map is of P(cure) by the horizon",
        "--outputs": "a map is of P(cure)",
    },
    "sensitivity --how local": {
        **_ANALYSIS,
        **_DOUBLE,
        "patients": _ONE,
        "design": _ONE,
        "seed": "nothing in it is random",
        "-n": _ONE,
        "--sigma": _ONE,
        "--axis": "only a map has axes",
    },
    "calibrate": {
        **_ANALYSIS,
        **_SINGLE,
        "design": _DESIGN,
        "horizon": "it follows the trial to its last day",
        "tolerance": "its search has an accuracy of its own",
    },
    "optimize": {**_ANALYSIS, **_SINGLE},
}

_BY_METHOD: Mapping[str, Mapping[str, str]] = {
    "exact": {"threshold": "with method 'exact' all of a tumour's course is stochastic"},
    "deterministic": {"threshold": "with method 'deterministic' nothing is stochastic"},
}


def is_read(command: str, name: str) -> bool:
    """Whether a command reads a field in any of its ways."""
    ways = [unread for way, unread in UNREAD.items() if way.split(" --")[0] == command]
    return not all(name in unread for unread in ways)


def unread_by(method: str) -> Mapping[str, str]:
    """Return the fields of a run that a method does not read, and why."""
    return _BY_METHOD.get(method, {})


def refuse_unread(command: str, given: Iterable[str], method: str | None = None) -> None:
    """Refuse fields and flags that a command does not read.

    ``method``: of those commands that have one.
    """
    unread = {**UNREAD[command], **({} if method is None else unread_by(method))}
    found = [f"{name}: {unread[name]}" for name in given if name in unread]
    if found:
        raise VcohortError(
            f"vcohort {command} has no use for {'; nor for '.join(found)}. Leave out what it has "
            "no use for."
        )
