"""Which laws the data choose: information criteria over models fitted alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from vcohort.analysis.fit import fit
from vcohort.analysis.losses import Residuals
from vcohort.cohort import Cohort
from vcohort.dataset import provenance
from vcohort.errors import VcohortError
from vcohort.models import Model, car_t, laws
from vcohort.models.shared import INITIAL
from vcohort.progress import progress_bar


def compare_models(
    data: Any,
    models: Mapping[str, Model] | None = None,
    *,
    preset: str = "kimmel2021-figures",
    fixed: Sequence[str] = ("K_N", "r_B"),
    values: Mapping[str, float] | None = None,
    loss: str | Residuals = "kimmel2021",
    starts: int = 500,
    seed: int = 0,
    progress: bool | None = None,
) -> xr.Dataset:
    """Fit several models to the same data, and compare them by information criteria.

    With n data and k free parameters (Burnham & Anderson 2002, Model Selection and Multimodel
    Inference, sections 2.2 to 2.9): where the data give their errors AIC = S + 2k, S the sum of
    squared residuals; else AIC = n ln(S/n) + 2k, and k counts the residual variance too.
    AICc = AIC + 2k(k+1)/(n-k-1), infinite without enough data; BIC has k ln n in place of 2k.

    :param data: as for :func:`vcohort.fit`; each patient is compared on its own.
    :param models: by name; by default each feedback law with Gompertz growth, and each growth law
        with the feedback of the T cells.
    :param preset: values of what is not free, and of the initial numbers.
    :param fixed: parameters that are not fitted, beside N0, C0 and B0.
    :param values: of parameters that are not fitted either, in place of the preset's.
    :param loss, starts, seed: as for :func:`vcohort.fit`. A penalty steers the fit, but does not
        count as data.
    :return: over (patient, model): ``loss`` (of the data), ``parameters``, ``aic``, ``aicc``,
        ``bic``, Akaike weights ``weight`` (from AICc) and ``weight_aic``; ``estimate`` (…,
        parameter), NaN where a model lacks it; ``N``, ``C``, ``B`` (…, time).
    :raises VcohortError: as for :func:`vcohort.fit`.
    """
    chosen = _default_models() if models is None else dict(models)
    if not chosen:
        raise VcohortError("models is empty: give at least one, {'name': vc.car_t(...)}.")
    known = {name: param for each in chosen.values() for name, param in each.parameters.items()}
    given = {} if values is None else dict(values)
    for name in (*fixed, *given):
        if name not in known:
            next(iter(chosen.values())).param(name)
    held = {*fixed, *given, *(param.name for param in INITIAL)}
    fits: dict[str, xr.Dataset] = {}
    with progress_bar("models", len(chosen), progress) as advance:
        for name, model in chosen.items():
            free = [each for each in model.parameters if each not in held]
            own = {each: value for each, value in given.items() if each in model.parameters}
            cohort = Cohort.from_values(preset, model=model, **own)
            fits[name] = fit(
                data, free, cohort, loss=loss, starts=starts, seed=seed, progress=False
            )
            advance(1)
    return _dataset(fits)


def _default_models() -> dict[str, Model]:
    feedbacks = [car_t(feedback=name) for name in sorted(laws("feedback"), key=str.lower)]
    growths = [car_t(growth=name) for name in laws("growth")]
    pairs = {f"{each.growth.name}, {each.feedback.name}": each for each in (*feedbacks, *growths)}
    paper = car_t()
    first = f"{paper.growth.name}, {paper.feedback.name}"
    return {first: paper} | pairs


def _dataset(fits: dict[str, xr.Dataset]) -> xr.Dataset:
    first = next(iter(fits.values()))
    number = first["value"].notnull().sum("observation").values[:, None]
    sums = np.stack([each["data_loss"].values for each in fits.values()], axis=1)
    free = np.array([each.sizes["parameter"] for each in fits.values()])
    aic, aicc, bic = criteria(sums, number, free, known=bool(first.attrs["errors_known"]))
    over = ("patient", "model")
    criterion = "information criterion"
    variables: dict[str, Any] = {
        "loss": (over, sums, {"units": "1", "long_name": "sum of squared residuals of the data"}),
        "parameters": ("model", free, {"units": "1", "long_name": "free parameters"}),
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
    curves = [each[["N", "C", "B", "estimate"]] for each in fits.values()]
    # Models have different parameters: what one lacks is NaN.
    joined = xr.concat(curves, dim="model", join="outer", coords="minimal", compat="override")
    joined = joined.transpose("patient", "model", ...).assign_coords(model=names)
    rows = first[["day", "observable", "value"]]
    shared = {name: first.attrs[name] for name in ("preset", "loss", "seed", "errors_known")}
    shared |= provenance("comparison")
    ds = xr.Dataset(variables, {"model": names, "patient": first["patient"]}, shared)
    return ds.merge(joined.drop_vars(["unit", "other"], errors="ignore")).merge(rows)


def criteria(
    sums: np.ndarray, number: np.ndarray, free: np.ndarray, *, known: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return AIC, AICc and BIC from sums of squares, numbers of data and free parameters."""
    counted = free if known else free + 1
    deviance = sums if known else number * np.log(sums / number)
    aic = deviance + 2 * counted
    spare = number - counted - 1
    more = 2 * counted * (counted + 1) / np.where(spare > 0, spare, 1)
    aicc = np.where(spare > 0, aic + more, np.inf)
    return aic, aicc, deviance + counted * np.log(number)


def weights_of(criterion: np.ndarray) -> np.ndarray:
    """Return exp(-difference / 2), normalised."""
    least = criterion.min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        raw = np.exp(-0.5 * (criterion - least))
    return raw / raw.sum(axis=1, keepdims=True)
