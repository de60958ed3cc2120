"""Best tumour responses of a cohort, as shares, beside a trial's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.colours import BLUE, GREY
from vcohort.endpoints.response import CR, PD, PR, SD
from vcohort.errors import one_of
from vcohort.given import number
from vcohort.plots.layout import panel, picture
from vcohort.plots.patients import by_patient
from vcohort.plots.words import own_legend
from vcohort.results.needed import need
from vcohort.simulation.missing import check_kept

_NAMES = {"CR": "complete", "PR": "partial", "SD": "stable", "PD": "progression"}


@picture
def tumour_responses(
    ds: xr.Dataset, *, trial: Mapping[str, float] | None = None, axes: Axes | None = None
) -> Axes:
    """Draw the shares of best responses; ``ds`` needs the endpoint :class:`vcohort.BestResponse`.

    ``trial``: shares by ``"CR"``, ``"PR"``, ``"SD"``, ``"PD"``, drawn as points. Patients that are
    missing are left out.
    """
    need(ds, "vc.simulate with endpoints=[vc.BestResponse()]", {"best_response": ("patient",)})
    response = by_patient(ds)["best_response"].values
    followed = response[check_kept(response >= 0)]
    flags = {"CR": CR, "PR": PR, "SD": SD, "PD": PD}
    shares = [float(np.mean(followed == flag)) for flag in flags.values()]
    axes = panel(axes)
    place = np.arange(len(flags))
    axes.bar(place, shares, 0.6, color=BLUE, alpha=0.6, label="virtual cohort")
    top = list(shares)
    if trial is not None:
        known = {one_of("response", name, list(flags)): number(name, trial[name]) for name in trial}
        at = [list(flags).index(name) for name in known]
        axes.plot(at, list(known.values()), "D", color=GREY, label="trial")
        for index, share in zip(at, known.values(), strict=True):
            # The label stands above the mark, too.
            top[index] = max(top[index], share)
    for x, y, share in zip(place, top, shares, strict=True):
        axes.annotate(f"{share:.0%}", (x, y), (0.0, 4.0), textcoords="offset points", ha="center")
    axes.set_xticks(place, [_NAMES[name] for name in flags])
    axes.set(ylabel="share of patients", ylim=(0.0, 1.1), yticks=np.linspace(0.0, 1.0, 6))
    own_legend(axes)
    return axes
