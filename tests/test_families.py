"""What a distribution's file says of it, each method against the same law of scipy."""

import json
import sys
import threading
from dataclasses import dataclass

import jax
import numpy as np
import pytest
import xarray as xr
from scipy import stats
from scipy.special import logit, ndtri

import vcohort as vc
from tests.conftest import P_LIMIT
from vcohort.analysis.calibration.varied import find_varied
from vcohort.populations import distributions
from vcohort.populations.distributions import (
    families,
    mass_between,
    median_of,
    to_text,
    varies,
)
from vcohort.records import plain
from vcohort.studies.notation import is_number, parse_value

DISCRETE = vc.Empirical([1.0, 2.0, 3.0, 4.0])
KNOWN = {
    "normal": (vc.Normal(3.0, 0.2), stats.norm(3.0, 0.2)),
    "log-normal": (vc.LogNormal(3.0, 0.2), stats.lognorm(0.2, scale=3.0)),
    "logit-normal": (vc.LogitNormal(0.3, 0.8), stats.johnsonsb(-logit(0.3) / 0.8, 1 / 0.8)),
    "uniform": (vc.Uniform(2.5, 4.0), stats.uniform(2.5, 1.5)),
    "fixed": (vc.Fixed(3.0), None),
    "empirical": (DISCRETE, stats.randint(1, 5)),
}
SMOOTH = [
    name for name, (_, truth) in KNOWN.items() if hasattr(truth, "pdf") and name != "empirical"
]
SCALED = [name for name in KNOWN if hasattr(families()[name], "hyperparameters")]
PRIORS = [name for name in KNOWN if hasattr(families()[name], "prior")]
U = np.linspace(0.01, 0.99, 37)


def test_the_families_are_those_of_the_folder():
    assert families() == {name: type(law) for name, (law, _) in KNOWN.items()}
    assert {"normal", "log-normal", "logit-normal"} == set(SCALED) and len(PRIORS) == 4


@pytest.mark.parametrize("name", [name for name in KNOWN if name != "empirical"])
def test_a_text_is_read_back(name):
    law, _ = KNOWN[name]
    assert parse_value(to_text(law)) == law


def test_a_class_of_ones_own_does_not_write_records():
    """This package could not read them: its text stands for it."""

    class Mine(vc.MultivariateNormal):
        def to_plain(self):
            return {"is": "MultivariateNormal"}

    @dataclass(frozen=True)
    class Other:
        def to_plain(self):
            return {"is": "Normal"}

    for value in (Mine({"K_C": 7e10}, [[1e18]]), Other()):
        assert plain(value)["own"] == repr(value)


@pytest.mark.parametrize("name", SMOOTH)
def test_quantiles_median_and_mass(name):
    law, truth = KNOWN[name]
    np.testing.assert_allclose(law.quantile(U), truth.ppf(U), rtol=1e-13)
    assert median_of(law) == pytest.approx(truth.median(), rel=1e-14)
    for low, high in [(2.9, 3.1), (0.0, 2.7), (3.3, np.inf), (-np.inf, np.inf), (9.0, 10.0)]:
        wanted = truth.cdf(high) - truth.cdf(low)
        assert mass_between(law, low, high) == pytest.approx(wanted, abs=1e-14)


def test_the_mass_of_single_values_is_counted_at_both_ends():
    assert mass_between(DISCRETE, 2.0, 3.0) == pytest.approx(0.5, abs=1e-14)
    assert mass_between(DISCRETE, 2.1, 2.9) == pytest.approx(0.0, abs=1e-14)
    assert mass_between(vc.Fixed(3.0), 3.0, 3.0) == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize("name", SCALED)
def test_hyperparameters_and_values_are_those_of_the_quantiles(name):
    law, truth = KNOWN[name]
    location, spread = law.hyperparameters()
    assert type(law).from_hyperparameters(location, spread) == law
    with jax.enable_x64(True):
        logs = np.log(location), np.log(spread)
        np.testing.assert_allclose(law.values(*logs, ndtri(U)), truth.ppf(U), rtol=1e-12)
        # A location that is 1 % higher moves all values by 1 %; or all odds, by as much as its own.
        slopes, wanted = jax.jacfwd(law.values)(*logs, ndtri(U)), truth.ppf(U)
        if name == "logit-normal":
            wanted = wanted * (1.0 - wanted) / (1.0 - location)
        np.testing.assert_allclose(slopes, wanted, rtol=1e-12)


def test_values_are_floored_as_quantiles_are():
    law = vc.Normal(3.0, 3.0)
    with jax.enable_x64(True):
        found = np.asarray(law.values(np.log(3.0), np.log(1.0), ndtri(U)))
    np.testing.assert_allclose(found, np.maximum(stats.norm(3.0, 3.0).ppf(U), 3e-6), rtol=1e-12)
    np.testing.assert_allclose(law.quantile(U), found, rtol=1e-12)


@pytest.mark.parametrize("shares", [(0.1, 0.9), (0.0, 0.6), (0.0, 1.0), (0.2, 1.0)])
@pytest.mark.parametrize("name", PRIORS)
def test_priors_are_the_law_cut_to_the_bounds(name, shares):
    law, truth = KNOWN[name]
    low, high = max(0.0, truth.ppf(shares[0])), truth.ppf(shares[1])
    inside = truth.ppf(U)
    inside = inside[(inside > low) & (inside < high)]
    mass = truth.cdf(high) - truth.cdf(low)
    with jax.enable_x64(True):
        found = law.prior(low, high).log_prob(inside)
    np.testing.assert_allclose(found, truth.logpdf(inside) - np.log(mass), atol=1e-9)


TEXTS = {
    "fixed(3)": "fixed", "normal(3, 0.2)": "normal", " LogNormal( 3,2e-1 ) ": "log-normal",
    "uniform(2.5,4)": "uniform",
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_the_distribution(text):
    assert parse_value(text) == KNOWN[TEXTS[text]][0]
    assert is_number(text) == (TEXTS[text] == "fixed")


def test_the_text_of_observed_values_names_them():
    assert parse_value("empirical(zuma1)") == vc.Empirical(vc.data.baseline_tumour_cells())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("normal(3)", r"normal takes 2 numbers, not 1"),
        ("lognormal(3, 1, 2)", r"lognormal takes 2 numbers, not 3"),
        ("fixed(1, 2)", r"fixed takes 1 number, not 2"),
        ("empirical(zuma1, 2)", r"takes 1 data set, not 2"),
        ("empirical(zuma2)", r"Did you mean 'zuma1'"),
        ("uniform(a, 2)", r"'uniform\(a, 2\)' is not understood: 'a' is no number"),
        ("fixed()", r"'' is no number"),
        ("uniform(3, 2)", r"lower must not exceed upper"),
        ("normal(nan, 2)", r"finite"),
        ("log-normal(3, 1)", r"neither a number nor a distribution"),
        ("lognorml(3, 1)", r"Did you mean 'lognormal'"),
    ],
)
def test_texts_that_are_no_distribution(text, message):
    with pytest.raises(vc.VcohortError, match=message):
        parse_value(text)


RISING = """
from dataclasses import dataclass
import numpy as np
from vcohort.records import recordable

@recordable
@dataclass(frozen=True)
class Rising:
    family = "rising"
    most: float

    def quantile(self, u):
        return self.most * np.sqrt(u)

    @classmethod
    def from_text(cls, most):
        return cls(float(most))

FAMILY = Rising
"""


def test_a_file_in_the_folder_is_a_family(tmp_path, monkeypatch):
    """In texts, in records and in cohorts, and nothing else is touched."""
    (tmp_path / "rising.py").write_text(RISING)
    monkeypatch.setattr(distributions, "__path__", [*distributions.__path__, str(tmp_path)])
    families.cache_clear()
    try:
        made = vc.Population("kimmel2021-figures", r_B=parse_value("rising(0.2)"))
        drawn = made.sample(5000, 3)["r_B"]
        assert stats.kstest(drawn, stats.powerlaw(2, scale=0.2).cdf).pvalue > P_LIMIT
        again = vc.Population.from_record(json.dumps(made.to_record()))
        assert again.distributions["r_B"] == made.distributions["r_B"]
    finally:
        families.cache_clear()
        sys.modules.pop("vcohort.populations.distributions.rising", None)


@dataclass(frozen=True)
class Own:
    """A log-normal of the user's own; a method can be taken away or spoilt."""

    median: float
    sigma: float

    def quantile(self, u):
        return vc.LogNormal(self.median, self.sigma).quantile(u)

    def moved_to(self, centre):
        return type(self)(centre, self.sigma)

    def hyperparameters(self):
        return self.median, self.sigma

    def from_hyperparameters(self, location, spread):
        return type(self)(location, spread)

    def values(self, log_location, log_spread, z):
        return vc.LogNormal.values(log_location, log_spread, z)

    def prior(self, low, high):
        return vc.LogNormal(self.median, self.sigma).prior(low, high)


def without(*methods, **changed):
    """Return the class with other methods."""
    kept = {name: each for name, each in vars(Own).items() if name not in methods}
    return type("Own", (), {**kept, **changed})


def free(law):
    return find_varied(vc.Population("kimmel2021-figures", r_B=law), ["r_B"])


@pytest.mark.parametrize("method", ["hyperparameters", "from_hyperparameters", "values"])
def test_calibrate_says_which_method_a_distribution_lacks(method):
    (varied,) = free(Own(0.1, 0.2))
    assert (varied.location, varied.spread, varied.family) == (0.1, 0.2, "Own")
    inherits = type("Inherits", (Own,), {})
    for kind in (without(method), inherits):
        with pytest.raises(vc.VcohortError, match=rf"has no .*{method}\(.* of its own"):
            free(kind(0.1, 0.2))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hyperparameters": lambda law: (0.2, law.sigma)}, "values .* must agree"),
        ({"values": lambda law, location, spread, z: 0.1 + 0.0 * z}, "values .* must agree"),
        ({"from_hyperparameters": lambda law, location, spread: law.moved_to(spread)},
         "from_hyperparameters .* must agree"),
        ({"hyperparameters": lambda law: (0.0, 0.2)}, "greater than 0"),
        ({"hyperparameters": lambda law: (0.1, np.nan)}, "at least 0"),
    ],
)  # fmt: skip
def test_methods_that_contradict_each_other_are_refused(changed, message):
    with pytest.raises(vc.VcohortError, match=message):
        free(without(**changed)(0.1, 0.2))


def test_what_a_calibration_found_of_ones_own_needs_the_population():
    ds = {"parameter": ["r_B"], "family": ["Own"], "location": [0.3], "spread": [0.1]}
    like = vc.Population("kimmel2021-figures", r_B=Own(0.1, 0.2))
    arrays = xr.Dataset({name: ("parameter", values) for name, values in ds.items()})
    assert vc.calibrated(like, arrays).distributions["r_B"] == Own(0.3, 0.1)
    with pytest.raises(vc.VcohortError, match="Own, a distribution of your own"):
        vc.calibrated(vc.Population("kimmel2021-figures"), arrays)


ROWS = {"day": [10.0, 40.0, 80.0], "observable": ["B_ml"] * 3, "value": [170.0, 1200.0, 15000.0],
        "error": [0.1] * 3}  # fmt: skip


def posterior(prior, **options):
    return vc.posterior(ROWS, ["r_B"], priors={"r_B": prior}, chains=1, warmup=4, draws=4,
                        progress=False, **options)  # fmt: skip


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (without("prior")(0.06, 0.2), r"no method prior\(low, high\) of its own.*LogNormal"),
        (type("Inherits", (vc.LogNormal,), {})(0.06, 0.2), r"no method prior\(low, high\)"),
        (vc.Empirical([0.1, 0.2]), r"no method prior\(low, high\)"),
        (0.1, r"no method prior\(low, high\)"),
        (vc.Normal(0.1, 0.0), "does not vary"),
        (vc.LogNormal(0.1, 0.0), "does not vary"),
        (vc.Uniform(0.1, 0.1), "does not vary"),
        (without(prior=lambda law, low, high: law)(0.06, 0.2), "not NumPyro's distribution"),
        (without(prior=lambda law, *ends: vc.LogNormal(0.06, 0.2).prior(0.0, np.inf))(0.06, 0.2),
         "values beyond these bounds"),
    ],
)  # fmt: skip
def test_what_is_no_prior_is_refused(prior, message):
    with pytest.raises(vc.VcohortError, match=message):
        posterior(prior, bounds={"r_B": (0.05, 0.07)})


def test_ones_own_are_asked_in_one_thread_for_numbers_that_stay():
    seen = []

    def quantile(law, u):
        seen.append((u, u.copy(), threading.get_ident()))
        return 0.1 + 0.1 * u

    own = type("Seen", (), {"quantile": quantile})()
    made = vc.Population("kimmel2021-figures", 0.05, r_B=own)
    seen.clear()
    cohort = made.sample(150_000, 2)
    assert {thread for *_, thread in seen} == {threading.get_ident()}
    for kept, then, _ in seen:
        np.testing.assert_array_equal(kept, then)
    assert stats.kstest(cohort["r_B"], stats.uniform(0.1, 0.1).cdf).pvalue > P_LIMIT
    # What all threads draw is the same as what one draws.
    np.testing.assert_array_equal(
        cohort["K_C"], vc.Population("kimmel2021-figures", 0.05).sample(150_000, 2)["K_C"]
    )


@dataclass(frozen=True)
class Together:
    """Two parameters of the user's own that rise together, uniform about their centres."""

    centres: tuple

    names = ("K_C", "r_B")

    def quantiles(self, u):
        share = 0.9 + 0.2 * u[:, 0]
        return {name: at * share for name, at in zip(self.names, self.centres, strict=True)}

    def marginal(self, name):
        at = self.centres[self.names.index(name)]
        return vc.Uniform(0.9 * at, 1.1 * at)

    def moved_to(self, centre):
        there = dict(zip(self.names, self.centres, strict=True)) | centre
        return Together(tuple(there[name] for name in self.names))


def test_a_joint_distribution_of_ones_own():
    made = vc.Population("kimmel2021-figures", joint=Together((7e10, 0.1)))
    cohort = made.replace(r_B=0.2).sample(5000, 4)
    np.testing.assert_allclose(cohort["K_C"] / 7e10, cohort["r_B"] / 0.2, rtol=1e-12)
    assert stats.kstest(cohort["r_B"], stats.uniform(0.18, 0.04).cdf).pvalue > P_LIMIT
    with pytest.raises(vc.VcohortError, match=r"of your own.*Together"):
        vc.Population.from_record(json.dumps(made.to_record()))


@pytest.mark.parametrize(
    ("quantiles", "message"),
    [
        (lambda law, u: {"K_C": u[:, 0]}, r"gives \['K_C'\], not its names"),
        (lambda law, u: {"K_C": u, "r_B": u[:, 0]}, r"\['K_C'\] has the shape"),
        (lambda law, u: {"K_C": u[:, 0], "r_B": np.nan * u[:, 0]}, r"\['r_B'\] is nan"),
    ],
)
def test_joint_distributions_must_give_one_number_each(quantiles, message):
    kind = type("Bad", (Together,), {"quantiles": quantiles})
    with pytest.raises(vc.VcohortError, match=message):
        vc.Population("kimmel2021-figures", joint=kind((7e10, 0.1))).sample(9)
    with pytest.raises(vc.VcohortError, match=r"joint = .* give a vc.MultivariateNormal"):
        vc.Population("kimmel2021-figures", joint=vc.Normal(1.0, 0.1))


def test_who_varies_is_told_by_quantiles():
    assert [name for name, (law, _) in KNOWN.items() if not varies(law)] == ["fixed"]
