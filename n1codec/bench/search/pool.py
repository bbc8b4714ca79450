"""Processes for many small pieces of work. One that crashes or hangs loses only the piece that it was at."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from n1codec.codec import CodecError

_READY = "ready"
_POLL = 0.2
_GRACE = 2.0


class Failure(NamedTuple):
    """Why there is no result."""

    reason: str


class Task(NamedTuple):
    """Pieces of work for one process: ``prepare(*arguments)``, then ``work(*arguments, item)`` for each of ``items``.

    Both functions stand at the top level of a module, so that they can be pickled. If ``prepare`` fails or hangs, every
    item counts as failed.
    """

    prepare: Callable[..., Any]
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    items: tuple[Any, ...]
    limit: float
    """Seconds that each of these calls may take."""


class TimeUp(Exception):
    """The pool's deadline is past."""


class Pool:
    """A pool of ``jobs`` processes. Libraries are told by the environment to use one thread in each."""

    def __init__(self, jobs: int) -> None:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLOSC_NTHREADS"):
            os.environ.setdefault(name, "1")
        self.jobs = jobs
        self._workers: list[_Worker] = []
        self.deadline = float("inf")
        """The time of ``time.monotonic()`` at which :meth:`run` gives up."""

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.pipe.close()  # which ends it if it has nothing to do
        for worker in self._workers:
            worker.end()

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Any, Any]]:
        """Yield (task, item, result or :class:`Failure`) of every item, in any order.

        Raises:
            TimeUp: ``deadline`` is past.
        """
        waiting = deque(tasks)
        self._workers += [_Worker() for _ in range(self.jobs - len(self._workers))]
        try:
            while waiting or any(worker.task for worker in self._workers):
                for worker in self._workers:
                    if not worker.task and waiting:
                        worker.give(waiting.popleft())
                busy = {worker.pipe: worker for worker in self._workers if worker.task}
                for pipe in wait(list(busy), _POLL):
                    assert isinstance(pipe, Connection)
                    try:
                        answer = pipe.recv()
                    except (EOFError, OSError):
                        yield from self._replace(busy[pipe], "", waiting)
                    else:
                        yield from busy[pipe].take(answer)
                now = time.monotonic()
                if now > self.deadline:
                    raise TimeUp
                for worker in busy.values():
                    if worker.task and now > worker.since + worker.task.limit:
                        yield from self._replace(worker, f"it took longer than {worker.task.limit:.0f} s", waiting)
        finally:
            for worker in [worker for worker in self._workers if worker.task]:  # nobody wants any more what it does
                worker.end()
                self._workers.remove(worker)

    def _replace(self, worker: _Worker, why: str, waiting: deque[Task]) -> Iterator[tuple[Task, str, Failure]]:
        """Put a new process in the place of one that died or hangs, and yield the items that are lost with it.

        That is the item it was at, or all of its task's if it was still preparing. The others wait to be done again.
        """
        task, left = worker.left()
        lost = left[:1] if worker.ready else left
        said = worker.end()
        self._workers[self._workers.index(worker)] = _Worker()
        if rest := left[len(lost) :]:
            waiting.appendleft(task._replace(items=rest))
        for item in lost:
            yield task, item, Failure(why or said)


class _Worker:
    """A process, its end of a pipe, and how far it is with its task."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Task | None = None
        self.ready = False
        self.done = 0
        self.since = 0.0
        """When it last gave an answer, or was given its task."""

    def give(self, task: Task) -> None:
        """Send the process a task."""
        self.task, self.ready, self.done, self.since = task, False, 0, time.monotonic()
        with suppress(OSError):  # that it has died is seen when its answer is read
            self.pipe.send(task)

    def left(self) -> tuple[Task, tuple[str, ...]]:
        """Return the task and its items that have no answer yet."""
        assert self.task
        return self.task, self.task.items[self.done :]

    def take(self, answer: Any) -> Iterator[tuple[Task, Any, Any]]:
        """Note an answer of the process, and yield the results in it with their items."""
        self.since = time.monotonic()
        if answer == _READY:
            self.ready = True
            return
        task, left = self.left()
        answers = answer if isinstance(answer, list) else [answer]
        self.done += len(answers)
        if self.done == len(task.items):
            self.task = None
        for item, result in zip(left, answers, strict=False):
            yield task, item, result

    def end(self) -> str:
        """End the process, and return in words how it had ended by itself, if it had."""
        self.process.join(_GRACE if self.pipe.closed and not self.task else _POLL)
        code = self.process.exitcode
        self.process.terminate()
        self.process.join(_GRACE)
        self.process.kill()
        self.process.join()
        self.pipe.close()
        how = signal.Signals(-code).name if code and code < 0 else f"exit code {code}"
        return f"its process was ended by {how}"


def _serve(pipe: Connection) -> None:
    """Do the tasks that come through a pipe until its other end is closed; this is what a process runs.

    The answers to a task are _READY and then one result per item; or, if preparing failed, one list of failures.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that libraries clean up behind themselves
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            task: Task = pipe.recv()
            try:
                task.prepare(*task.arguments)
            except (Exception, SystemExit) as error:
                pipe.send([_failure(error)] * len(task.items))
                continue
            pipe.send(_READY)
            for item in task.items:
                try:
                    pipe.send(task.work(*task.arguments, item))
                except (Exception, SystemExit) as error:
                    pipe.send(_failure(error))


def _failure(error: BaseException) -> Failure:
    said = " ".join(str(error).split())
    return Failure(said if isinstance(error, CodecError) else f"{type(error).__name__}: {said}")
