"""What a compiled program costs, read off a text of which the answer is known."""

from bench.compiled import hlo
from bench.compiled.thunks import every, launches, of_a_dump

# Two kernels outside of a loop of seven turns; in it one that puts a row of 16 numbers into a
# table, and one that asks whether to go on.
PROGRAM = """
HloModule jit_f

%put (a: f32[8,16], b: f32[16], i: s32[]) -> f32[8,16] {
  %a = f32[8,16]{1,0} parameter(0)
  %b = f32[16]{0} parameter(1)
  %i = s32[] parameter(2)
  %zero = s32[] constant(0)
  %row = f32[1,16]{1,0} bitcast(%b)
  ROOT %new = f32[8,16]{1,0} dynamic-update-slice(%a, %row, %i, %zero)
}

%twice (c: f32[16]) -> f32[16] {
  %c = f32[16]{0} parameter(0)
  ROOT %d = f32[16]{0} add(%c, %c)
}

%body (s: (s32[], f32[8,16], f32[16])) -> (s32[], f32[8,16], f32[16]) {
  %s = (s32[], f32[8,16]{1,0}, f32[16]{0}) parameter(0)
  %n = s32[] get-tuple-element(%s), index=0
  %t = f32[8,16]{1,0} get-tuple-element(%s), index=1
  %v = f32[16]{0} get-tuple-element(%s), index=2
  %stored = f32[8,16]{1,0} fusion(%t, %v, %n), kind=kLoop, calls=%put
  ROOT %after = (s32[], f32[8,16]{1,0}, f32[16]{0}) tuple(%n, %stored, %v)
}

%asks (s: (s32[], f32[8,16], f32[16])) -> pred[] {
  %s.1 = (s32[], f32[8,16]{1,0}, f32[16]{0}) parameter(0)
  %n.1 = s32[] get-tuple-element(%s.1), index=0
  %most = s32[] constant(7)
  ROOT %go = pred[] compare(%n.1, %most), direction=LT
}

ENTRY %main (x: f32[16], t0: f32[8,16]) -> f32[8,16] {
  %x = f32[16]{0} parameter(0)
  %t0 = f32[8,16]{1,0} parameter(1)
  %start = s32[] constant(0)
  %y = f32[16]{0} fusion(%x), kind=kLoop, calls=%twice
  %z = f32[16]{0} copy(%y)
  %first = (s32[], f32[8,16]{1,0}, f32[16]{0}) tuple(%start, %t0, %z)
  %while.3 = (s32[], f32[8,16]{1,0}, f32[16]{0}) while(%first), condition=%asks, body=%body, \
backend_config={"known_trip_count":{"n":"7"}}
  ROOT %out = f32[8,16]{1,0} get-tuple-element(%while.3), index=1
}
"""

THUNKS = """000: kCommandBuffer [source | next=003 (1)]
    001: kCustomKernel [source | next=002 (1)] twice grid: [1, 1, 1]
    002: kCopy         [prev=001 (1) | sink] kCopy
003: kWhile        [prev=000 (1) | sink]
condition:
    004: kCustomKernel [source | sink] compare grid: [1, 1, 1]
  body:
    005: kCustomKernel [source | sink] put grid: [1, 1, 1]
"""

ABOUT = """
thunk_metadata { thunk_info { profile_annotation: "command_buffer" } thunk_kind: "kCommandBuffer" }
thunk_metadata { thunk_info { profile_annotation: "twice" thunk_id: 1 } thunk_kind: "kCopy" }
thunk_metadata { thunk_info { profile_annotation: "while.3" thunk_id: 3 } thunk_kind: "kWhile" }
"""


def test_bytes_of_loops_and_of_what_is_around_them():
    program = hlo.parse(PROGRAM)
    row, table = 16 * 4, 8 * 16 * 4
    assert program.entry == "main"
    assert program.moved("main") == 2 * row + 2 * row
    (loop,) = program.loops().values()
    assert (loop.name, loop.trips, loop.made) == ("while.3", 7, 4 + table + row)
    # Of the table a row is written, and nothing read; the row and its place are read.
    assert program.moved(loop.called["body"]) == 2 * row + 4


def test_launches_of_loops_and_of_what_is_around_them(tmp_path):
    (tmp_path / "module.thunk_sequence.txt").write_text(THUNKS)
    (tmp_path / "module.thunk_metadata.txt").write_text(ABOUT)
    thunks, names = of_a_dump(tmp_path)
    assert launches(thunks) == 2
    (loop,) = (each for each in every(thunks) if each.kind == "kWhile")
    assert names[loop.number] == "while.3" and launches(loop.parts) == 1
    kinds = [(each.kind, each.graph) for each in thunks]
    assert kinds == [("kCommandBuffer", True), ("kWhile", False)]
