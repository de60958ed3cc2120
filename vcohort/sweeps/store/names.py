"""Names in a sweep: each stands for one thing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from vcohort.endpoints import Outcome
from vcohort.errors import VcohortError
from vcohort.sweeps.compute.reduce import flags_of, numbers_of
from vcohort.sweeps.compute.variables import meaning_of
from vcohort.sweeps.design.plan import Plan
from vcohort.sweeps.store.template import blanks, coordinates

# Names of what is kept that are none of the dataset.
_COUNTED = ("patients", "free_days", "progressed_by")


def check_names(plan: Plan) -> None:
    """Refuse endpoints that would take a name which stands for something else in the sweep."""
    bare = replace(plan, run=replace(plan.run, endpoints=(Outcome(),)))
    own = {*blanks(bare), *coordinates(bare)}
    numbers, flags = numbers_of(plan), flags_of(plan)
    read = [each.name for each in (*numbers, *flags)]
    made = [f"{each.name}_quantile" for each in numbers] + [f"{flag.name}_share" for flag in flags]
    made += [
        over for over, _ in {(meaning_of(each), each.attrs["flag_meanings"]) for each in flags}
    ]
    made += read if plan.keep_patients else []
    twice = [name for name, times in Counter([*own, *made]).items() if times > 1]
    twice += [name for name in read if name in {*own, *_COUNTED}]
    if twice:
        raise VcohortError(
            f"Of the name {twice[0]!r} a sweep with these endpoints would have two things. Rename "
            "the endpoint's variables."
        )
