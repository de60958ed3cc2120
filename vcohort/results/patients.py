"""From a dataset back to its patients and their treatment: what a run was made of."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError
from vcohort.models import LAW_KINDS, Model, car_t, laws
from vcohort.populations.cohort import Cohort
from vcohort.regimens.regimen import Regimen
from vcohort.results.needed import need

# What datasets say that were written before formulas could be read by machines.
_FORMER = {
    "gompertz growth": "-r ln(T / K)",
    "logistic growth": "-r ((T / K)^c - 1) / c",
    "B feedback": "rho_C + rho_C k_1 B / (1 + k_1 B)",
    "both feedback": "rho_C + b (T - K_N)^2 / (a T^2 + (T - K_N)^2) + rho_C k_1 B / (1 + k_1 B)",
    "crowded killing": "gamma_B C / (k_B + phi B + C)",
    "doubly-saturating killing": "gamma_B C / ((k_B + B) (k_C + C))",
    "saturation proliferation": "r_B (1 - B / K_B)",
    "linear memory": "C -> M: k_CM; M -> C: k_MC; M dies: d_M",
    "antigen memory": "C -> M: k_CM; M -> C: k_MC B / (k_M + B); M dies: d_M",
    "mutation escape": "B -> B + E: u per division; E: births r_E, deaths eps times those of B",
}


def patients_of(ds: xr.Dataset, model: Model | None = None) -> Cohort:
    """Return the cohort of a dataset of :func:`vcohort.simulate`, or of some of its patients.

    :param model: needed where a law is the user's own, of which a dataset knows the formula alone.
    :raises VcohortError: for such a law, and for a dataset that lacks parameters.
    """
    model = _recorded(ds) if model is None else model
    need(ds, "vc.simulate", dict.fromkeys(model.parameters, ("patient",)), ("regimen_record",))
    values = {name: np.asarray(ds[name].values) for name in model.parameters}
    return Cohort(values, np.asarray(ds["patient"].values), model)


def regimen_of(ds: xr.Dataset) -> Regimen:
    """Return the regimen of a dataset of :func:`vcohort.simulate`, or of some of its patients."""
    need(ds, "vc.simulate", {}, ("regimen_record",))
    columns = {str(name): values for name, values in ds.variables.items()}
    return Regimen.from_record(str(ds.attrs["regimen_record"]), columns)


def _recorded(ds: xr.Dataset) -> Model:
    """Return the model of a dataset by the formulas of its laws."""
    need(ds, "vc.simulate", {}, ("model",))
    found: dict[str, str] = {}
    for kind in LAW_KINDS:
        formula = ds.attrs.get(f"law_{kind}")
        names = [name for name, law in laws(kind).items()
                 if formula in (law.formula, _FORMER.get(f"{name} {kind}"))]  # fmt: skip
        if formula is not None and not names:
            raise VcohortError(
                f"The {kind} law of this dataset, {formula!r}, is none of the package's. Give the "
                "model that it was simulated with: model=vc.car_t(…)."
            )
        if names:
            found[kind] = names[0]
    return car_t(**found)
