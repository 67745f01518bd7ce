"""Named arrays as bytes (npz) and back; what comes back from a student's process is not to be trusted."""

import io
import math
import zipfile
import zlib

import numpy as np
from numpy.lib import format as npy

COUNT = 64  # arrays in one answer
HEADER = 4096  # bytes of an array's description: numpy parses it as Python text, so it is kept short


def pack(arrays: dict[str, np.ndarray]) -> bytes:
    """The arrays as an uncompressed npz. Raises ValueError for what is neither numbers nor truth values."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, value in arrays.items():
            array = np.asanyarray(value)
            if array.dtype.kind not in "biufc":
                raise ValueError(f"{name} must be an array of numbers, got {array.dtype}")
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                npy.write_array(file, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
    return buffer.getvalue()


def unpack(data: bytes, limit: int) -> dict[str, np.ndarray]:
    """The arrays in an npz of at most `limit` bytes, packed and unpacked.

    No more memory is taken than the bytes that are there. Raises ValueError for anything that `pack` would
    not have written: pickles, texts, records, compression, a shape that doesn't fit the bytes.
    """
    if len(data) > limit:
        raise ValueError(f"{len(data):,} bytes of arrays, at most {limit:,} are read")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > COUNT:
                raise ValueError(f"{len(members)} arrays, at most {COUNT} are read")
            if any(m.compress_type != zipfile.ZIP_STORED for m in members):
                raise ValueError("compressed arrays are not read")
            if sum(m.file_size for m in members) > limit:
                raise ValueError(f"more than {limit:,} bytes of arrays")
            return {m.filename.removesuffix(".npy"): _array(archive.read(m)) for m in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"these bytes are no npz ({error})") from error


def _array(data: bytes) -> np.ndarray:
    """One .npy, its shape checked against its bytes before anything is allocated."""
    file = io.BytesIO(data)
    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise ValueError(f"npy version {version} is not read")
        shape, fortran, dtype = read(file, max_header_size=HEADER)
    except ValueError:
        raise
    except Exception as error:  # numpy evaluates the header: anything may come out
        raise ValueError(f"an array's header can't be read ({type(error).__name__})") from error
    if dtype.kind not in "biufc" or dtype.hasobject or dtype.fields:
        raise ValueError(f"arrays of {dtype} are not read")
    if len(shape) > 16 or any(not isinstance(n, int) or n < 0 for n in shape):
        raise ValueError("an array's shape is none")
    values = data[file.tell() :]
    if math.prod(shape) * dtype.itemsize != len(values):
        raise ValueError(f"an array of shape {shape} doesn't fit its {len(values)} bytes")
    return np.frombuffer(values, dtype).reshape(shape, order="F" if fortran else "C").copy()
