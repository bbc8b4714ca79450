"""The workers of a Dask cluster as the executor of a sweep (extra ``n1codec[dask]``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from n1codec.bench.measure import machine
from n1codec.codec import CodecError, UnavailableError


class Cluster(NamedTuple):
    executor: Any
    """Has the interface of ``concurrent.futures.Executor``."""
    machines: list[dict[str, str]]
    """Fingerprints of the workers' machines, each once."""
    jobs: int
    """The most codecs that are measured on one of them at the same time: the threads of all its workers."""
    workers: int


@contextmanager
def connect(address: str, patience: float = 10.0) -> Iterator[Cluster]:
    """Give the cluster of a scheduler such as ``tcp://host:8786``.

    Raises:
        UnavailableError: Dask is not installed.
        CodecError: nobody answers there within ``patience`` seconds, or the scheduler has no workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UnavailableError("Dask is not installed (pip install n1codec[dask])") from None
    try:
        client = Client(address, timeout=patience, set_as_default=False)
    except (OSError, ValueError) as error:
        raise CodecError(f"{address}: no Dask scheduler answers ({type(error).__name__})") from None
    with client:
        workers = client.scheduler_info(n_workers=-1)["workers"]
        if not workers:
            raise CodecError(f"{address}: the Dask scheduler has no workers (start dask worker {address})")
        threads: Counter[str] = Counter()
        for worker in workers.values():
            threads[worker["host"]] += worker["nthreads"]
        found = client.run(machine.fingerprint)
        machines = [dict(items) for items in dict.fromkeys(tuple(each.items()) for each in found.values())]
        yield Cluster(client.get_executor(pure=False), machines, max(threads.values()), len(workers))
