"""Draw the README's pictures anew: `make pictures`. The same seeds give the same pictures."""

from pathlib import Path

import matplotlib.pyplot as plt

import vcohort as vc

IMAGES = Path(__file__).parent / "images"

# On which days the trial that is drawn looks at its patients.
VISITS = [28.0, 91.0, 182.0, 273.0, 365.0, 456.0, 547.0, 638.0, 720.0]

# As many as ZUMA-1 treated; of the lanes of a swimmer as many as can be told apart.
TRIAL, LANES = 101, 30


def main() -> None:
    """Simulate the virtual ZUMA-1, and draw survival, tumours and single patients."""
    cohort = vc.Population("zuma1").sample(4000, seed=1)
    again = vc.Regimen(vc.Infusion(60.0), vc.Lymphodepletion(60.0, survival=0.01))
    settings = {"horizon": 720.0, "progress": False, "seed": 1}
    ends = [vc.BestResponse(720.0, visits=VISITS), vc.Response((28.0, 91.0))]
    arms = {
        "one infusion": vc.simulate(cohort, "exact", endpoints=ends, **settings),
        "a second on day 60": vc.simulate(
            cohort, "exact", endpoints=ends, regimen=again, **settings
        ),
    }  # fmt: skip
    trial = vc.data.progression_free_survival()
    vc.plots.progression_free_survival(arms, trial=trial, trial_size=TRIAL)
    keep("survival")

    seen = {"save_at": [0.0, *VISITS], "endpoints": ends, **settings}
    vc.plots.waterfall(vc.simulate(cohort.select(slice(0, TRIAL)), **seen))
    keep("waterfall")
    lanes = cohort.select(slice(0, LANES))
    vc.plots.swimmer(vc.simulate(lanes, regimen=again, **seen))
    keep("swimmer")


def keep(name: str) -> None:
    """Write the current figure, as sharp as a screen shows it."""
    plt.gcf().savefig(IMAGES / f"{name}.png", dpi=200)
    plt.close("all")


if __name__ == "__main__":
    main()
