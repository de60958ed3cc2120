"""What is read is a plain file, and what is written replaces nothing else."""

import os
import stat
from pathlib import Path

import pytest
import xarray as xr

import vcohort as vc
from vcohort.studies.files import read_fields

DS = xr.Dataset({"a": ("x", [1.0, 2.0])})


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_what_is_no_plain_file_is_not_replaced(pipe):
    with pytest.raises(vc.VcohortError, match="a device or a pipe"):
        vc.save(DS, pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(vc.VcohortError, match="a device or a pipe"):
        vc.save(DS, os.devnull)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "there").mkdir()
    real, link = tmp_path / "there" / "real.nc", tmp_path / "link.nc"
    link.symlink_to(real)
    for _ in range(2):
        vc.save(DS, link)
        assert link.is_symlink() and xr.open_dataset(real, engine="netcdf4").identical(DS)
    assert sorted(each.name for each in (tmp_path / "there").iterdir()) == ["real.nc"]
    (tmp_path / "round.nc").symlink_to(tmp_path / "round.nc")
    with pytest.raises(vc.VcohortError, match="Cannot write"):
        vc.save(DS, tmp_path / "round.nc")


def test_a_store_is_written_through_a_link(tmp_path):
    (tmp_path / "link.zarr").symlink_to(tmp_path / "real.zarr")
    population = vc.Population("kimmel2021-figures")
    options = {"endpoints": [vc.Outcome()], "days": (), "tolerance": 1e-2, "progress": False}
    vc.sweep(population, {"K_C": [7e10]}, 8, tmp_path / "link.zarr", **options)
    assert (tmp_path / "link.zarr").is_symlink() and vc.verify(tmp_path / "real.zarr").is_whole


def test_what_is_no_plain_file_is_not_read(pipe, tmp_path):
    for path in (pipe, tmp_path, os.devnull):
        for read in (read_fields, vc.load):
            with pytest.raises(vc.VcohortError, match="Cannot read"):
                read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"x = " + b"[" * 2000, "nested too deeply"),
        (b"a." * 3000 + b"a = 1", "nested too deeply"),
        (b"patients = " + b"9" * 5000, "more than 64 bits"),
        (b"patients = " + b"9" * 400, "more than 64 bits"),
        (b"patients = 3\x00", "is not TOML"),
        (b"\xff\xfe", "not text in UTF-8"),
        (b"#" * (11 << 20), "more than 10 MiB"),
    ],
)
def test_odd_study_files(text, message, tmp_path):
    (tmp_path / "study.toml").write_bytes(text)
    with pytest.raises(vc.VcohortError, match=message):
        read_fields(tmp_path / "study.toml")


def test_a_study_file_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "study.toml").write_bytes(b"\xef\xbb\xbfpatients = 3")
    assert read_fields(tmp_path / "study.toml") == {"patients": 3}
