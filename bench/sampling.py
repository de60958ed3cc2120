"""How fast cohorts are sampled, by how their parameters vary; raw numbers to bench/results.

python -m bench.sampling            (or: make bench)
"""

import vcohort as vc
from bench.machine import describe, in_turn, median, write
from vcohort.populations.distributions import median_of, varies

REPEATS = 5
PATIENTS = 1 << 20
PRESET = "kimmel2021-figures"


def populations():
    """Return populations by how their parameters vary."""
    normal = vc.Population(PRESET, 0.05)
    centres = {name: median_of(law) for name, law in normal.distributions.items() if varies(law)}
    spread = {name: vc.LogNormal(centre, 0.05) for name, centre in centres.items()}
    return {"normal": normal, "log-normal": vc.Population(PRESET, **spread),
            "zuma1": vc.Population("zuma1")}  # fmt: skip


def main():
    report = describe("python -m bench.sampling", ("vcohort", "numpy", "scipy"))
    varied = populations()
    calls = {name: lambda each=each: each.sample(PATIENTS, seed=1)
             for name, each in varied.items()}  # fmt: skip
    report["sampling"] = {
        name: {"patients": PATIENTS, "seconds": seconds,
               "varying": sum(map(varies, varied[name].distributions.values()))}
        for name, seconds in in_turn(calls, REPEATS).items()
    }  # fmt: skip
    for name, row in report["sampling"].items():
        print(f"{name}: {PATIENTS / median(row['seconds']):,.0f} patients/s")
    write("sampling", report)


if __name__ == "__main__":
    main()
