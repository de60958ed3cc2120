"""Whatever happens to the bytes of a file: the numbers that were written, or one message.

Files are changed at random, and by someone who knows how their checksums are made.
"""

import json
import random
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from tests.test_store import OPTIONS, population
from vcohort.cli.commands import report as report_command
from vcohort.cli.report import sweep as report
from vcohort.studies.files import read_fields
from vcohort.studies.study import make_study
from vcohort.sweeps.store import format as form
from vcohort.sweeps.store import manifest

FEW, MANY = 40, 200

both = pytest.mark.parametrize(
    ("seed", "count"), [(1, FEW), pytest.param(2, MANY, marks=pytest.mark.slow)]
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("damage") / "whole.zarr"
    axes, options = {"K_C": [6.8e10, 7.2e10, 7.0e10, 6.6e10, 7.4e10]}, {**OPTIONS, "quantiles": ()}
    return path, vc.sweep(population(), axes, 32, path, **options).load()


def changed(data, generator):
    """Return bytes with a bit flipped, some cut off, or something else in their place."""
    place = generator.randrange(max(1, len(data)))
    match generator.choice(["flip", "flip", "flip", "cut", "none", "noise", "zeros", "twice"]):
        case "flip" if data:
            one = data[place] ^ 1 << generator.randrange(8)
            return data[:place] + bytes([one]) + data[place + 1 :]
        case "cut":
            return data[:place]
        case "noise":
            return data[:place] + generator.randbytes(8) + data[place + 8 :]
        case "zeros":
            return data[:place] + bytes(len(data) - place)
        case "twice":
            return data + data[place:]
        case _:
            return b""


def harm(store, generator):
    """Do some damage to a store; say what, and where."""
    files = sorted(file for file in store.rglob("*") if file.is_file())
    own = [file for file in files if ".vcohort" in file.parts or file.name == "zarr.json"]
    file = generator.choice(own if generator.random() < 0.4 else files)
    kind = generator.choice(["change", "change", "change", "gone", "other", "folder", "sealed"])
    match kind:
        case "change":
            file.write_bytes(changed(file.read_bytes(), generator))
        case "gone" if file.parent != store:
            shutil.rmtree(file.parent) if generator.random() < 0.3 else file.unlink()
        case "other":
            file.write_bytes(generator.choice(files).read_bytes())
        case "folder":
            file.unlink()
            file.mkdir()
        case _:
            generator.choice([resealed_note, resealed_study, resealed_form])(store, generator)
    return kind, file


ODD = (
    None, True, -1, 0, 7, 10**30, 10**400, 1e308, float("nan"), "7", "../../x", "", [], {}, [[]],
    {"is": "Fixed", "value": "x"}, {"is": "Path"}, {"own": "x"}, {"array": ["a"]}, "float128",
)  # fmt: skip


def with_odd_part(entry, generator):
    """Return a JSON entry with one part of it, somewhere, that does not belong there."""
    part = entry
    while True:
        keys = sorted(part) if isinstance(part, dict) else range(len(part))
        if not keys or generator.random() < 0.1:
            break
        key = generator.choice(keys)
        if not isinstance(part[key], dict | list) or generator.random() < 0.2:
            part[key] = generator.choice(ODD)
            return entry
        part = part[key]
    if isinstance(part, dict):
        part["more"] = generator.choice(ODD)
    else:
        part.append(generator.choice(ODD))
    return entry


def resealed_note(store, generator):
    notes = store / ".vcohort" / "chunks-0.jsonl"
    lines = notes.read_bytes().splitlines()
    entry = manifest.unsealed(lines[generator.randrange(len(lines))])
    with notes.open("ab") as file:
        file.write(manifest.sealed(with_odd_part(entry, generator)) + b"\n")


def reseal_study(store, change):
    study = store / ".vcohort" / "study.json"
    header = manifest.unsealed(study.read_bytes())
    study.write_bytes(manifest.sealed(change(header)))


def resealed_study(store, generator):
    reseal_study(store, lambda header: with_odd_part(header, generator))


def resealed_form(store, generator):
    """Change metadata, and note its digest as if it were right."""
    root = json.loads((store / "zarr.json").read_bytes())
    arrays = root["consolidated_metadata"]["metadata"]
    name = generator.choice(sorted(arrays))
    with_odd_part(generator.choice([root, arrays[name]]), generator)
    (store / "zarr.json").write_text(json.dumps(root))
    if isinstance(arrays.get(name), dict):
        (store / name / "zarr.json").write_text(json.dumps(arrays[name]))
    header = manifest.unsealed((store / ".vcohort" / "study.json").read_bytes())
    variables = [each["name"] for each in header["variables"]]
    digest = form.format_digest(store, variables)
    reseal_study(store, lambda header: {**header, "form": digest})


def outcome_of(action, expected):
    """Return how an action on a damaged store ended; fail where it took wrong numbers."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = action().load()
        except vc.VcohortError as error:
            assert str(error).count("\n") < 10 and "Traceback" not in str(error)
            return "refused"
    if any(issubclass(each.category, vc.VcohortWarning) for each in told):
        for name in expected.data_vars:
            empty = found[name].isnull() | (found[name] == -1)
            np.testing.assert_array_equal(found[name].where(~empty), expected[name].where(~empty))
        return "told"
    # Who seals metadata anew can say of versions and devices what he likes, not of the study.
    assert found.drop_attrs().identical(expected.drop_attrs())
    of_study = {name: expected.attrs[name] for name in ("horizon", "seed", "tolerance", "method")}
    assert found.attrs.items() >= of_study.items()
    return "same"


def reported(store, page):
    """Write the report; the page says of itself where something is left out."""
    page.unlink(missing_ok=True)
    is_told = False
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            report_command.report(store, page)
        except vc.VcohortError:
            is_told = True
    if page.exists():
        is_told |= bool(warned)
        assert is_told == ('<p class="note"><strong>' in page.read_text())


@both
def test_a_store_that_was_harmed(seed, count, whole, tmp_path, monkeypatch):
    path, expected = whole
    # Pictures take most of a report's time, and hold no other numbers.
    monkeypatch.setattr(report, "_pictures", lambda ds: [])
    generator, seen = random.Random(seed), {}
    for _ in range(count):
        store = Path(shutil.copytree(path, tmp_path / "out.zarr"))
        kind, file = harm(store, generator)
        try:
            ended = outcome_of(lambda store=store: vc.open_sweep(store), expected)
            reported(store, tmp_path / "report.html")
            is_whole = outcome_of_verify(store)
            assert ended == "same" or not is_whole
            for repair in (False, True):
                again = outcome_of(lambda store=store, repair=repair: vc.resume(
                    store, repair=repair, progress=False), expected)  # fmt: skip
                # What can be opened can be mended, but for a folder that stands in the way.
                assert again == "same" or not repair or ended == "refused" or kind == "folder"
        except BaseException:
            print(kind, file)
            raise
        seen[ended] = seen.get(ended, 0) + 1
        shutil.rmtree(store, ignore_errors=True)
    assert seen["refused"] > count // 4


def outcome_of_verify(store):
    try:
        return vc.verify(store, progress=False).is_whole
    except vc.VcohortError:
        return False


def test_a_chunk_is_never_unpacked_to_more_than_its_study_implies(whole, tmp_path):
    """48 kB of zstd may be 1.5 GB; metadata that says so is refused before anything is read."""
    path, _ = whole
    for name, key, value in (
        ("pfs", "chunk_grid",
         {"name": "regular", "configuration": {"chunk_shape": [10**8, 2]}}),
        ("pfs", "shape", [10**8, 2]),
        ("pfs", "data_type", "float32"),
        ("cured", "codecs", [{"name": "bytes", "configuration": {"endian": "little"}}]),
        ("cured", "fill_value", 0.5),
        ("cured", "dimension_names", ["cell"]),
    ):  # fmt: skip
        store = Path(shutil.copytree(path, tmp_path / "out.zarr"))
        root = json.loads((store / "zarr.json").read_bytes())
        root["consolidated_metadata"]["metadata"][name][key] = value
        (store / "zarr.json").write_text(json.dumps(root))
        (store / name / "zarr.json").write_text(
            json.dumps(root["consolidated_metadata"]["metadata"][name])
        )
        header = manifest.unsealed((store / ".vcohort" / "study.json").read_bytes())
        digest = form.format_digest(store, [each["name"] for each in header["variables"]])
        reseal_study(store, lambda header, digest=digest: {**header, "form": digest})
        for touch in (vc.open_sweep, vc.verify, vc.resume):
            with pytest.raises(vc.VcohortError, match="its metadata is not"):
                touch(store)
        shutil.rmtree(store)


STUDY = b"""
preset = "kimmel2021-figures"
patients = 300
sigma = 0.05
save_at = [0, 7.5]

[set]
r_B = "lognormal(0.07, 0.1)"

[[infusion]]
day = 60

[sweep]
days = [90, 400]

[sweep.axes]
K_C = "6.8e10:7.2e10:3"
gamma_B = [1.0, 1.2]
"""


@both
def test_a_study_file_that_was_harmed(seed, count, tmp_path):
    """It is another study, or none: there is no telling which, but it ends in one message."""
    generator, path = random.Random(seed), tmp_path / "study.toml"
    odd = [b"[" * 3000, b"9" * 5000, b"\x00", b"1e999", b"nan", b'"""', b"\xff\xfe", b"{a=" * 900]
    for _ in range(count):
        data = changed(STUDY, generator)
        if generator.random() < 0.5:
            place = generator.randrange(len(STUDY))
            data = STUDY[:place] + generator.choice(odd) + STUDY[place:]
        path.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", vc.VcohortWarning)
            try:
                make_study(read_fields(path)).check()
            except vc.VcohortError as error:
                assert str(error).count("\n") < 10


@both
def test_a_dataset_file_that_was_harmed(seed, count, tmp_path):
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(40, seed=1)
    ds = vc.simulate(cohort, "exact", endpoints=[vc.Outcome()], tolerance=1e-2, progress=False)
    path = vc.save(ds, tmp_path / "cohort.nc")
    assert vc.load(path).identical(ds)
    data, generator = path.read_bytes(), random.Random(seed)
    refused = 0
    for _ in range(count):
        path.write_bytes(changed(data, generator))
        try:
            assert vc.load(path).identical(ds)
        except vc.VcohortError as error:
            refused += "cohort.nc" in str(error)
    assert refused > 0.9 * count


def test_checksums_of_variables_and_files_of_others(tmp_path):
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(40, seed=1)
    ds = vc.simulate(cohort, "exact", endpoints=[vc.Outcome()], tolerance=1e-2, progress=False)
    with xr.open_dataset(vc.save(ds, tmp_path / "own.nc"), engine="netcdf4") as there:
        assert all(there[name].encoding["fletcher32"] for name in there.variables)
    # What others write has no SHA-256 at its end, and what one of them reads need not look at it.
    ds.to_netcdf(tmp_path / "theirs.nc", engine="netcdf4")
    assert vc.load(tmp_path / "theirs.nc").identical(ds)
    for address in ("https://example.org/a.nc", "s3://a/b.nc", "file:///etc/passwd"):
        with pytest.raises(vc.VcohortError, match="only files are read"):
            vc.load(address)
