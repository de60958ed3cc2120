"""Growth laws against the T cell counts: Gompertz, generalised logistic, explicit interaction."""

from __future__ import annotations

import numpy as np
import xarray as xr
from common import FIGURES, Finding, main, verdict
from matplotlib.figure import Figure

import vcohort as vc

TITLE = "Growth laws"

LAWS = ("gompertz", "logistic", "interaction")
STARTS = 256


def run(patients: int, seed: int) -> xr.Dataset:
    """Fit each law, with the feedback of the T cells, to the median counts of ZUMA-1."""
    table = vc.data.fit_table("median")
    t_cells = table.isel(row=table["observable"].values != "B_ml")
    return vc.compare_models(
        t_cells,
        {law: vc.car_t(growth=law) for law in LAWS},
        preset=FIGURES,
        fixed=("K_N", "r_B", "gamma_B", "k_B"),
        starts=STARTS,
        seed=seed,
        progress=False,
    )


def draw(ds: xr.Dataset) -> Figure:
    """Draw the fitted laws over the counts."""
    panels = vc.plots.fitted_curves(ds)
    figure = panels[0].figure
    assert isinstance(figure, Figure)
    return figure


def compare(ds: xr.Dataset) -> list[Finding]:
    """Say which law the data choose."""
    one = ds.isel(patient=0)

    def each(name: str, form: str) -> str:
        return ", ".join(f"{law} {float(one[name].sel(model=law)):{form}}" for law in LAWS)

    exponent = float(one["estimate"].sel(model="logistic", parameter="c"))
    lowest = vc.car_t(growth="logistic").param("c").usual[0]
    first = str(one["model"].values[int(np.argmin(one["aicc"].values))])
    return [
        Finding(
            "the fit of the generalised logistic ends at Gompertz, c at its lower bound (3b)",
            "c at the lowest possible value",
            f"best c = {exponent:.3g}, bounds from {lowest:g}",
            verdict(exponent < 1.5 * lowest),
        ),
        Finding(
            "an information criterion chooses Gompertz (section 2)",
            "Gompertz",
            f"AICc: {each('aicc', '.1f')}; losses: {each('loss', '.2g')}",
            verdict(first == "gompertz"),
            "Ten data against five or six parameters: the criterion rests on its small-sample "
            "term.",
        ),
        Finding(
            "predation of CAR T cells by normal T cells was discarded (3c)",
            "discarded on statistical grounds",
            f"loss {float(one['loss'].sel(model='interaction')):.2g} against "
            f"{float(one['loss'].sel(model='gompertz')):.2g} of Gompertz, with one parameter more",
            verdict(
                float(one["aicc"].sel(model="interaction"))
                > float(one["aicc"].sel(model="gompertz"))
            ),
        ),
    ]


if __name__ == "__main__":
    main()
