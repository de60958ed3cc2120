"""One name stands for one thing in a dataset: what would take another's is refused."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest

import vcohort as vc
from vcohort.endpoints import TumourEndpoint, Variable
from vcohort.models import shared
from vcohort.models.law import Killing

POPULATION = vc.Population("kimmel2021-figures", 0.05)


@dataclass(frozen=True)
class Last(TumourEndpoint):
    """The tumour at the horizon, under any name; as a flag, whether it is there."""

    name: str
    flags: str = ""

    @property
    def variables(self):
        attrs = {"flag_values": [0, 1], "flag_meanings": self.flags} if self.flags else {}
        return (
            Variable(
                self.name, "ln of the last tumour", "1", "int8" if self.flags else "float", attrs
            ),
        )

    def init(self, start):
        return start.log_tumour

    def update(self, carry, segment):
        return segment.log_cells.end

    def final(self, carry):
        return ((carry > 0.0).astype(jnp.int8) if self.flags else carry,)


class Later(vc.Outcome):
    """An outcome of one's own, under the names of the package's."""


@pytest.mark.parametrize(
    ("endpoints", "message"),
    [
        ([vc.Kinetics(28.0), vc.Kinetics(56.0)], r"Kinetics\(auc_until=28.*=56.* 'C_max'"),
        ([vc.Nadir(), vc.Nadir()], "'nadir'"),
        ([vc.Response((30.0,)), vc.Response((90.0, 30))], "'response_day_30'"),
        ([vc.Response((30.0, 60.0, 30.0))], "'response_day_30'"),
        ([Later()], "'outcome'"),
        ([Last("size"), Last("size", "no yes")], "'size'"),
        ([Last("outcome")], "'outcome'"),
        ([Last("K_C")], "the model and Last.* 'K_C'"),
        ([Last("B")], "the dataset and Last.* 'B'"),
        ([Last("patient")], "'patient'"),
        ([Last("time")], "'time'"),
        ([Last("infusion_1_day")], "the regimen and Last.* 'infusion_1_day'"),
        ([vc.Nadir], "is no endpoint"),
        (["nadir"], "is no endpoint"),
    ],
)
def test_two_things_of_one_name_are_refused(endpoints, message):
    with pytest.raises(vc.VcohortError, match=message):
        vc.simulate(POPULATION.sample(2), endpoints=endpoints, regimen=vc.Regimen(vc.Infusion(9.0)))


def test_a_parameter_does_not_take_the_place_of_a_state():
    own = vc.Param("B", "B", "1", 0.5, (0.1, 1.0), "a parameter of one's own", "made up")
    law = Killing("own", "B", (own, shared.k_B), lambda v, c: v["B"] * c.car / (v["k_B"] + c.car))
    with pytest.raises(vc.VcohortError, match="'B' is a species and a parameter"):
        vc.car_t(killing=law)


@pytest.mark.parametrize(
    ("endpoint", "keep"),
    [
        (Last("cure_probability"), False),
        (Last("pfs_probability"), False),
        (Last("cure_day"), False),
        (Last("cured", "no yes"), False),
        (Last("patients", "no yes"), False),
        (Last("day_of_mine", "no yes"), False),
        (Last("pfs_of_mine", "no yes"), False),
        (Last("response_of_mine", "no yes"), False),
        (Last("steps"), True),
    ],
)
def test_a_sweep_keeps_its_own_names(endpoint, keep):
    with pytest.raises(vc.VcohortError, match="two things"):
        vc.sweep(
            POPULATION, {"K_C": [6e10, 7e10]}, 4, endpoints=[endpoint, vc.Response((30.0,))],
            keep_patients=keep, progress=False,
        )  # fmt: skip


def test_days_that_differ_have_names_that_differ():
    """Late and close days too; days that are one in float32 have the same responses."""
    days = (30.0, 30.00001, 1234.5, 1e6)
    names = [variable.name for variable in vc.Response(days).variables]
    assert names == [f"response_day_{day}" for day in ("30", "30.00001", "1234.5", "1000000")]
    cohort = vc.Population("kimmel2021-figures", 0.1).sample(300, seed=1)
    close = [vc.Response((2.0, 2.00000001))]
    ds = vc.simulate(cohort, "exact", endpoints=close, progress=False)
    assert set(np.unique(ds["response_day_2"])) == {1, 2}
    np.testing.assert_array_equal(ds["response_day_2"], ds["response_day_2.00000001"])


def test_other_names_are_welcome():
    endpoints = [Last("size"), Last("seen_late", "no yes"), vc.Response((30.0,)), vc.Outcome()]
    ds = vc.sweep(POPULATION, {"K_C": [6e10, 7e10]}, 4, endpoints=endpoints, progress=False)
    assert {"size_quantile", "seen_late_share", "response_day_30_share"} <= set(ds)
