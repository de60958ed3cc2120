"""What only many patients show: run by hand, `make test-slow`."""

import numpy as np
import pytest
from scipy import stats

import vcohort as vc

PATIENTS = 200_000


@pytest.mark.slow
@pytest.mark.parametrize("capacity", [137.0, 139.28, 141.0])
def test_the_hybrid_tends_to_the_exact_law_as_its_threshold_grows(capacity, run, figures):
    """The distance of the days of progression: at 1000 it is well below that at 100."""
    cohort = figures(K_C=vc.units.t_cells(capacity)).sample(PATIENTS, seed=1)

    def days(method, **options):
        ds = run(cohort, method, **options)
        return ds["event_time"].values[ds["outcome"].values == 2]

    exact = days("exact", seed=1)
    far, near = (
        stats.ks_2samp(exact, days("hybrid", threshold=threshold, seed=2)).statistic
        for threshold in (100.0, 1000.0)
    )
    assert near < 0.012
    assert near < 0.75 * far


@pytest.mark.slow
def test_a_million_patients_cure_as_their_probabilities_say(run, figures):
    cohort = figures(0.05).sample(1_000_000, seed=9)
    probability = np.asarray(vc.cure_probability(cohort), np.float64)
    share = float((run(cohort, "exact")["outcome"] == 1).mean())
    error = np.sqrt((probability * (1 - probability)).sum()) / len(cohort)
    # Given the patients only chance is left, less than half of a binomial's spread.
    assert abs(share - probability.mean()) < 4.5 * error
