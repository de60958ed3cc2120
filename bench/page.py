"""docs/performance.md and its picture, written from the raw numbers in bench/results.

python -m bench.page              (or: make bench)
"""

import json
from itertools import chain
from string import Template

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

from bench.arithmetic import operations
from bench.machine import RESULTS, ROOT, median

PAPER = "numba, the paper's algorithm"
TEXT = Template((ROOT / "bench" / "performance.md.in").read_text(encoding="utf-8"))
PAGE, PICTURE = ROOT / "docs" / "performance.md", ROOT / "docs" / "images" / "performance.png"
# Bytes a second of each card's memory, by its maker; seconds a launch, by custom.
BANDWIDTH, LAUNCH = {"H100": 3.35e12, "A100": 2.04e12}, 2.5e-6
# How a row of a table came about: performance.md.in says what the marks mean.
MEASURED, PUBLISHED, COMPILED = "●", "○", "◇"

ABOUT = {
    "W1, end state": "States at day 200: deterministic, nine sampled parameters a patient.",
    "W1, 100 saved days": "The same, states kept at 100 days.",
    "W2": "A birth-death process alone: 100 cells, birth 0.10 and death 0.15 a day, 100 days.",
    "W3": "The whole job: outcome and its day at the 2000-day horizon.",
    "W4": "The mean cure probability, and its gradient to all twelve values of all patients.",
}


def load(name):
    return json.loads((RESULTS / f"{name}-cpu.json").read_text())


def rate(row):
    return row["patients"] / median(row["seconds"])


def table(head, lines):
    rule = "|" + "---|" * len(head)
    return "\n".join(
        ["| " + " | ".join(head) + " |", rule, *(f"| {' | '.join(x)} |" for x in lines)]
    )


def workload(rows, name):
    """Return the table of one workload: its largest size for each engine, fastest first."""
    largest = {}
    for row in rows:
        if row["workload"] == name:
            largest[row["engine"]] = row
    best = max(rate(row) for row in largest.values())
    lines = [
        [MEASURED, row["engine"], f"{row['patients']:,}", f"{rate(row):,.0f}",
         f"{rate(row) / best:.3g}", row.get("setting", ""),
         f"{row['error']:.1e}" if "error" in row else ""]
        for row in sorted(largest.values(), key=rate, reverse=True)
    ]  # fmt: skip
    head = ["", "engine", "patients", "a second", "of the fastest", "setting", "error"]
    return f"### {name}\n\n{ABOUT[name]}\n\n{table(head, lines)}\n"


def absent(compare):
    """Return which peers did not run, and why."""
    if "absent" not in compare:
        return "gradsolve, cubie and modax came to the peers after these numbers were taken."
    reasons = [f"{name} ({reason})" for name, reason in compare["absent"].items()]
    return f"Not run on this machine: {'; '.join(reasons)}." if reasons else ""


def published():
    """Return what others published of their programs: other problems, other machines."""
    lines = []
    for row in json.loads((ROOT / "bench" / "published.json").read_text(encoding="utf-8"))["rows"]:
        if "milliseconds" in row:
            runs, took = row["runs"], row["milliseconds"]
            told = [f"{runs:,}", f"{took:g}", f"{float(f'{1e3 * runs / took:.3g}'):,.10g}"]
        else:
            told = ["", "", row["a_second"]]
        source = f"[{row['source']}]({row['url']})"
        lines.append([PUBLISHED, row["program"], row["problem"], *told, row["hardware"], source])
    head = ["", "program", "problem", "runs", "took, ms", "runs a second", "hardware", "source"]
    return table(head, lines)


def shares(rows):
    """Return what a share of patients below the threshold costs."""
    chosen = {}
    for row in rows:
        if row["workload"].startswith("W3,"):
            chosen.setdefault(row["workload"][4:], {})[row["engine"]] = rate(row)
    engines = list(next(iter(chosen.values())))
    lines = [[name, *(f"{found[each]:,.0f}" for each in engines)] for name, found in chosen.items()]
    return table(["patients", *engines], lines)


def growth(engine):
    by_size = {}
    for row in engine["growth"]:
        by_size.setdefault(row["patients"], {})[row["method"]] = rate(row)
    memory = {row["patients"]: f"{row['peak_GiB']:.2f}" for row in engine["memory"]}
    lines = [
        [f"{size:,}", f"{found['exact']:,.0f}", f"{found['hybrid']:,.0f}", memory.get(size, "")]
        for size, found in by_size.items()
    ]
    return table(["patients", "exact, a second", "hybrid, a second", "peak memory, GiB"], lines)


def prices(engine):
    names = list(engine["prices"]["hybrid"])
    found = [engine["prices"][method] for method in ("exact", "hybrid")]
    lines = [
        [name, *(f"{one[name]['times']:.2f}" if name in one else "-" for one in found)]
        for name in names
    ]
    return table(["times outcomes alone", "exact", "hybrid"], lines)


def cells(found):
    """Return what models with more cells cost, by method."""
    methods = found["methods"]
    lines = [
        [
            name,
            *(f"{rows[name]['times']:.2f}" if name in rows else "-" for rows in methods.values()),
        ]
        for name in methods["hybrid"]
    ]
    return table(["model", *methods], lines)


def populations(found):
    """Return what fits of populations take, by method."""
    lines = [
        [method, str(found["starts"][method]), f"{median(row['processor_seconds']):.1f}",
         f"{row['first_call_s']:.0f}", f"{row['peak_GiB']:.2f}"]
        for method, row in found["methods"].items()
    ]  # fmt: skip
    head = ["method", "starts", "processor time, s", "first call, s", "peak memory, GiB"]
    return table(head, lines)


def sweep(found):
    """Return what a sweep takes over the bare engine, and what a second worker spares."""
    over, workers = found["overhead"], found["workers"]
    lines = [
        ["in memory, over the bare engine", f"{over['memory_over_bare']:.2f}"],
        ["to a store, over the bare engine", f"{over['store_over_bare']:.2f}"],
        ["two workers, in one worker's speed", f"{workers['speedup']:.2f}"],
    ]
    return table(["", "times"], lines)


def sweep_memory(found):
    """Return time and memory of whole sweeps in a process of their own."""
    lines = [
        [f"{row['cells']:,}", f"{row['patients']:,}", f"{row['cold_s']:.0f}",
         f"{row['peak_GiB']:.2f}"]
        for row in found["memory"]
    ]  # fmt: skip
    return table(["cells", "patients in all", "s", "peak memory, GiB"], lines)


def sampling(found):
    """Return how many patients a second are sampled."""
    lines = [[name, str(row["varying"]), f"{rate(row):,.0f}"]
             for name, row in found["sampling"].items()]  # fmt: skip
    return table(["population", "parameters that vary", "patients/s"], lines)


def startup(found):
    seconds, ratios = found["processor_seconds"], found["ratio_to_import_jax_xarray"]
    lines = [[f"`{name}`", f"{seconds[name]:.2f}", f"{ratios[name]:.2f}"] for name in seconds]
    return table(["", "s", "times `import jax, xarray`"], lines)


def commands(found):
    """Return processor and wall seconds of commands, cold and warm."""
    lines = [[f"`{command}`", *(f"{took[way][of]:.1f}" for way in ("warm", "cold")
              for of in ("processor_s", "wall_s"))]
             for command, took in found["commands"].items()]  # fmt: skip
    return table(["", "warm, processor s", "wall s", "cold, processor s", "wall s"], lines)


def explore(found):
    """Return how long one waits for the explorer, by what is waited for."""
    about = {"numbers_ms": "P(cure), survival, kinetics", "all_pictures_ms": "all pictures"}
    lines = [[label, str(found[name]["median"]), str(found[name]["q95"])]
             for name, label in about.items()]  # fmt: skip
    return table(["from a move to", "median, ms", "95th centile, ms"], lines)


def compiling(compare):
    lines = [
        [method, *(f"{each:.2f}" for each in seconds)]
        for method, seconds in compare["compiling"].items()
        if method != "what"
    ]
    return table(["", "first call, s", "second, s", "another size and seed, s"], lines)


def agreement(compare):
    lines = [
        [name, *(f"{found[key]:.4g}" for key in found)]
        for name, found in compare["agreement"].items()
    ]
    return table(["engine", "cured", "progressed", "day of cure", "day of progression"], lines)


def ratios(rows):
    """Return sentences on what matters most, each from one run."""
    found = {(row["workload"], row["engine"], row["patients"]): rate(row) for row in rows}

    def times(name, first, second):
        both = [size for work, engine, size in found if (work, engine) == (name, second)]
        same = [size for size in both if (name, first, size) in found]
        return found[name, first, max(same)] / found[name, second, max(same)]

    large = max(size for work, engine, size in found if work == "W4")
    pairs = [
        ("W3, exact, of the C program on the same steps", "W3", "vcohort, exact", "C, exact"),
        ("W3, exact, blocks on the device, of the C program", "W3",
         "vcohort, exact, blocks on the device", "C, exact"),
        ("W1, end state, of the C program on the same steps", "W1, end state", "vcohort", "C"),
        ("W1, 100 saved days, of the C program", "W1, 100 saved days", "vcohort", "C"),
        ("W3, exact, over the paper's algorithm in numba", "W3", "vcohort, exact",
         PAPER),
        ("W3, hybrid, over the paper's algorithm in numba", "W3", "vcohort, hybrid",
         PAPER),
        ("W3, exact, over diffrax (equations and cure integral alone)", "W3", "vcohort, exact",
         "diffrax, equations and W alone"),
        ("W2, over GillesPy2", "W2", "vcohort", "GillesPy2, SSACSolver"),
    ]  # fmt: skip
    lines = [[label, f"{times(*names):.3g}"] for label, *names in pairs if _has(found, names)]
    forward, both = (found["W4", name, large] for name in ("forward", "with gradient"))
    lines.append(["W4, value and gradient, in forward passes", f"{forward / both:.3g}"])
    return table(["ratio at the same size", ""], lines)


WITH_CURE, WITHOUT = "W3", "W1, end state"


def arithmetic(compare):
    """Return what a step's operations cost beside what vcohort and the C program take for it."""
    each, lines = compare["ns_each"], []
    counts = {job: operations(cure=job == WITH_CURE) for job in (WITH_CURE, WITHOUT)}
    for name, ns in each.items():
        of_jobs = ((str(count[name]), f"{count[name] * ns:.1f}") for count in counts.values())
        lines.append([name, f"{ns:.3f}", *chain.from_iterable(of_jobs)])
    for what, found in (
        ("operations alone", [alone(compare, job) for job in counts]),
        ("vcohort, measured", [a_step(compare, WITH_CURE, "vcohort, exact, blocks on the device"),
                               a_step(compare, WITHOUT, "vcohort")]),
        ("C, measured", [in_c(compare, job) for job in counts]),
    ):  # fmt: skip
        lines.append([what, "", *chain.from_iterable(("", f"{ns:.1f}") for ns in found)])
    head = ["operation", "ns of one core"]
    head += [f"{job}: {what}" for job in ("W3", "W1") for what in ("in a step", "ns a step")]
    return table(head, lines)


def alone(compare, job):
    """Return nanoseconds that the operations of a patient's step take."""
    counts = operations(cure=job == WITH_CURE)
    return sum(counts[name] * ns for name, ns in compare["ns_each"].items())


def in_c(compare, job):
    """Return nanoseconds that the C program takes for a patient's step."""
    return a_step(compare, job, "C, exact" if job == WITH_CURE else "C")


def a_step(compare, job, engine):
    """Return nanoseconds of one core that an engine takes for a patient's step."""
    rows = [row for row in compare["rows"] if row["workload"] == job]
    # The C program takes the engine's own steps to the last day, and says how many.
    steps = compare["steps"]
    if job == WITHOUT:
        steps = next(int(row["setting"].split()[0]) for row in rows if row["engine"] == "C")
    largest = max((row for row in rows if row["engine"] == engine), key=lambda row: row["patients"])
    cores = compare["machine"]["cores"]
    return 1e9 * cores * median(largest["seconds"]) / largest["patients"] / steps


def small(found):
    """Return what a call for a small cohort takes, and its parts."""
    lines = [[f"{int(size):,}", *(f"{part:.1f}" for part in parts.values())]
             for size, parts in found["milliseconds"].items()]  # fmt: skip
    return table(["patients", *next(iter(found["milliseconds"].values()))], lines)


def compiled(found, card):
    """Return what was made of each program for a GPU."""
    columns = {
        "launches": "kernels", "launches_a_step": "of them a step", "bytes": "bytes a patient",
        "bytes_a_step": "a step", "temporary_bytes": "kept a patient", "registers": "registers",
        "spilled_bytes": "spilled", "host_reads": "host reads",
        "loops_of_unknown_length": "open loops",
    }  # fmt: skip
    rows = [row for row in found["rows"] if row["card"] == card]
    lines = [[COMPILED, row["program"], *(f"{row[key]:g}" for key in columns)] for row in rows]
    return table(["", "program", *columns.values()], lines)


def least(found, card):
    """Return the least times of a block that stays a loop: what it moves, and what it launches."""
    rows = [row for row in found["rows"] if row["card"] == card and row["program"].endswith("scan")]
    lines = []
    for row in rows:
        if row["loops_of_unknown_length"]:
            continue
        moved = 1e3 * row["bytes"] * row["patients"] / BANDWIDTH[card]
        told = 1e3 * LAUNCH * row["launches"]
        lines.append([COMPILED, row["program"], f"{moved:.2f}", f"{told:.2f}"])
    return table(["", "program", "moving, ms", "launching, ms"], lines)


def over(rows, first, second):
    """Return how many times as fast an engine is as another at W3, at their largest common size."""
    found = {(row["engine"], row["patients"]): rate(row) for row in rows if row["workload"] == "W3"}
    size = max(size for engine, size in found if engine == second)
    return found[first, size] / found[second, size]


def _has(found, names):
    return all(any(key[:2] == (names[0], engine) for key in found) for engine in names[1:])


def draw(rows):
    """Throughput against size, the C program as the line."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    for axis, name in zip(axes, ("W1, end state", "W3"), strict=True):
        series = {}
        for row in rows:
            if row["workload"] == name and "blocks" not in row["engine"]:
                series.setdefault(row["engine"], []).append((row["patients"], rate(row)))
        for engine, points in series.items():
            limit = engine.startswith("C")
            style = {"color": "black", "linestyle": "--"} if limit else {"marker": "o"}
            label = f"{engine} (limit)" if limit else engine
            axis.loglog(*zip(*sorted(points), strict=True), label=label, **style)
        axis.set(title=ABOUT[name].split(":")[0].rstrip("."), xlabel="patients")
        axis.legend(fontsize=7)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("patients per second")
    figure.savefig(PICTURE, dpi=130)


def main():
    compare, engine, more = load("compare"), load("engine"), load("cells")
    page, swept = load("explore"), load("sweep")
    gpu = json.loads((RESULTS / "gpu-compile.json").read_text())
    rows = compare["rows"]
    draw(rows)
    versions = ", ".join(
        f"{name} {number}" for name, number in compare["versions"].items() if number != "missing"
    )
    text = TEXT.substitute(
        processor=compare["machine"]["processor"], cores=compare["machine"]["cores"],
        device=compare["device"], python=compare["python"], versions=versions,
        measured=MEASURED, published_mark=PUBLISHED, compiled_mark=COMPILED,
        absent=absent(compare), published=published(),
        ratios=ratios(rows), workloads="\n".join(workload(rows, name) for name in ABOUT),
        agreement=agreement(compare), shares=shares(rows), growth=growth(engine),
        populations=populations(load("populations")), sweep=sweep(swept),
        sweep_cells=sum(swept["overhead"]["steps"].values()),
        sweep_patients=f"{swept['patients_per_cell']:,}",
        sweep_machine=f"{swept['machine']['processor']}, {swept['machine']['cores']} cores",
        sweep_resume=f"{swept['resume']['median_s']:.1f}", sweep_memory=sweep_memory(swept),
        cells=cells(more), cell_patients=f"{more['patients']:,}", startup=startup(load("startup")),
        commands=commands(load("commands")), small=small(load("small")),
        bound_w1=f"{in_c(compare, WITHOUT) / alone(compare, WITHOUT):.2f}",
        bound_w3=f"{in_c(compare, WITH_CURE) / alone(compare, WITH_CURE):.2f}",
        prices=prices(engine), sampling=sampling(load("sampling")), compiling=compiling(compare),
        arithmetic=arithmetic(compare), explore=explore(page),
        explore_patients=f"{page['patients']:,}", explore_moves=f"{page['moves']:,}",
        explore_first=page["first_page_s"], explore_memory=", ".join(map(str, page["memory_mib"])),
        compiled=compiled(gpu, "H100"), least=least(gpu, "H100"),
        gpu_versions=", ".join(f"{name} {number}" for name, number in gpu["versions"].items()),
        gpu_patients=f"{gpu['rows'][0]['patients']:,}",
        c_over_paper=f"{over(rows, 'C, exact', PAPER):.0f}",
    )  # fmt: skip
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE} and {PICTURE}")


if __name__ == "__main__":
    main()
