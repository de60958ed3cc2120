"""A chunk of one variable as bytes, as Zarr keeps it: zstd, then a CRC-32C."""

from __future__ import annotations

import hashlib

import google_crc32c
import numpy as np
from numcodecs import Zstd

ZSTD_LEVEL = 3

_CRC_BYTES = 4


def packed(values: np.ndarray) -> bytes:
    """Return the bytes of a whole chunk."""
    plain = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    body = bytes(Zstd(level=ZSTD_LEVEL).encode(plain))
    return body + google_crc32c.value(body).to_bytes(_CRC_BYTES, "little")


def unpacked(data: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return the chunk of bytes; never more of it than its shape and type imply.

    :raises ValueError: or RuntimeError, for bytes that hold something else.
    """
    values = np.zeros(shape, dtype.newbyteorder("<"))
    Zstd().decode(data[:-_CRC_BYTES], out=values)
    return values.astype(dtype, copy=False)


def checksum(data: bytes, study: str, variable: str, chunk: int) -> str:
    """Return the checksum of a chunk's bytes, which are no other's: not in another place either."""
    digest = hashlib.blake2b(f"{study}:{variable}:{chunk}:".encode(), digest_size=8)
    digest.update(data)
    return digest.hexdigest()
