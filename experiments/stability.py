"""Fixed points of the differential equations, and when eradication of the tumour is unstable."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from common import FIGURES, Finding, main, variable, verdict
from matplotlib.figure import Figure

import vcohort as vc
from vcohort.models import Cells
from vcohort.plots.style import plain

TITLE = "Stability of eradication"

# One cell stands for none: the laws are written in logs. It moves an eigenvalue by 1e-10.
NONE = 1.0
CAPACITY_RATIO = np.geomspace(0.1, 10.0, 161)
GROWTH = np.geomspace(0.005, 3.0, 121)
POINTS = ("normal T cells alone", "CAR T cells alone")


def slopes(values: dict[str, jax.Array], state: jax.Array) -> jax.Array:
    """Return dN/dt, dC/dt and dB/dt of one patient, in cells a day."""
    rates = vc.car_t().rates(values, Cells(dict(zip("NCB", jnp.log(state), strict=True))))
    return state * jnp.stack(
        [*(rates.growth[name] for name in "NC"), rates.birth["B"] - rates.death["B"]]
    )


def eigenvalues(values: dict[str, jax.Array]) -> jax.Array:
    """Return the eigenvalues (point, direction) without tumour: the matrix is triangular there.

    Directions: of the T cells that are there, of those that are not, of the tumour.
    """
    found = []
    for point in range(2):
        there = values["K_N"] if point == 0 else values["K_C"]
        state = jnp.full(3, NONE).at[point].set(there)
        matrix = jax.jacfwd(partial(slopes, values))(state)
        found.append(jnp.stack([matrix[point, point], matrix[1 - point, 1 - point], matrix[2, 2]]))
    return jnp.stack(found)


def run(patients: int, seed: int) -> xr.Dataset:
    """Return the eigenvalues of the published patient, and over capacity and growth rate."""
    values = vc.presets()[FIGURES].values
    with jax.enable_x64(True):
        one = {name: jnp.asarray(value) for name, value in values.items()}
        published = eigenvalues(one)

        def over(ratio: jax.Array, growth: jax.Array) -> jax.Array:
            return eigenvalues(one | {"K_C": ratio * one["K_N"], "r_B": growth})

        grid = jax.jit(jax.vmap(jax.vmap(over, (None, 0)), (0, None)))
        everywhere = grid(jnp.asarray(CAPACITY_RATIO), jnp.asarray(GROWTH))
    directions = ["T cells there", "T cells not there", "tumour"]
    return xr.Dataset(
        {
            "published": variable(
                np.asarray(published), ("point", "direction"), "/day", "eigenvalue"
            ),
            "eigenvalue": variable(
                np.asarray(everywhere), ("ratio", "growth", "point", "direction"), "/day",
                "eigenvalue",
            ),
        },
        {
            "point": list(POINTS), "direction": directions,
            "ratio": variable(CAPACITY_RATIO, "ratio", "1", "K_C / K_N"),
            "growth": variable(GROWTH, "growth", "/day", "growth rate of the tumour"),
        },
    )  # fmt: skip


def tumour_at_rest(ds: xr.Dataset) -> xr.DataArray:
    """Return the tumour's eigenvalue where the T cells are stable, (ratio, growth)."""
    stable = ds["eigenvalue"].sel(direction="T cells not there") < 0
    return ds["eigenvalue"].sel(direction="tumour").where(stable).max("point")


def draw(ds: xr.Dataset) -> Figure:
    """Draw where a tumour that is nearly gone grows again."""
    figure, axes = plt.subplots(figsize=(6.8, 4.8), layout="constrained")
    values = vc.presets()[FIGURES].values
    unstable = (tumour_at_rest(ds) > 0).T
    colours = ["#0072B2", "#E69F00"]
    axes.contourf(CAPACITY_RATIO, GROWTH, unstable, levels=[-0.5, 0.5, 1.5], colors=colours,
                  alpha=0.5)  # fmt: skip
    capacity = CAPACITY_RATIO * values["K_N"]
    killing = values["gamma_B"] * capacity / (values["k_B"] + capacity)
    above = CAPACITY_RATIO >= 1.0
    axes.plot(CAPACITY_RATIO[above], killing[above], color="black", lw=1.5)
    axes.plot([1.0, 1.0], [GROWTH[0], killing[above][0]], color="black", lw=1.5)
    axes.plot(values["K_C"] / values["K_N"], values["r_B"], "o", color="black")
    axes.annotate("published patient", (values["K_C"] / values["K_N"], values["r_B"]),
                  (8, 8), textcoords="offset points")  # fmt: skip
    axes.text(0.13, 0.012, "eradication is unstable:\nnormal T cells win")
    axes.text(1.25, 0.012, "eradication is stable:\nCAR T cells win and kill\nfaster than it grows")
    axes.text(1.25, 1.6, "unstable: the tumour outgrows killing")
    plain(axes).set(
        xscale="log", yscale="log", xlabel="$K_C / K_N$", ylabel="growth of the tumour $r_B$, /day"
    )
    return figure


def compare(ds: xr.Dataset) -> list[Finding]:
    """Hold the eigenvalues to the condition, everywhere."""
    values = vc.presets()[FIGURES].values
    capacity = ds["ratio"] * values["K_N"]
    killing = values["gamma_B"] * capacity / (values["k_B"] + capacity)
    condition = (ds["ratio"] < 1) | (ds["growth"] > killing)
    off_border = np.abs(np.log(ds["ratio"])) > 1e-6
    agree = ((tumour_at_rest(ds) > 0) == condition).where(off_border, True)
    at_rest = ds["published"].sel(point=POINTS[0]).values
    alone = ds["published"].sel(point=POINTS[1]).values
    return [
        Finding(
            "tumour eradication is deterministically unstable (3d)",
            "unstable",
            f"eigenvalues where normal T cells rule: {at_rest[0]:.3f}, {at_rest[1]:.3f}, tumour "
            f"{at_rest[2]:+.3f} per day; where CAR T cells do: {alone[0]:.3f}, normal T cells "
            f"{alone[1]:+.3f}, tumour {alone[2]:+.3f}",
            verdict(bool(at_rest[2] > 0 and (at_rest[:2] < 0).all() and alone[1] > 0)),
            "CAR T cells could hold the tumour down (their eigenvalue is negative) but are "
            "themselves displaced.",
        ),
        Finding(
            "it is unstable where K_C < K_N, or where r_B exceeds gamma_B K_C / (k_B + K_C)",
            "not in the main text",
            f"agrees with the eigenvalues at {int(agree.sum()):,} of {agree.size:,} points",
            verdict(bool(agree.all())),
        ),
    ]


if __name__ == "__main__":
    main()
