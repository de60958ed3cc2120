"""Table 1: the parameters with their units, and what each preset gives."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from common import (
    FIGURES,
    MEDIAN_FIT,
    SIGMA,
    TABLE_1,
    Finding,
    cured,
    main,
    outcomes,
    variable,
    verdict,
)
from matplotlib.figure import Figure

import vcohort as vc

TITLE = "Table 1: parameters"

PRESETS = (TABLE_1, FIGURES, MEDIAN_FIT)
FITTED = ("r_N", "rho_C", "K_C", "a", "b", "gamma_B", "k_B")
# Two values that agree to this, relatively, are one value rounded.
SAME = 0.005
SHARES = ("P(cure), median patient", "cured, sigma 0.05", "free of progression, day 720")


def run(patients: int, seed: int) -> xr.Dataset:
    """Return the values of the presets and the outcomes that they give."""
    names = list(vc.car_t().parameters)
    values = [[vc.presets()[preset].values[name] for name in names] for preset in PRESETS]
    shares = []
    for preset in PRESETS:
        median = float(vc.cure_probability(vc.Population(preset).sample(1))[0])
        ds = outcomes(vc.Population(preset, SIGMA), patients, seed)
        free = float(vc.progression_free_survival(ds, [720.0])[0])
        shares.append([median, cured(ds), free])
    units = [vc.car_t().param(name).unit for name in names]
    return xr.Dataset(
        {
            "value": variable(np.array(values), ("preset", "parameter"), "see unit", "value"),
            "share": variable(np.array(shares), ("preset", "result"), "1", "share of patients"),
        },
        {
            "preset": list(PRESETS),
            "parameter": names,
            "unit": ("parameter", units),
            "result": list(SHARES),
        },
    )


def draw(ds: xr.Dataset) -> Figure:
    """Draw the table."""
    figure, axes = plt.subplots(figsize=(10.5, 5), layout="constrained")
    axes.axis("off")
    known = vc.car_t().parameters
    rows = [
        [
            f"${known[name].symbol}$",
            known[name].description,
            known[name].unit,
            *(f"{value:.4g}" for value in ds["value"].sel(parameter=name).values),
        ]
        for name in known
    ]
    rows += [
        ["", str(name), "", *(f"{share:.3f}" for share in ds["share"].values[:, index])]
        for index, name in enumerate(ds["result"].values)
    ]
    table = axes.table(
        rows, colLabels=["", "", "unit", *PRESETS], loc="center", cellLoc="left",
        colWidths=[0.08, 0.42, 0.08, 0.14, 0.19, 0.19],
    )  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    table.scale(1, 1.25)
    for (row, _), cell in table.get_celld().items():
        cell.visible_edges = "B" if row == 0 else ""
        cell.set_text_props(fontweight="bold" if row == 0 else "normal")
    return figure


def compare(ds: xr.Dataset) -> list[Finding]:
    """Say where the paper and its own code differ."""
    names = ds["parameter"].values.tolist()
    values = {
        preset: dict(zip(names, ds["value"].sel(preset=preset).values, strict=True))
        for preset in PRESETS
    }

    def of(preset: str) -> list[str]:
        return [name for name in FITTED
                if abs(values[preset][name] / values[TABLE_1][name] - 1) < SAME]  # fmt: skip

    figures, median = of(FIGURES), of(MEDIAN_FIT)
    neither = [name for name in FITTED if name not in {*figures, *median}]
    share = ds["share"].values
    return [
        Finding(
            "table 1 gives the parameters of the figures", "table 1",
            f"of its seven fitted values {', '.join(figures)} are those behind the figures, "
            f"{', '.join(median)} those of the median fit, {', '.join(neither) or 'none'} of "
            f"neither; P(cure) of the median patient is {share[0, 0]:.3f} with table 1, "
            f"{share[1, 0]:.3f} with the values behind the figures, {share[2, 0]:.3f} with the fit",
            verdict("rho_C" in figures, partly=not neither),
            "Table 1 mixes two fits, to half a per cent: its rho_C is that of our fit to the "
            f"median counts ({values[MEDIAN_FIT]['rho_C']:.4g}), where the code behind the figures "
            f"has {values[FIGURES]['rho_C']:.4g}, and its other values are the figures'. Most of "
            "what follows depends on rho_C.",
            "Table 1's rho_C is 0.0251 per day, that of one fit; its other values are those behind "
            "the figures, whose code has 0.037.",
        )
    ]  # fmt: skip


if __name__ == "__main__":
    main()
