"""What each kind of dataset holds at least, beside cohorts. Written down in docs/schema.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import xarray as xr

_EACH = ("parameter",)
_OVER = ("output", "parameter")
_FITTED = ("patient", "parameter")
_POINTS = ("patient", "parameter", "point")
_COURSE = ("patient", "time")
_DATA = ("patient", "observation")
_ROWS = ("day", "observable", "value", "below")
_MODELS = ("patient", "model")
_SUMMARY = ("parameter", "patient")
_NO_DIMS = ()

# Any dimensions, and then those that follow.
ANY = "…"


class Kind(NamedTuple):
    """Variables by name, each with its dimensions, and attributes; ``group``: of a tree."""

    variables: Mapping[str, tuple[str, ...]]
    attrs: tuple[str, ...] = ()
    group: str = "/"


# Of a calibration: the trial's numbers, and those of the population.
_NUMBERS = ("wanted", "error", "found_before", "found", "found_fresh", "trial_low", "trial_high",
            "residual")  # fmt: skip

KINDS: Mapping[str, Kind] = {
    "sweep": Kind(
        dict.fromkeys(("cured", "progressed", "undecided", "missing", "rmst", "steps",
                       "error_estimate"), (ANY,)),
        ("patients_per_cell", "study_hash", "study_record", "horizon", "tolerance"),
    ),
    "fit": Kind(
        {
            **dict.fromkeys(("estimate", "standard_error", "at_bound"), _FITTED),
            "correlation": ("patient", "parameter", "other"),
            "loss": ("patient",),
            "data_loss": ("patient",),
            "start_estimate": ("patient", "start", "parameter"),
            **dict.fromkeys(("start_loss", "converged"), ("patient", "start")),
            **dict.fromkeys(("lower", "upper"), _EACH),
            **dict.fromkeys(_ROWS, _DATA),
            **dict.fromkeys(("weight", "predicted", "residual", "information"), _DATA),
            **dict.fromkeys("NCB", _COURSE),
            **dict.fromkeys(("kind_unit", "kind_name"), ("kind",)),
            "curve": ("patient", "kind", "time"),
        },
        ("model", "loss", "seed"),
    ),
    "population_fit": Kind(
        {
            **dict.fromkeys(("estimate", "standard_error", "relative_standard_error", "lower",
                             "upper", "role"), ("quantity",)),
            "covariance": ("quantity", "other"),
            "effect_covariance": ("random", "other_random"),
            "shrinkage": ("random",),
            **dict.fromkeys(("random_effect", "random_effect_error"), ("patient", "random")),
            **dict.fromkeys(("individual", "covariate_shift"), _FITTED),
            **dict.fromkeys((*_ROWS, "weight", "predicted", "individual_predicted", "residual"),
                            _DATA),
            **dict.fromkeys(("kind_unit", "kind_name", "errors", "residual_shrinkage"), ("kind",)),
            "curve": ("patient", "kind", "time"),
            "scale": _EACH,
            **dict.fromkeys(("deviance", "deviance_laplace", "deviance_sampled",
                             "deviance_sampled_error", "aic", "bic", "converged",
                             "condition_number"), _NO_DIMS),
            "start_deviance": ("start",),
            "trace": ("start", "turn", "quantity"),
            "vector": ("number",),
        },
        ("model", "method", "seed", "asked", "errors_known"),
    ),
    "diagnostics": Kind(
        {
            **dict.fromkeys((*_ROWS, "predicted", "individual_predicted", "residual", "cwres",
                             "npde", "corrected"), _DATA),
            **dict.fromkeys(("bin_day", "bin_count", "below_share", "below_low", "below_high"),
                            ("kind", "bin")),
            **dict.fromkeys(("seen", "low", "middle", "high"),
                            ("correction", "kind", "quantile", "bin")),
        },
        ("model", "replicates", "seed"),
    ),
    "profile": Kind(
        {
            **dict.fromkeys(("estimate", "lower", "upper"), _FITTED),
            **dict.fromkeys(("value", "deviance"), _POINTS),
            "others": (*_POINTS, "other"),
        },
        ("model", "loss", "confidence", "level"),
    ),
    "comparison": Kind(
        {
            "parameters": ("model",),
            **dict.fromkeys(("loss", "aic", "aicc", "bic", "weight", "weight_aic"), _MODELS),
            "data": ("patient",),
            "estimate": (*_MODELS, "parameter"),
            **dict.fromkeys((*_ROWS, "data_weight"), _DATA),
            **dict.fromkeys("NCB", (*_MODELS, "time")),
            **dict.fromkeys(("kind_unit", "kind_name"), ("kind",)),
            "curve": (*_MODELS, "kind", "time"),
        },
        ("loss", "seed"),
    ),
    "posterior": Kind(
        dict.fromkeys(("mean", "sd", "q05", "median", "q95", "r_hat", "ess"), _SUMMARY),
        group="/summary",
    ),
    "local_sensitivity": Kind(
        {
            "sensitivity": ("state", "patient", "time", "parameter"),
            "ranking": _FITTED,
            **dict.fromkeys("NCB", _COURSE),
        },
        ("model",),
    ),
    "identifiability": Kind(
        {
            **dict.fromkeys(
                ("correlation", "correlation_left", "sensitivity_correlation"),
                ("parameter", "other"),
            ),
            **dict.fromkeys(("removed", "partner", "partner_correlation", "ranking"), _EACH),
            "eigenvalue": ("direction",),
            "eigenvector": ("direction", "parameter"),
            "condition_number": _NO_DIMS,
        },
        ("threshold",),
    ),
    "sobol": Kind(
        dict.fromkeys(("first", "first_interval", "total", "total_interval"), _OVER),
        ("n", "evaluations", "confidence", "seed", "population"),
    ),
    "morris": Kind(
        dict.fromkeys(("mu", "mu_star", "mu_star_interval", "sigma"), _OVER),
        ("trajectories", "levels", "confidence", "seed", "population"),
    ),
    "sensitivity_map": Kind(
        {"cure_probability": (ANY,), "sensitivity": (ANY, "parameter"), "missing": (ANY,)},
        ("population", "n", "seed", "horizon"),
    ),
    "calibration": Kind(
        {
            **dict.fromkeys(("location", "spread", "first_location", "first_spread"), _EACH),
            **dict.fromkeys(("location_error", "spread_error"), _EACH),
            **dict.fromkeys(_NUMBERS, ("statistic",)),
        },
        ("population", "calibrated_population", "n", "seed", "progression"),
    ),
    "entropy_weights": Kind(
        {
            "weight": ("patient",),
            **dict.fromkeys(("target", "unweighted", "weighted"), ("statistic",)),
        },
        ("effective_patients", "divergence"),
    ),
    "selection": Kind(
        dict.fromkeys(("plausible", "weight"), ("patient",)), ("plausible_patients",),
    ),
    "arms": Kind(
        {
            **dict.fromkeys(("value", "value_error", "difference", "difference_error", "lower",
                             "upper"), ("arm", "statistic")),
            **dict.fromkeys(("patients", "paired"), ("arm",)),
        },
        ("reference", "confidence", "horizon"),
    ),
    "planned_trial": Kind(
        {
            **dict.fromkeys(("middle", "lower", "upper", "told", "difference", "difference_lower",
                             "difference_upper"), ("arm", "statistic")),
            **dict.fromkeys(("patients", "events", "power", "better", "power_error"), ("arm",)),
        },
        ("reference", "trials", "analysis", "alpha", "seed"),
    ),
    "survival": Kind(
        {
            **dict.fromkeys(("survival", "lower", "upper", "at_risk", "events", "censored"),
                            ("time",)),
            **dict.fromkeys(("median", "median_lower", "median_upper", "restricted_mean",
                             "restricted_mean_error"), _NO_DIMS),
        },
        ("patients", "patients_missing", "confidence", "band", "until"),
    ),
    "hazard_ratios": Kind(
        {
            **dict.fromkeys(("hazard_ratio", "lower", "upper", "log_hazard_ratio",
                             "standard_error", "pvalue"), ("covariate",)),
            "covariance": ("covariate", "other"),
            **dict.fromkeys(("log_likelihood", "log_likelihood_without", "pvalue_of_all"),
                            _NO_DIMS),
        },
        ("patients", "patients_missing", "events", "strata", "confidence"),
    ),
    "regimen": Kind(
        {
            "best": ("field",),
            **dict.fromkeys(("objective_best", "objective_without", "C_max_best"), _NO_DIMS),
            **dict.fromkeys(("objective", "C_max"), (ANY,)),
        },
        ("objective", "patients"),
    ),
}  # fmt: skip


def kind_of(ds: xr.Dataset | xr.DataTree) -> str:
    """Return what kind a dataset is; one that others wrote, with outcomes, is a cohort."""
    return str(ds.attrs.get("kind", "cohort" if "outcome" in ds else "unknown"))


def of_its_kind(ds: Any) -> xr.Dataset:
    """Return the dataset that makes the kind: of a tree one of its groups, named as such."""
    kind = kind_of(ds)
    name = KINDS[kind].group if kind in KINDS else "/"
    group = ds[name].dataset if isinstance(ds, xr.DataTree) else ds
    return group.assign_attrs(kind=kind)


def problems_of(kind: str, groups: Mapping[str, xr.Dataset]) -> Iterator[str]:
    """Say what a dataset, or the groups of a tree by their paths, lacks of its kind."""
    needed = KINDS[kind]
    ds = groups.get(needed.group, xr.Dataset())
    for name in needed.attrs:
        if name not in ds.attrs:
            yield f"the attribute {name} is missing"
    for name, dims in needed.variables.items():
        if name not in ds.variables:
            yield f"the variable {name} is missing"
            continue
        found, last = ds[name].dims, dims[1:] if dims[:1] == (ANY,) else dims
        fits = found[len(found) - len(last) :] == last if ANY in dims else found == dims
        if not fits:
            yield f"{name} has the dimensions {found}, not {dims}"
