"""Draws from a posterior as a tree, in ArviZ's schema, with their diagnostics."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import xarray as xr

from vcohort.analysis.estimation.problem import Problem
from vcohort.errors import VcohortWarning
from vcohort.simulation.dataset import TIME, provenance

# The residuals' scale, among the parameters.
SCALE = "scale"

# The constant part of their width, over the proportional one.
RATIO = "ratio"

_WIDTHS = {
    SCALE: {"units": "1", "long_name": "standard deviation of the residuals"},
    RATIO: {"units": "as the observable", "long_name": "constant over proportional width"},
}

# The usual mark above which chains have not mixed (Vehtari et al. 2021, Bayesian Anal. 16:667).
_LARGEST_R_HAT = 1.01


def arviz_tree(
    problem: Problem, drawn: dict[str, np.ndarray], stats: dict[str, np.ndarray], seed: int
) -> xr.DataTree:
    """Return ArviZ's groups."""
    model = problem.spec.model
    patients = {"patient": list(problem.data.patients)}

    def about(name: str) -> dict[str, str]:
        if name in _WIDTHS:
            return _WIDTHS[name]
        param = model.param(name)
        return {"units": param.unit, "long_name": param.description}

    def chained(name: str, values: np.ndarray, attrs: dict[str, str], *more: str) -> xr.DataArray:
        return xr.DataArray(values, dims=("chain", "draw", *more), name=name, attrs=attrs)

    named = {"diverging": "diverging", "accept_prob": "acceptance_rate", "num_steps": "n_steps",
             "potential_energy": "lp"}  # fmt: skip
    sampled = {
        named[name]: chained(named[name], -values if name == "potential_energy" else values,
                             {"units": "1", "long_name": name.replace("_", " ")})
        for name, values in stats.items()
    }  # fmt: skip
    posterior = {
        name: chained(name, values, about(name), "patient") for name, values in drawn.items()
    }
    data = problem.data
    observed = {
        "value": ("row", data.value, {"units": "as the observable", "long_name": "measured"}),
        "day": ("row", data.day, TIME),
        "weight": ("row", data.weight, {"units": "1", "long_name": "weight of the square"}),
        "below": (
            "row", data.below, {"units": "1", "long_name": "whether the value is an upper limit"},
        ),
        "observable": (
            "row", list(data.observable), {"units": "1", "long_name": "what was measured"},
        ),
        "of_patient": (
            "row", [data.patients[index] for index in data.patient],
            {"units": "1", "long_name": "patient"},
        ),
    }  # fmt: skip
    attrs = {
        "model": model.name, "loss": problem.spec.loss.name, "seed": str(seed),
        "inference_library": "numpyro", "sampling": "NUTS", **provenance("posterior"),
    }  # fmt: skip
    return xr.DataTree.from_dict(
        {
            "/": xr.Dataset(attrs=attrs),
            "posterior": xr.Dataset(posterior, patients, attrs),
            "sample_stats": xr.Dataset(sampled),
            "observed_data": xr.Dataset(observed),
            "summary": _summary(drawn, patients),
        }
    )


def _summary(drawn: dict[str, np.ndarray], patients: dict[str, list[str]]) -> xr.Dataset:
    """Return moments and diagnostics (parameter, patient); warn where chains have not mixed."""
    from numpyro import diagnostics  # noqa: PLC0415 - an extra

    def each(measure: Callable[[np.ndarray], np.ndarray]) -> tuple[tuple[str, str], np.ndarray]:
        return ("parameter", "patient"), np.stack([measure(values) for values in drawn.values()])

    def quantile(share: float) -> Callable[[np.ndarray], np.ndarray]:
        return lambda values: np.quantile(values, share, axis=(0, 1))

    summary = xr.Dataset(
        {
            "mean": each(lambda values: values.mean(axis=(0, 1))),
            "sd": each(lambda values: values.std(axis=(0, 1), ddof=1)),
            "q05": each(quantile(0.05)),
            "median": each(quantile(0.5)),
            "q95": each(quantile(0.95)),
            "r_hat": each(diagnostics.split_gelman_rubin),
            "ess": each(diagnostics.effective_sample_size),
        },
        {"parameter": list(drawn), **patients},
    )
    # NaN, of chains that never moved, is not mixed either.
    worst = float(summary["r_hat"].values.max())
    if not worst <= _LARGEST_R_HAT:
        warnings.warn(
            f"The chains have not mixed: R-hat is up to {worst:.3f}, more than {_LARGEST_R_HAT}. "
            "Give more warmup and draws, or fewer free parameters.",
            VcohortWarning,
            stacklevel=4,
        )
    return summary
