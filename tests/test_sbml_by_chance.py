"""The birth-death form in a stochastic simulator of others, beside the exact probability."""

import logging
import warnings

import numpy as np
import pytest

import vcohort as vc
from tests.conftest import Z_LIMIT, z_of_share

pytest.importorskip("libsbml", reason="python-libsbml is not installed")

HORIZON, PATHS = 8.0, 400


@pytest.mark.slow
@pytest.mark.parametrize("laws", [{}, {"escape": "mutation"}])
def test_a_small_tumour_is_cured_as_often_in_gillespy2(laws, tmp_path):
    """By its hybrid solver: T cells along their equations, tumour cells one by one."""
    gillespy2 = pytest.importorskip("gillespy2", reason="gillespy2 is not installed")
    logging.getLogger("GillesPy2").setLevel(logging.ERROR)
    more = {"u": 0.05, "eps": 0.8, "r_E": 0.3} if laws else {}
    cohort = vc.Cohort.from_values("kimmel2021-figures", model=vc.car_t(**laws), r_B=0.3, **more)
    small = vc.Cohort({**cohort.values, "B0": np.array([30.0])}, cohort.patient, cohort.model,
                      cohort.origin)  # fmt: skip
    path = tmp_path / "small.xml"
    vc.to_sbml(small, path=path, form="birth-death")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, errors = gillespy2.import_SBML(str(path))
        assert errors == []
        for clone in small.model.species.tumour:
            model.listOfSpecies[clone].mode = "discrete"
        model.timespan(gillespy2.TimeSpan(np.linspace(0.0, HORIZON, 9)))
        paths = model.run(
            solver=gillespy2.TauHybridSolver, number_of_trajectories=PATHS, seed=1, tau_tol=0.01
        )
    cured = np.mean([sum(path[clone][-1] for clone in small.model.species.tumour) == 0
                     for path in paths])  # fmt: skip
    expected = float(vc.cure_probability(small, horizon=HORIZON)[0])
    assert 0.2 < expected < 0.8
    assert abs(z_of_share(cured, expected, PATHS)) < Z_LIMIT
