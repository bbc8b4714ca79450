"""Run a sample of mutants, keep a log, and report."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Condition
from typing import Any

from .copies import BuildError, Copy
from .mutant import Mutant
from .selection import Selection, cached, measure, test_files
from .watch import limit

PATIENCE = 120
"""Seconds that pytest may take beside the tests; each of these has a limit of its own."""
CAUGHT = ("caught", "timeout")
MISSED = ("survived", "uncovered")
"""Outcomes that count, beside CAUGHT; `uncovered`: no test runs the line."""


class BusyError(Exception):
    """Another run works in the same folder."""


@dataclass
class Options:
    """How to run a sample."""

    count: int = 200
    jobs: int = 2
    limit: float = 120
    slow: bool = False
    again: bool = False
    stale: bool = False
    """Use what was measured of tests before the sources changed."""
    tests: tuple[str, ...] = ()
    """Test files that are used, all where it is empty."""


class Log:
    """What became of mutants, a line of JSON each; the last line about a mutant holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, dict[str, Any]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):  # cut off when the run was interrupted
                    entry = json.loads(line)
                    self.entries[entry["digest"]] = entry

    def add(self, mutant: Mutant, tree: str, found: dict[str, Any]) -> dict[str, Any]:
        change = {
            name: getattr(mutant, name) for name in ("digest", "file", "function", "line", "before", "after", "nth")
        }
        entry = {**found, **change, "tree": tree}
        if entry == self.entries.get(mutant.digest):
            return entry
        self.entries[mutant.digest] = entry
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
        return entry

    def killers(self, file: str) -> Counter[str]:
        """Return how many mutants of a file each test has found."""
        found = (e for e in self.entries.values() if e["file"] == file and e["outcome"] in CAUGHT)
        return Counter(entry["killer"] for entry in found if entry.get("killer"))


def tree(root: Path, tests: Iterable[str] = ()) -> str:
    """Return what names all that decides what becomes of a mutant: a digest of every file but documents, results and
    this tool, and the files of tests where others are left out."""
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root)
    names = [name for name in listed.decode().split("\0") if name]
    skipped = re.compile(r"docs/|results/|tools/|[A-Z]\w*\.md$|\.ci/")
    state = hashlib.sha256()
    for name in sorted(names):
        if not skipped.match(name) and (root / name).is_file():
            state.update(name.encode() + b"\0" + hashlib.sha256((root / name).read_bytes()).digest())
    return " ".join((state.hexdigest()[:16], *sorted(tests)))


def select(root: Path, copies: list[Copy], store: Path, options: Options) -> Selection:
    """Return which tests run which line; test files that have changed, or whose sources have, are measured again."""
    selection, missing = Selection(root), []
    for file in options.tests or test_files(root):
        record = cached(root, store, file, options.slow, options.stale)
        if record:
            selection.add(record)
        else:
            missing.append(file)
    if missing:
        print(f"mutants: {len(missing)} test files are measured first", flush=True)
        for copy in copies:
            copy.build(count_lines=True)

        def one(copy: Copy, file: str) -> None:
            started = time.monotonic()
            record = measure(copy, store, file, options.slow)
            selection.add(record)
            failed = "".join(f"\n    fails without any mutant, and is left out: {name}" for name in record["failed"])
            print(f"  {file}: {len(record['tests'])} tests, {time.monotonic() - started:.0f} s{failed}", flush=True)

        _share(copies, missing, one)
    return selection


def _share(copies: list[Copy], work: Iterable[Any], one: Any) -> None:
    """Call ``one(copy, item)`` for each item, each copy one at a time."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def call(item: Any) -> None:
        copy = free.get()
        try:
            one(copy, item)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        started = [pool.submit(call, item) for item in work]
        try:
            for done in started:
                done.result()
        except KeyboardInterrupt:  # a thread would go on
            for copy in copies:
                copy.end_children()
            os._exit(130)


def run(root: Path, sample: list[Mutant], listed: set[tuple[str, ...]], options: Options) -> list[dict[str, Any]]:
    """Try mutants in the sample's order until `options.count` of them count; return what became of these.

    Those that are listed as equivalent, do not compile, or compile to the same code do not count.
    """
    home = root / "build" / "mutants"
    home.mkdir(parents=True, exist_ok=True)
    lock = (home / "lock").open("w")  # held until it is closed
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise BusyError(f"{home} is in use by another run") from error
    log = Log(home / "log.jsonl")
    state = tree(root, options.tests)
    copies = [Copy(root, home / f"copy{n}") for n in range(1, options.jobs + 1)]
    selection = select(root, copies, home / "coverage", options)
    for copy in copies:
        copy.plain()
        (copy.folder / "build" / "seconds.json").write_text(json.dumps(selection.seconds))
    turn = Condition()
    counted: list[dict[str, Any]] = []
    waiting = iter([mutant for mutant in sample if mutant.key not in listed])
    in_hand = 0

    def may_go_on() -> bool:  # what others have in hand may turn out not to count
        return not in_hand or len(counted) + in_hand < options.count

    def work(copy: Copy, _: int) -> None:
        nonlocal in_hand
        while True:
            with turn:
                turn.wait_for(may_go_on)
                mutant = next(waiting, None) if len(counted) < options.count else None
                if not mutant:
                    return
                in_hand += 1
            entry = log.entries.get(mutant.digest)
            if not entry or entry["tree"] != state or (options.again and entry["outcome"] in MISSED):
                entry = attempt(copy, mutant, selection, options.limit, log.killers(mutant.file))
                show(mutant, entry)
            with turn:
                entry = log.add(mutant, state, entry)
                in_hand -= 1
                if entry["outcome"] in CAUGHT + MISSED:
                    counted.append(entry)
                turn.notify_all()

    _share(copies, range(len(copies)), work)
    lock.close()
    return counted


def attempt(copy: Copy, mutant: Mutant, selection: Selection, seconds: float, killers: Counter[str]) -> dict[str, Any]:
    """Build a mutant, run its tests, and return what became of it.

    A test that fails without the mutant as well, since something on the machine has changed, is not believed: it is
    left out from then on, and the mutant tried again.
    """
    started = time.monotonic()
    while True:
        tests, cut = selection.choose(mutant, seconds, killers)
        found: dict[str, Any] = {"outcome": "uncovered", "tests": len(tests), "cut": cut}
        try:
            if not copy.apply(mutant):
                found["outcome"] = "same code"
            elif tests:
                found |= _test(copy, tests, sum(selection.seconds[test] for test in tests))
        except BuildError:
            found["outcome"] = "does not compile"
        finally:
            copy.restore(mutant)
        killer = found.get("killer")
        if not killer or _test(copy, [killer], selection.seconds[killer])["outcome"] == "survived":
            return {**found, "seconds": round(time.monotonic() - started, 1)}
        print(f"  fails without any mutant, and is left out from here on: {killer}", flush=True)
        selection.broken.add(killer)


def _test(copy: Copy, tests: list[str], usual: float) -> dict[str, Any]:
    build = copy.folder / "build"
    (build / "tests.txt").write_text("\n".join(tests))
    command = ["-m", "pytest", "-p", "tools.mutants.watch", f"--basetemp={build / 'tmp'}", "-x", "-q", "--tb=no"]
    env = {"MUTANTS_SECONDS": str(build / "seconds.json")}
    status, printed = copy.run([*command, f"@{build / 'tests.txt'}"], env, limit(usual) + PATIENCE)
    if status == 0:
        return {"outcome": "survived"}
    begun = re.findall(r"^RUNS (.+)$", printed, re.MULTILINE)
    over = status is None or "Timeout (" in printed
    return {"outcome": "timeout" if over else "caught", "killer": begun[-1] if begun else "", "tests": len(begun)}


def show(mutant: Mutant, entry: dict[str, Any]) -> None:
    where = f"{mutant.file}:{mutant.line} {mutant.function}"
    by = f" by {entry['killer']}" if entry.get("killer") else ""
    print(f"{entry['outcome']:<10} {entry['seconds']:6.1f} s  {where}{by}", flush=True)


def report(mutants: Iterable[Mutant], entries: list[dict[str, Any]], state: str) -> str:
    """Return the figures by folder, and the survivors, grouped by file, with what was changed."""
    known = {mutant.digest: mutant for mutant in mutants}
    rooms: dict[str, Counter[str]] = defaultdict(Counter)
    missed: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if mutant := known.get(entry["digest"]):
            rooms[Path(mutant.file).parent.as_posix()][entry["outcome"]] += 1
            if entry["outcome"] in MISSED:
                cut = ", cut" if entry["cut"] else ""
                tests = "no test runs this line" if entry["outcome"] == "uncovered" else f"{entry['tests']} tests{cut}"
                old = "" if entry["tree"] == state else ", before the latest changes"
                nth = f", nth = {mutant.nth}" if mutant.nth > 1 else ""
                where = f"  line {mutant.line}, {mutant.function or 'outside of functions'} ({tests}{nth}{old})"
                missed[mutant.file].append(f"{where}\n    - {mutant.before}\n    + {mutant.after}\n")
    lines = [line for file in sorted(missed) for line in (f"{file}", *missed[file])]
    total = sum(rooms.values(), Counter[str]())
    for room, found in (*sorted(rooms.items()), ("all", total)):
        caught = sum(found[outcome] for outcome in CAUGHT)
        count = caught + sum(found[outcome] for outcome in MISSED)
        if count:
            lines.append(f"{room:<24} {caught:>4} of {count:>4} caught, {100 * caught / count:.0f} %")
    return "\n".join(lines)
