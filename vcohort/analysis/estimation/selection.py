"""Which laws the data choose: information criteria over models fitted alike."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from vcohort.analysis.estimation.criteria import criteria, weights_of
from vcohort.analysis.estimation.fit import DATA, fit
from vcohort.analysis.estimation.left_out import blanked, leave_out
from vcohort.analysis.estimation.losses import Residuals
from vcohort.analysis.estimation.make_problem import settle_fit
from vcohort.analysis.estimation.uncertainty import relative_misses, without_errors
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import by_name, is_list, names_of
from vcohort.measurements.observables import Observable
from vcohort.models import Model, Param, car_t, laws
from vcohort.populations.cohort import Cohort, check_cohort
from vcohort.populations.defaults import preset_values
from vcohort.progress import progress_bar
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.dataset import provenance
from vcohort.simulation.run import Run

_PRESET = "kimmel2021-figures"


def compare_models(
    data: Any,
    models: Mapping[str, Model] | None = None,
    cohort: Cohort | None = None,
    *,
    preset: str | None = None,
    fixed: Sequence[str] = ("K_N", "r_B"),
    values: Mapping[str, Any] | None = None,
    loss: str | Residuals = "kimmel2021",
    limits: str = "M3",
    bounds: Mapping[str, tuple[float, float]] | None = None,
    starts: int = 500,
    regimen: Regimen | None = None,
    seed: int | None = None,
    tolerance: float | None = None,
    run: Run | None = None,
    observables: Iterable[Observable] = (),
    progress: bool | None = None,
) -> xr.Dataset:
    """Fit several models to the same data, and compare them by information criteria.

    With n data and k free parameters (Burnham & Anderson 2002, Model Selection and Multimodel
    Inference, sections 2.2 to 2.9): where the data give their errors AIC = S + 2k, S the loss of
    the data; else AIC = n ln(S/n) + 2k, and k counts what tells their size too. AICc = AIC +
    2k(k+1)/(n-k-1), infinite without enough data; BIC has k ln n in place of 2k. Upper limits are
    in S by their likelihood (see :func:`vcohort.fit`); the n of n ln(S/n) is that of what was
    observed, and in AICc and BIC a limit counts as the share of a datum that it tells the model
    that it tells most. Rows of the weight 0 count for nothing.

    :param data: as for :func:`vcohort.fit`; each patient is compared on its own.
    :param models: by name; by default each feedback law with Gompertz growth, and each growth law
        with the feedback of the T cells.
    :param cohort: values of what is not free, and of the initial numbers, for one patient or for
        each of the data's. A parameter that its model lacks has the value of the default preset.
    :param preset: in place of ``cohort``, where such values come from; by default
        ``"kimmel2021-figures"``.
    :param fixed: parameters that are not fitted, beside N0, C0 and B0.
    :param values: of parameters that are not fitted either, in place of the cohort's or preset's.
    :param bounds: as for :func:`vcohort.fit`; each model takes those of its free parameters.
    :param loss, limits, starts, seed, regimen, tolerance, observables: as for
        :func:`vcohort.fit`. A penalty steers the fit, but does not count as data.
    :return: over (patient, model): ``loss`` (of the data), ``aic``, ``aicc``, ``bic``, Akaike
        weights ``weight`` (from AICc) and ``weight_aic``; ``parameters`` (model); ``data`` (n,
        patient); ``estimate`` (…, parameter), and each species of a model (…, time), NaN
        where it lacks them; ``curve`` (…, kind, time), and the data.
    :raises VcohortError: as for :func:`vcohort.fit`, for bounds of what no model fits, for both a
        cohort and a preset, and for data whose errors are not known and that a model meets exactly.
    """
    run = settle_fit("compare_models", data, run, regimen=regimen, seed=seed, tolerance=tolerance)
    chosen = _checked_models(models)
    if cohort is not None and preset is not None:
        raise VcohortError("Give a cohort or a preset, not both: each has a value of everything.")
    if cohort is not None:
        check_cohort(cohort)
    preset = _PRESET if preset is None else preset
    given = by_name("values", values, "{'K_N': 2.5e11}")
    free = _free(chosen, fixed, given)
    bounded = by_name("bounds", bounds, "{'K_C': (1e9, 1e12)}")
    # Each model's fit goes through them anew.
    observables = list(observables) if isinstance(observables, Iterator) else observables
    for name in bounded:
        if not any(name in names for names in free.values()):
            raise VcohortError(f"There are bounds for {name}, which no model fits.")
    fits: dict[str, xr.Dataset] = {}
    with progress_bar("models", len(chosen), progress) as advance:
        for name, model in chosen.items():
            fits[name] = fit(
                data, free[name], _cohort(model, cohort, preset, given), loss=loss, limits=limits,
                bounds={each: bounded[each] for each in bounded if each in free[name]},
                starts=starts, regimen=run.regimen, seed=run.seed, tolerance=run.tolerance,
                observables=observables, progress=False,
            )  # fmt: skip
            fits[name] = _with_errors(fits[name])
            advance(1)
    return _dataset(fits, chosen)


def _checked_models(models: Mapping[str, Model] | None) -> dict[str, Model]:
    if models is None:
        return _default_models()
    if not isinstance(models, Mapping) or not models:
        raise VcohortError("models is empty: give at least one, {'name': vc.car_t(...)}.")
    for name, model in models.items():
        if not isinstance(model, Model):
            raise VcohortError(f"models[{name!r}] = {model!r} is no model. Try vc.car_t(...).")
    named = {str(name): model for name, model in models.items()}
    if len(named) < len(models):
        raise VcohortError(f"Two models have one name: {', '.join(map(repr, models))}.")
    return named


def _default_models() -> dict[str, Model]:
    feedbacks = [car_t(feedback=name) for name in sorted(laws("feedback"), key=str.lower)]
    growths = [car_t(growth=name) for name in laws("growth")]
    pairs = {f"{each.growth.name}, {each.feedback.name}": each for each in (*feedbacks, *growths)}
    paper = car_t()
    first = f"{paper.growth.name}, {paper.feedback.name}"
    return {first: paper} | pairs


def _free(
    models: dict[str, Model], fixed: Sequence[str], values: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Return the parameters that each model fits."""
    fixed = names_of("fixed", fixed, "['K_N']", "parameters") if not _is_empty(fixed) else ()
    known: dict[str, Param] = {}
    for model in models.values():
        known |= model.parameters
    for name in (*fixed, *values):
        if name not in known:
            next(iter(models.values())).param(name)
    held = {*fixed, *values, *(name for model in models.values() for name in model.initial)}
    return {
        name: [each for each in model.parameters if each not in held]
        for name, model in models.items()
    }


def _is_empty(given: Any) -> bool:
    return is_list(given) and not tuple(given)


def _cohort(model: Model, cohort: Cohort | None, preset: str, values: Mapping[str, Any]) -> Cohort:
    """Return the values that a model starts from."""
    own = {name: value for name, value in values.items() if name in model.parameters}
    if cohort is None:
        return Cohort.from_values(preset, model=model, **own)
    known = cohort.model.parameters
    shared = {
        name: cohort[name] if known.get(name) == param else default
        for (name, param), default in zip(
            model.parameters.items(), preset_values(preset, model).values(), strict=True
        )
    }
    filled = {name: np.broadcast_to(value, len(cohort)) for name, value in shared.items()}
    return Cohort(filled, cohort.patient, model, cohort.origin).replace(**own)


def _with_errors(ds: xr.Dataset) -> xr.Dataset:
    """Return a fit without the patients whose unknown errors nothing tells: the model meets all."""
    if ds.attrs["errors_known"]:
        return ds
    share = ds["information"].values
    observed = (share > 0) & ~ds["below"].values
    misses = relative_misses(ds["value"].values, ds["predicted"].values, observed)
    labels = [str(label) for label in ds["patient"].values]
    reasons = without_errors(labels, share, misses, ds.sizes["parameter"])
    return blanked(ds, leave_out(labels, reasons, _lost(ds)), DATA)


def _lost(ds: xr.Dataset) -> np.ndarray:
    """Return which patients (patient,) a fit is missing of."""
    return np.isnan(ds["loss"].values)


def _dataset(fits: dict[str, xr.Dataset], models: dict[str, Model]) -> xr.Dataset:
    first = next(iter(fits.values()))
    known = bool(first.attrs["errors_known"])
    shares = np.stack([each["information"].values for each in fits.values()])
    # Who is missing of one model is compared with none.
    lost = np.any([_lost(each) for each in fits.values()], axis=0)
    told = np.nansum(shares.max(axis=0), axis=1)
    seen = ((shares[0] > 0) & ~first["below"].values).sum(axis=1)
    number, observed = (np.where(lost, np.nan, each)[:, None] for each in (told, seen))
    sums = np.stack([each["data_loss"].values for each in fits.values()], axis=1)
    free = np.array([each.sizes["parameter"] for each in fits.values()])
    deviance = sums if known else observed * np.log(sums / observed)
    scales = 0 if known else int(first.attrs["scales"])
    aic, aicc, bic = criteria(deviance, number, free + scales)
    aicc[lost] = np.nan
    _tell_unweighed(first, aicc)
    over = ("patient", "model")
    criterion = "information criterion"
    variables: dict[str, Any] = {
        "loss": (over, sums, {"units": "1", "long_name": "loss of the data"}),
        "parameters": ("model", free, {"units": "1", "long_name": "free parameters"}),
        "data": ("patient", number[:, 0], {"units": "1", "long_name": "data that tell anything"}),
        "aic": (over, aic, {"units": "1", "long_name": f"Akaike's {criterion}"}),
        "aicc": (over, aicc, {"units": "1", "long_name": f"Akaike's {criterion}, small samples"}),
        "bic": (over, bic, {"units": "1", "long_name": f"Bayesian {criterion}"}),
        "weight": (
            over, weights_of(aicc), {"units": "1", "long_name": "Akaike weight, from AICc"},
        ),
        "weight_aic": (
            over, weights_of(aic), {"units": "1", "long_name": "Akaike weight, from AIC"},
        ),
    }  # fmt: skip
    names = list(fits)
    curves = [
        fits[name][[*model.species.names, "curve", "estimate"]] for name, model in models.items()
    ]
    # Models have different parameters and species: what one lacks is NaN.
    joined = xr.concat(
        curves, dim="model", data_vars="all", join="outer", coords="minimal", compat="override"
    )
    joined = joined.transpose("patient", "model", ...).assign_coords(model=names)
    rows = first[["day", "observable", "value", "weight", "below"]]
    rows = rows.rename(weight="data_weight")
    shared = {
        name: first.attrs[name]
        for name in ("preset", "loss", "seed", "errors_known", "regimen", "regimen_record")
        if name in first.attrs
    }
    shared |= provenance("comparison")
    ds = xr.Dataset(variables, {"model": names, "patient": first["patient"]}, shared)
    ds = ds.merge(joined.drop_vars(["unit", "other"], errors="ignore")).merge(rows)
    return blanked(ds, lost, rows)


def _tell_unweighed(first: xr.Dataset, aicc: np.ndarray) -> None:
    """Warn of patients with too few data for any model's AICc."""
    for label, row in zip(first["patient"].values, aicc, strict=True):
        if np.isinf(row).all():
            warnings.warn(
                f"Patient {str(label)!r} has too few data for the AICc of any model: its weights "
                "are missing. AIC and BIC are there.",
                VcohortWarning,
                stacklevel=4,
            )
