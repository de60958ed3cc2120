"""What memory cells and a second clone cost; raw numbers to bench/results.

    python -m bench.cells            (or: make bench)

Preset kimmel2021-figures, sigma 0.05, tolerance 1e-3, float32, outcomes at the 2000-day horizon,
the new parameters at their defaults. All models in turn in one process, warm; the first call, which
compiles, is timed apart.
"""

import vcohort as vc
from bench.machine import describe, in_turn, median, timed, write

REPEATS = 5
PATIENTS = 1 << 15
MODELS = {
    "the paper's": vc.car_t(),
    "memory": vc.car_t(memory="linear"),
    "memory that sees antigen": vc.car_t(memory="antigen"),
    "escape": vc.car_t(escape="mutation"),
    "memory and escape": vc.car_t(memory="linear", escape="mutation"),
}
METHODS = ("exact", "hybrid", "P(cure)")


def call_of(model, method, patients=PATIENTS):
    """Return one call of a method on a model's patients; None where the method has no law."""
    linear = model.tumour_is_linear
    if (method != "hybrid" and not linear) or (method == "exact" and not model.has_one_clone):
        return None
    cohort = vc.Population("kimmel2021-figures", 0.05, model=model).sample(patients, seed=1)
    if method == "P(cure)":
        return lambda: vc.cure_probability(cohort).block_until_ready()
    return lambda: vc.simulate(cohort, method, endpoints=[vc.Outcome()], progress=False)


def main():
    report = describe("python -m bench.cells", ("vcohort", "jax", "jaxlib", "numpy"))
    report["patients"], report["methods"] = PATIENTS, {}
    for method in METHODS:
        calls = {name: call_of(model, method) for name, model in MODELS.items()}
        calls = {name: call for name, call in calls.items() if call}
        first = {name: timed(call) for name, call in calls.items()}
        seconds = in_turn(calls, REPEATS)
        least = median(seconds["the paper's"])
        report["methods"][method] = {
            name: {"first_call_s": first[name], "seconds": each, "times": median(each) / least}
            for name, each in seconds.items()
        }
        for name, row in report["methods"][method].items():
            print(f"{method}, {name}: {row['times']:.2f}, first call {row['first_call_s']:.1f} s")
    write("cells", report)


if __name__ == "__main__":
    main()
