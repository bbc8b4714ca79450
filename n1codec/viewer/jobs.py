"""Long computations in threads: each is started once, tells how far it is, and can be cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Work = Callable[[Callable[[float], None], threading.Event], Any]
"""Called with a function that takes the share that is done, and an event that is set when nobody waits any more."""


class Cancelled(Exception):
    """The work stopped because it was told to."""


class Job:
    """One computation, which runs in a thread of its own from the beginning.

    Attributes:
        name: by which ``Jobs`` finds it.
        title: for people.
        share: how much of it is done, from 0 to 1.
        error: what went wrong, "" if nothing did.
        result: what the work returned, None before it ended.
        cancelled: set to ask the work to stop.
    """

    def __init__(self, name: str, title: str, work: Work) -> None:
        self.name = name
        self.title = title
        self.share = 0.0
        self.error = ""
        self.result: Any = None
        self.cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(work,), name=title, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until it has ended, or for so many seconds at the most."""
        self._thread.join(seconds)

    def _run(self, work: Work) -> None:
        try:
            self.result = work(self._advance, self.cancelled)
        except Cancelled:
            self.cancelled.set()
        except Exception as error:
            self.error = str(error) or type(error).__name__
        if not self.cancelled.is_set():
            self.share = 1.0

    def _advance(self, share: float) -> None:
        self.share = share


class Jobs:
    """The jobs of a session by their names."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Job | None:
        """Return the job of that name, None if none was started."""
        return self._jobs.get(name)

    def start(self, name: str, title: str, work: Work) -> Job:
        """Return the job of that name; it is started if it was not before. A cancelled one is not started again."""
        with self._lock:
            if name not in self._jobs:
                self._jobs[name] = Job(name, title, work)
            return self._jobs[name]

    def cancel(self, name: str) -> None:
        """Ask the job of that name to stop, if there is one."""
        if job := self.get(name):
            job.cancelled.set()

    def forget(self, name: str) -> None:
        """Let the job of that name be started again, unless it runs."""
        with self._lock:
            if name in self._jobs and not self._jobs[name].running:
                del self._jobs[name]
