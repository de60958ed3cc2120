"""What a program costs on a GPU, as far as its compiled form tells."""

from bench.compiled import hlo
from bench.compiled.registers import registers
from bench.compiled.thunks import every, launches, of_a_dump, text_of


def made(compiled, folder, architecture, patients, steps):
    """Return kernels, bytes, registers and memory of a compiled program, bytes per patient.

    ``bytes`` are read and written; loops of unknown length are not counted, in launches neither. A
    kernel that holds all steps reads and writes no more than what goes in and comes out.
    """
    program = hlo.parse(text_of(folder, "gpu_after_optimizations.txt"))
    thunks, names = of_a_dump(folder)
    written = program.loops()
    loops = [_loop(program, thunk, written[names[thunk.number]], patients)
             for thunk in every(thunks) if thunk.kind == "kWhile"]  # fmt: skip
    asked = [each for each in every(thunks) if each.kind == "kConditional" and not each.graph]
    stops = [loop for loop in loops if loop["turns"] is None and not loop["in_a_graph"]]
    counted = [loop for loop in loops if loop["turns"]]
    total = program.moved(program.entry) / patients
    total += sum(loop["turns"] * loop["bytes"] for loop in counted)
    used, spilled = registers(folder, architecture)
    memory = compiled.memory_analysis()
    return {
        "patients": patients,
        "steps": steps,
        "launches": launches(thunks) + sum(loop["turns"] * loop["launches"] for loop in counted),
        "launches_a_step": max((loop["launches"] for loop in counted), default=0),
        "loops_of_unknown_length": sum(loop["turns"] is None for loop in loops),
        "host_reads": len(stops) + len(asked),
        "bytes": round(total, 1),
        "bytes_a_step": round(total / steps, 1),
        "carried_bytes": max((loop["carried"] for loop in counted), default=0),
        "temporary_bytes": round(memory.temp_size_in_bytes / patients, 1),
        "registers": used,
        "spilled_bytes": spilled,
    }


def _loop(program, thunk, line, patients):
    return {
        "turns": line.trips,
        "launches": launches(thunk.parts),
        "in_a_graph": thunk.graph,
        "bytes": program.moved(line.called["body"]) / patients,
        "carried": round(line.made / patients, 1),
    }
