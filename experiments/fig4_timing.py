"""Figure 4: when patients are cured, and when they progress, also by the size of the tumour."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from common import (
    FIGURES,
    PRESETS,
    SIGMA,
    Finding,
    cured,
    days_of,
    main,
    outcomes,
    variable,
    verdict,
)
from matplotlib.figure import Figure

import vcohort as vc
from vcohort.plots.style import DAYS, SERIES, plain

TITLE = "Figure 4: times to cure and to progression"

EDGES = np.arange(0.0, 2001.0, 5.0)
EVENTS = {"cure": 1, "progression": 2}


def tumours() -> dict[str, float]:
    """Return the trial's smallest, quartile and largest tumours, in ml."""
    volumes = vc.data.baseline_tumour_volumes().values
    names = ("smallest", "lower quartile", "median", "upper quartile", "largest")
    values = np.quantile(volumes, [0.0, 0.25, 0.5, 0.75, 1.0])
    return dict(zip(names, values.tolist(), strict=True))


def run(patients: int, seed: int) -> xr.Dataset:
    """Return shares of all patients by day of the event, and the share that is cured."""
    sizes = tumours()
    shape = (len(PRESETS), len(sizes), len(EVENTS), EDGES.size - 1)
    shares, cure = np.empty(shape), np.empty(shape[:2])
    for index in np.ndindex(cure.shape):
        size = vc.units.tumour_cells(list(sizes.values())[index[1]])
        ds = outcomes(vc.Population(PRESETS[index[0]], SIGMA, B0=size), patients, seed)
        cure[index] = cured(ds)
        for row, event in enumerate(EVENTS.values()):
            shares[(*index, row)] = np.histogram(days_of(ds, event), EDGES)[0] / patients
    last = [persistence(preset, patients, seed) for preset in PRESETS]
    return xr.Dataset(
        {
            "persistence": variable(
                np.array(last), "preset", "day", "median last day of CAR T cells in the cured"
            ),
            "share": variable(
                shares, ("preset", "tumour", "event", "day"), "1", "share of all patients"
            ),
            "cured": variable(cure, ("preset", "tumour"), "1", "share cured"),
        },
        {
            "preset": list(PRESETS), "tumour": list(sizes), "event": list(EVENTS),
            "volume": variable(list(sizes.values()), "tumour", "ml", "baseline tumour"),
            "day": variable(EDGES[:-1], "day", "day", "first day of five"),
        },
    )  # fmt: skip


def persistence(preset: str, patients: int, seed: int) -> float:
    """Return the median last day on which cured patients have CAR T cells that can be measured."""
    cohort = vc.Population(preset, SIGMA).sample(patients, seed=seed)
    ds = vc.simulate(cohort, "exact", seed=seed, endpoints=[vc.Kinetics()], progress=False)
    return float(np.median(ds["C_last_day"].values[ds["outcome"].values == 1]))


def draw(ds: xr.Dataset) -> Figure:
    """Draw both distributions: of the median tumour by preset, of all sizes by lines."""
    figure, panels = plt.subplots(2, 2, figsize=(10.5, 7), layout="constrained", sharex="col")
    for column, (event, last, width) in enumerate((("cure", 200.0, 5), ("progression", 800.0, 20))):
        top, bottom = panels[:, column]
        edges = EDGES[:: width // 5]
        for preset, colour in zip(PRESETS, SERIES, strict=False):
            share = _in_bins(_given(ds, preset, "median", event), width)
            label = f"{preset}, median tumour"
            plain(top).stairs(share, edges, fill=True, color=colour, alpha=0.5, label=label)
        for tumour, colour in zip(ds["tumour"].values, SERIES, strict=False):
            share = _in_bins(_given(ds, FIGURES, str(tumour), event), width)
            label = f"{tumour}, {float(ds['volume'].sel(tumour=tumour)):.4g} ml"
            plain(bottom).stairs(share, edges, color=colour, lw=1.5, label=label)
        for axes in (top, bottom):
            axes.set(ylabel=f"share of the {event}s per {width} days", xlim=(0, last))
            axes.set_ylim(0, 1.3 * axes.get_ylim()[1])
            axes.legend(frameon=False, fontsize=8)
        bottom.set_xlabel(DAYS)
    for letter, axes in zip("ab", panels[0], strict=True):
        axes.set_title(letter, loc="left", fontweight="bold")
    return figure


def _given(ds: xr.Dataset, preset: str, tumour: str, event: str) -> np.ndarray:
    share = ds["share"].sel(preset=preset, tumour=tumour, event=event).values
    return share / max(share.sum(), 1e-12)


def _in_bins(shares: np.ndarray, width: int) -> np.ndarray:
    """Add up bins of five days to wider ones."""
    return shares.reshape(-1, width // 5).sum(axis=1)


def _between(ds: xr.Dataset, preset: str, event: str, first: float, last: float) -> float:
    inside = (EDGES[:-1] >= first) & (EDGES[:-1] < last)
    return float(_given(ds, preset, "median", event)[inside].sum())


def compare(ds: xr.Dataset) -> list[Finding]:
    """Set the ranges of days beside the paper's."""

    def both(event: str, first: float, last: float) -> tuple[float, str]:
        shares = [_between(ds, preset, event, first, last) for preset in PRESETS]
        return shares[0], f"{shares[0]:.1%} ({shares[1]:.1%} with table 1)"

    early, early_text = both("cure", 20, 80)
    late, late_text = both("cure", 140, 2000)
    hundred, hundred_text = both("cure", 0, 100)
    broad, broad_text = both("progression", 200, 500)
    narrow, narrow_text = both("progression", 300, 500)
    width = {event: _width(_given(ds, FIGURES, "median", event)) for event in EVENTS}
    cure, progression = width.values()
    last_days = ds["persistence"].values
    claims = (
        (
            "cure is possible without CAR T cell persistence (3c)",
            "possible",
            "median last day above 0.1 CAR T cells per µl, of the cured: "
            f"{last_days[0]:.0f} ({last_days[1]:.0f} with table 1)",
            last_days[0] < 365,
        ),
        ("most cures fall between days 20 and 80 (4a)", "most", early_text, early > 0.5),
        ("cures after day 140 are rare (4a)", "rarely up to day 140", late_text, late < 0.02),
        ("most cures come before day 100 (4a)", "most", hundred_text, hundred > 0.5),
        ("progression comes between days 200 and 500 (4b)", "typical", broad_text, broad > 0.8),
        ("most progress between days 300 and 500 (4b)", "most", narrow_text, narrow > 0.5),
        (
            "cure is early and narrow, progression late and wide (abstract)",
            "narrow, wide",
            f"5 to 95 %: {cure:.0f} days of cures, {progression:.0f} of progressions",
            progression > 2 * cure,
        ),
    )
    return [Finding(*claim[:3], verdict(bool(claim[3]))) for claim in claims]


def _width(shares: np.ndarray) -> float:
    """Return the days between the 5 and the 95 % quantile."""
    first, last = np.interp([0.05, 0.95], np.cumsum(shares), EDGES[1:])
    return float(last - first)


if __name__ == "__main__":
    main()
