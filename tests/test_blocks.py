"""How many patients are computed at a time."""

import jax
import pytest

from vcohort.engine.execution import blocks


@pytest.mark.parametrize(
    ("gibibytes", "patients", "block"),
    [(60, 10**7, 1 << 20), (60, 3000, 1 << 14), (60, 100, 256), (12, 10**7, 1 << 17),
     (1, 10**7, 1 << 14), (0, 10**7, 256)],
)  # fmt: skip
def test_blocks_of_an_accelerator_fit_its_free_memory(gibibytes, patients, block, monkeypatch):
    """Two at once; no larger than it takes to hold the cohort."""

    class Device:
        def memory_stats(self):
            return {"bytes_limit": (gibibytes + 4) << 30, "bytes_in_use": 4 << 30}

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "local_devices", lambda: [Device(), Device()])
    assert blocks.block_size(patients) == block


def test_a_small_cohort_is_not_filled_up_to_a_large_block_on_a_cpu(monkeypatch):
    """Of a few thousand patients each core has some; of many, Python has few blocks to begin."""
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    sizes = {patients: blocks.block_size(patients) for patients in (1, 256, 300, 10_000, 10**6)}
    assert sizes == {1: 256, 256: 256, 300: 2048, 10_000: 2048, 10**6: 4096}
