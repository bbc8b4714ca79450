"""Which tests run which line, measured once per test file in a working copy, and which of them a mutant gets."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .copies import Copy
from .mutant import Mutant

LONGEST = 3600
"""Seconds that the tests of one file may take while they are measured."""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""


@dataclass
class Selection:
    """The tests and the lines that they run."""

    root: Path
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each test took that passed, by its name (node id)."""
    slow: set[str] = field(default_factory=set)
    """The names of those that are marked slow."""
    broken: set[str] = field(default_factory=set)
    """The names of those that turned out to fail without any mutant."""
    lines: dict[str, dict[int, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    """The names of the tests that run a line, by file and number; none for one that no test runs. Lines of C that are
    no code, and lines that are newer than what was measured, are missing."""

    def add(self, record: dict[str, Any]) -> None:
        names = list(record["tests"])
        for name, (seconds, slow) in record["tests"].items():
            self.seconds[name] = seconds
            if slow:
                self.slow.add(name)
        for file, lines in record["lines"].items():
            for number, name in enumerate(named_lines(self.root / file), 1):
                if name in lines:
                    self.lines[file][number].update(names[n] for n in lines[name])

    def covering(self, mutant: Mutant) -> set[str]:
        """Return the tests that run the mutated line."""
        lines = self.lines.get(mutant.file, {})
        if mutant.at_import:
            return self._users(mutant)
        statement = [line for line in lines if mutant.statement <= line <= mutant.line]
        if not statement:
            statement = [line for line in lines if line < mutant.line and lines[line]][-1:]
        return lines.get(mutant.line) or set[str]().union(*(lines[line] for line in statement))

    def _users(self, mutant: Mutant) -> set[str]:
        """Return the tests that run any line of the file, or of files that use what the mutant changes."""
        tests = self._tests_of(mutant.file)
        if mutant.file.endswith(".py"):
            if tests:
                return tests
            word = Path(mutant.file).stem
            files = [*self.root.glob("n1codec/**/*.py"), *self.root.glob("algorithms/**/*.py")]
        else:
            word, files = mutant.function, list(self.root.glob("native/**/*.[ch]"))
        for path in files:
            if re.search(rf"\b{re.escape(word)}\b", path.read_text(encoding="utf-8")):
                tests |= self._tests_of(path.relative_to(self.root).as_posix())
        return tests

    def _tests_of(self, file: str) -> set[str]:
        return set[str]().union(*self.lines.get(file, {}).values())

    def choose(self, mutant: Mutant, limit: float, killers: Counter[str]) -> tuple[list[str], bool]:
        """Return the tests to run, the likely killers and the quickest first, and whether some were left out.

        Those come first that found other mutants of this file. Then comes the quickest case of each test function, then
        the second quickest, and so on, until they take `limit` seconds. A slow test is taken where no quick one runs
        the line. Tests that compile native/ themselves are as the second quickest.
        """
        found = self.covering(mutant)
        found = found - self.slow or found
        rank = self._ranks(found)
        if not mutant.file.endswith(".py"):
            rank |= {test: (n + 1, seconds) for test, (n, seconds) in self._ranks(self._compiling() - found).items()}
        order = [test for test, _ in killers.most_common(5) if test in rank]
        order += sorted(set(rank) - set(order), key=lambda t: (rank[t], t))
        order = [test for test in order if test not in self.broken]
        chosen: list[str] = []
        total = 0.0
        for test in order:
            total += self.seconds[test]
            if total <= limit or not chosen:
                chosen.append(test)
        # Those of a file run together, since they share fixtures.
        likely = [test for test in chosen if killers[test] or rank[test][0] == 0]
        return [*_by_file(likely), *_by_file([t for t in chosen if t not in set(likely)])], len(chosen) < len(order)

    def _ranks(self, tests: set[str]) -> dict[str, tuple[int, float]]:
        """Return for each test the number of quicker cases of its function, and its seconds."""
        groups: dict[str, list[str]] = defaultdict(list)
        for test in sorted(tests, key=lambda t: (self.seconds[t], t)):
            groups[test.split("[")[0]].append(test)
        return {test: (n, self.seconds[test]) for group in groups.values() for n, test in enumerate(group)}

    def _compiling(self) -> set[str]:
        """Return the tests in files that speak of the sources in native/."""
        speaks = re.compile(r"\bnative[\"/]|\bn1enc\b")
        files = {test.split("::")[0] for test in self.seconds}
        files = {file for file in files if speaks.search((self.root / file).read_text(encoding="utf-8"))}
        return {test for test in self.seconds if test.split("::")[0] in files and test not in self.slow}


def _by_file(tests: list[str]) -> list[str]:
    first: dict[str, int] = {}
    for n, test in enumerate(tests):
        first.setdefault(test.split("::")[0], n)
    return sorted(tests, key=lambda t: first[t.split("::")[0]])


def test_files(root: Path) -> list[str]:
    found = (root / "tests").rglob("test_*.py")
    return sorted(path.relative_to(root).as_posix() for path in found if path.name != "test_mutants.py")


def helpers(root: Path) -> list[str]:
    """Return the files that any test may depend on."""
    found = (root / "tests").rglob("*.py")
    return sorted(path.relative_to(root).as_posix() for path in found if not path.name.startswith("test_"))


def named_lines(path: Path) -> list[str]:
    """Return the lines of a file, each named by its text and a count, so that edits elsewhere do not matter."""
    seen: Counter[str] = Counter()
    names = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        text = " ".join(line.split())
        seen[text] += 1
        names.append(f"{seen[text]} {text}")
    return names


def cached(root: Path, store: Path, test_file: str, slow: bool, stale: bool) -> dict[str, Any] | None:
    """Return what was measured of a test file, unless it, or a file that its tests run, has changed since.

    With `stale` it may be of other sources: tests that came to run a line since then are missing, and that is all.
    """
    path = store / f"{test_file.replace('/', '.')}{'.slow' if slow else ''}.json"
    if not path.exists():
        return None
    record: dict[str, Any] = json.loads(path.read_text())
    needs = {file: known for file, known in record["needs"].items() if not stale or file == test_file}
    return record if all(digest(root / file) == known for file, known in needs.items()) else None


def measure(copy: Copy, store: Path, test_file: str, slow: bool) -> dict[str, Any]:
    """Run a test file in a copy that counts lines, keep what was measured in `store`, and return it."""
    out = copy.folder / "build" / "measured"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / "coverage.ini").write_text(
        f"[run]\ndata_file = {out}/lines\nparallel = true\nsigterm = true\npatch = _exit\n"
        f"include = {copy.folder}/n1codec/*,{copy.folder}/algorithms/*\ncontext = ${{MUTANTS_TEST-}}\n"
    )
    (out / "seconds.json").write_text("{}")
    plugins = ["-p", "tools.mutants.plugin"]
    command = ["-m", "coverage", "run", f"--rcfile={out}/coverage.ini", "-m", "pytest", *plugins]
    command += ["-q", "--tb=no", "-p", "no:cacheprovider", *([] if slow else ["-m", "not slow"]), test_file]
    env = {"MUTANTS_OUT": str(out), "COVERAGE_PROCESS_START": f"{out}/coverage.ini"}
    status, printed = copy.run(command, env, LONGEST)
    if not (out / "tests.json").exists():
        raise RuntimeError(f"{test_file} cannot be measured (exit status {status}):\n{printed}")
    tests = json.loads((out / "tests.json").read_text())
    # Some hold only where nobody measures, such as those of time, or of what is imported.
    failed = [name for name, test in tests.items() if test["failed"]]
    if failed:
        (out / "failed.txt").write_text("\n".join(failed))
        again = ["-m", "pytest", "-q", "--tb=no", "-rp", "-p", "no:cacheprovider", f"@{out / 'failed.txt'}"]
        good = set(re.findall(r"^PASSED (.+)$", copy.run(again, {}, LONGEST)[1], re.MULTILINE))
        failed = [name for name in failed if name not in good]
        for name in good:
            tests[name]["passed"] = True
    passed = [name for name, test in tests.items() if test["passed"]]
    number = {name: n for n, name in enumerate(passed)}
    lines: dict[str, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    _python_lines(copy.folder, out, number, lines)
    for name, test in tests.items():
        if "c" in test:
            _c_lines(copy.folder, Path(test["c"]), number.get(name), lines)
    record = {
        "tests": {name: (round(tests[name]["seconds"], 3), tests[name]["slow"]) for name in passed},
        "failed": failed,
        "lines": {file: _by_name(copy.folder / file, at) for file, at in lines.items()},
        "needs": {file: digest(copy.folder / file) for file in [test_file, *helpers(copy.root), *lines]},
    }
    store.mkdir(parents=True, exist_ok=True)
    (store / f"{test_file.replace('/', '.')}{'.slow' if slow else ''}.json").write_text(json.dumps(record))
    shutil.rmtree(out)
    return record


def _by_name(path: Path, tests: dict[int, set[int]]) -> dict[str, list[int]]:
    """Return the tests by lines' names; all lines of Python, and those of C that are code."""
    names = enumerate(named_lines(path), 1)
    return {name: sorted(tests.get(n, ())) for n, name in names if n in tests or path.suffix == ".py"}


def _python_lines(folder: Path, out: Path, number: dict[str, int], lines: dict[str, dict[int, set[int]]]) -> None:
    """Add the lines of Python that tests and their child processes ran."""
    from coverage import CoverageData

    for path in out.glob("lines.*"):
        data = CoverageData(basename=str(path))
        data.read()
        for file in data.measured_files():
            relative = Path(file).relative_to(folder).as_posix()
            for line, contexts in data.contexts_by_lineno(file).items():
                lines[relative][line].update(number[name] for name in contexts if name in number)


def _c_lines(folder: Path, counted: Path, test: int | None, lines: dict[str, dict[int, set[int]]]) -> None:
    """Add the lines of C that one test ran; those that it did not are known as lines, too."""
    # Programs that a test compiles itself are not counted.
    files = list((counted / folder.relative_to("/")).rglob("*.gcda"))
    for path in files:
        notes = Path("/", *path.relative_to(counted).parts).with_suffix(".gcno")
        if not path.with_suffix(".gcno").exists():
            path.with_suffix(".gcno").symlink_to(notes)
    if not files:
        return
    printed = subprocess.run(["gcov", "--json-format", "--stdout", *files], capture_output=True, cwd=counted).stdout
    for report in printed.splitlines():
        for file in json.loads(report)["files"]:
            path = Path(folder / "build" / "counting", file["file"]).resolve()
            if not path.is_relative_to(folder):
                continue
            at = lines[path.relative_to(folder).as_posix()]
            for line in file["lines"]:
                at[line["line_number"]].update([test] if test is not None and line["count"] else [])
