"""Recordings as arrays of Dask: what ``n1codec.open(path).to_dask()`` returns."""

from __future__ import annotations

from typing import Any

import numpy as np

from n1codec.codec import UnavailableError
from n1codec.recordings import Recording


def to_dask(recording: Recording) -> Any:
    """Return the samples of a recording as a ``dask.array.Array``, shape (frames, channels).

    A .n1c file has a block for each chunk, which is decoded where it is computed; other files are cut as Dask does it.
    Of a selection of channels no others are decoded, as far as the codec can. Workers open the file anew: they need the
    package, and the file at the same path.

    Raises:
        UnavailableError: Dask is not installed.
    """
    try:
        import dask.array
    except ImportError as error:
        raise UnavailableError(f"to_dask needs Dask: {error} (pip install 'n1codec[dask]')") from error
    chunks = getattr(recording, "chunks", None)
    frames = "auto" if chunks is None else tuple(stop - start for start, stop in chunks) or (0,)
    return dask.array.from_array(
        recording,
        chunks=(frames, recording.channels),
        name=False,  # a name made of what is in the file would take reading it
        meta=np.empty((0, 0), recording.dtype),
    )
