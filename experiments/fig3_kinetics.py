"""Figure 3a: CAR T cells of the Moffitt patients, and how much patients vary."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from common import FIGURES, SIGMA, Finding, main, variable, verdict
from matplotlib.figure import Figure

import vcohort as vc
from vcohort.colours import BLUE, GREEN, GREY
from vcohort.plots.style import DAYS, plain

TITLE = "Figure 3a: CAR T kinetics"

KINETIC_DAYS = np.linspace(0.0, 100.0, 101)
QUARTILES = (0.25, 0.5, 0.75)
SIGMAS = (SIGMA, 0.1, 0.15, 0.2, 0.25)
FITS = {"q1": "kimmel2021-q1", "q3": "kimmel2021-q3"}


def run(patients: int, seed: int) -> xr.Dataset:
    """Return CAR T cells per microlitre: some patients, quartiles by sigma, the quartile fits."""
    cohorts = [vc.Population(FIGURES, sigma).sample(min(patients, 4000), seed) for sigma in SIGMAS]
    courses = [counts(cohort) for cohort in cohorts]
    fits = [counts(vc.Cohort.from_values(preset))[0] for preset in FITS.values()]
    quartiles = np.stack([np.quantile(each, QUARTILES, axis=0) for each in courses])
    return xr.Dataset(
        {
            "patients_car_t": variable(courses[0][:21], ("one", "time"), "cells/ul", "CAR T cells"),
            "car_t": variable(
                quartiles, ("sigma", "quantile", "time"), "cells/ul", "quartiles of CAR T cells"
            ),
            "fitted": variable(
                np.stack(fits), ("quartile", "time"), "cells/ul", "fits to the quartiles of ZUMA-1"
            ),
        },
        {
            "time": variable(KINETIC_DAYS, "time", "day", "days"), "quantile": list(QUARTILES),
            "sigma": list(SIGMAS), "quartile": list(FITS),
        },
    )  # fmt: skip


def counts(cohort: vc.Cohort) -> np.ndarray:
    """Return CAR T cells per microlitre (patient, time), deterministically."""
    ds = vc.simulate(
        cohort, "deterministic", KINETIC_DAYS[-1], save_at=KINETIC_DAYS, progress=False
    )
    return vc.units.t_cells_per_ul(ds["C"].values)


def draw(ds: xr.Dataset) -> Figure:
    """Draw patients, the fits to the quartiles, and the Moffitt counts."""
    figure, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
    trial = vc.data.moffitt_car_t_counts()
    plain(axes).plot(ds["time"], ds["patients_car_t"].T, color=BLUE, lw=0.7, alpha=0.6)
    axes.plot([], [], color=BLUE, lw=0.7, label=f"21 virtual patients, sigma {SIGMA:g}")
    wide = ds["car_t"].sel(sigma=0.2)
    axes.fill_between(ds["time"], wide.sel(quantile=0.25), wide.sel(quantile=0.75), color=BLUE,
                      alpha=0.2, lw=0, label="quartiles, sigma 0.2")  # fmt: skip
    axes.plot(ds["time"], ds["fitted"].T, "--", color=GREEN)
    axes.plot([], [], "--", color=GREEN, label="our fits to ZUMA-1's quartiles")
    spread = np.abs(np.stack([trial["q1"], trial["q3"]]) - trial["median"].values)
    axes.errorbar(trial["day"], trial["median"], spread, fmt="o", color=GREY, capsize=3,
                  label="Moffitt: median and quartiles")  # fmt: skip
    axes.set(xlabel=DAYS, ylabel="CAR T cells per µl", yscale="log", ylim=(5e-3, 2e2))
    axes.legend(frameon=False)
    return figure


def compare(ds: xr.Dataset) -> list[Finding]:
    """Set medians and spread beside those of the Moffitt patients."""
    trial = vc.data.moffitt_car_t_counts()
    ours = ds["car_t"].sel(time=trial["day"].values)
    narrow = ours.sel(sigma=SIGMA)
    inside = [
        bool(low <= value <= high)
        for low, value, high in zip(trial["q1"], narrow.sel(quantile=0.5), trial["q3"], strict=True)
    ]
    widths = np.log(ours.sel(quantile=0.75) / ours.sel(quantile=0.25)).mean("time")
    spread = (widths / float(np.log(trial["q3"] / trial["q1"]).mean())).to_series()
    met = float((spread - 1).abs().idxmin())
    fitted = ds["fitted"].sel(time=trial["day"].values)
    factors = {name: fitted.sel(quartile=name).values / trial[name].values for name in FITS}
    days = [int(day) for day in trial["day"].values]
    far = {(name, day): max(f, 1 / f) for name in FITS
           for day, f in zip(days, factors[name], strict=True)}  # fmt: skip
    exception = max(far, key=lambda each: far[each])
    rest = max(value for each, value in far.items() if each != exception)
    rows = "; ".join(
        f"day {int(day)}: {float(value):.2g} ({float(low):.2g} to {float(high):.2g})"
        for day, low, value, high in zip(
            trial["day"], *(narrow.sel(quantile=each) for each in QUARTILES), strict=True
        )
    )
    return [
        Finding(
            "CAR T kinetics of the Moffitt patients, median (quartiles) per µl (3a)",
            "day 7: 27.5 (16.5 to 57.5); day 14: 9.1 (3.8 to 31.1); day 28: 2.1 (0.6 to 6.1); "
            "day 90: 0.1 (0.01 to 0.4)",
            f"{rows}; spread of the log quartiles, as a share of theirs: "
            + ", ".join(f"{share:.2f} at sigma {sigma:g}" for sigma, share in spread.items()),
            verdict(all(inside) and 0.9 < spread[met] < 1.1),
            f"The medians agree at sigma {SIGMA:g}; the patients' spread needs sigma {met:g}.",
        ),
        Finding(
            "the fits to the quartiles of ZUMA-1 describe the Moffitt quartiles (3a, table 1)",
            "drawn",
            "; ".join(
                f"{name} fit, as a share of the Moffitt {name} on days 7, 14, 28, 90: "
                + ", ".join(f"{value:.2f}" for value in factors[name])
                for name in FITS
            ),
            verdict(far[exception] < 1.6, rest < 1.6),
            f"Within a factor of {rest:.2f} but for {exception[0]} on day {exception[1]}, "
            f"{far[exception]:.1f}: the published loss hardly weighs late days, and its fit stops "
            "short of that fall.",
        ),
    ]


if __name__ == "__main__":
    main()
