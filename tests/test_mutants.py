"""The mutation check (tools/mutants): what it changes, how it draws a sample, which tests it picks, what it reports."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT

if sys.platform == "win32":
    pytest.skip("the mutation check needs a POSIX system", allow_module_level=True)
import fcntl

sys.path.insert(0, str(ROOT))
from tools.mutants import __main__ as program
from tools.mutants import check
from tools.mutants.c_source import c_mutants
from tools.mutants.mutant import Mutant, find, ranked, read_list
from tools.mutants.python_source import python_mutants
from tools.mutants.selection import Selection, named_lines

PYTHON = '''"""A docstring with 1 < 2."""

LIMIT: int = 5


def clamp(x: "int | None", low=0) -> int:
    """Return x + 1."""
    if x is None or x < low:
        raise ValueError(f"{x + 1}" + "2")
    total = sum(v for v in (x, 3) if v)
    total -= x
    flush("a < b")
    values = total[x:] + total[:low]
    return min(x, LIMIT), -x
'''

C = """#define TWICE(x) ((x) * 2) /* 1 < 2 */
static const int table[3] = {10, 20, 30};
static int clamp(const int *p, int low) { // 3 + 4
  int64_t x = (int64_t)*p - 1;
  if (!p || x <= low) return -2;
  flush("a + b", &x);
  x += low << 3;
  return n1_min(x, '+');
}
"""


def changes(mutants: list[Mutant]) -> set[tuple[str, str]]:
    return {(m.before, m.after) for m in mutants}


def test_what_is_changed_in_python() -> None:
    found = python_mutants("a.py", PYTHON.encode())
    condition, total = "if x is None or x < low:", "total = sum(v for v in (x, 3) if v)"
    values, result = "values = total[x:] + total[:low]", "return min(x, LIMIT), -x"
    assert changes(found) == {
        ("LIMIT: int = 5", "LIMIT: int = 6"),
        ("LIMIT: int = 5", "LIMIT: int = 4"),
        ('def clamp(x: "int | None", low=0) -> int:', 'def clamp(x: "int | None", low=1) -> int:'),
        ('def clamp(x: "int | None", low=0) -> int:', 'def clamp(x: "int | None", low=(-1)) -> int:'),
        (condition, "if (not (x is None or x < low)):"),
        (condition, "if x is not None or x < low:"),
        (condition, "if x is None and x < low:"),
        (condition, "if x is None or x <= low:"),
        ('raise ValueError(f"{x + 1}" + "2")', "pass"),
        (total, "total = sum(v for v in (x, 4) if v)"),
        (total, "total = sum(v for v in (x, 2) if v)"),
        (total, "total = sum(v for v in (x, 3) if (not (v)))"),
        ("total -= x", "pass"),
        ("total -= x", "total += x"),
        ('flush("a < b")', "pass"),
        (values, "values = total[x:] - total[:low]"),
        (values, "values = total[(x) + 1:] + total[:low]"),
        (values, "values = total[x:-1] + total[:low]"),
        (values, "values = total[x:] + total[1:low]"),
        (values, "values = total[x:] + total[:(low) - 1]"),
        (result, "return -x, min(x, LIMIT)"),
        (result, "return max(x, LIMIT), -x"),
        (result, "return min(x, LIMIT), x"),
    }
    functions = {m.before: m.function for m in found}
    assert functions["LIMIT: int = 5"] == "" and functions["total -= x"] == "clamp"
    assert {m.line for m in found if m.at_import} == {3, 6}


def test_what_is_changed_in_c() -> None:
    found = c_mutants("a.c", C.encode())
    start, check = "int64_t x = (int64_t)*p - 1;", "if (!p || x <= low) return -2;"
    result = "return n1_min(x, '+');"
    table = "static const int table[3] = {10, 20, 30};"
    assert changes(found) == {
        (table, table.replace("3]", "(3 + 1)]")),
        (table, table.replace("3]", "(3 - 1)]")),
        (table, table.replace("10", "(10 + 1)")),
        (table, table.replace("30", "(30 + 1)")),
        (start, "int64_t x = (int64_t)*p + 1;"),
        (start, "int64_t x = (int64_t)*p - (1 + 1);"),
        (start, "int64_t x = (int64_t)*p - (1 - 1);"),
        (check, "if (!(!p || x <= low)) return -2;"),
        (check, "if (0 && (!p || x <= low)) return -2;"),
        (check, "if (p || x <= low) return -2;"),
        (check, "if (!p && x <= low) return -2;"),
        (check, "if (!p || x < low) return -2;"),
        (check, "if (!p || x <= low) return -(2 + 1);"),
        (check, "if (!p || x <= low) return -(2 - 1);"),
        ('flush("a + b", &x);', ";"),
        ("x += low << 3;", ";"),
        ("x += low << 3;", "x -= low << 3;"),
        ("x += low << 3;", "x += low >> 3;"),
        ("x += low << 3;", "x += low << (3 + 1);"),
        ("x += low << 3;", "x += low << (3 - 1);"),
        (result, "return n1_max(x, '+');"),
    }
    assert {m.function for m in found if m.line == 2} == {"table"}
    assert {m.function for m in found if m.line > 2} == {"clamp"}
    assert {m.line for m in found if m.at_import} == {2}


def test_mutants_of_this_house_are_python() -> None:
    found = find(ROOT, "n1codec/stream")
    assert len(found) > 100 and {Path(m.file).parent.as_posix() for m in found} == {"n1codec/stream"}
    for one in found[::5]:
        ast.parse(one.applied((ROOT / one.file).read_bytes()))


def test_a_key_survives_edits_elsewhere() -> None:
    keys = [m.key for m in python_mutants("a.py", PYTHON.encode())]
    moved = PYTHON.replace("LIMIT: int = 5\n", "LIMIT: int = 5\nOTHER = None\n\n").replace("total -= x", "total  -=  x")
    assert [m.key for m in python_mutants("a.py", moved.encode())] == keys
    twice = python_mutants("a.py", b"def f(a):\n    a += 1\n    a += 1\n")
    assert [m.nth for m in twice if m.after == "pass"] == [1, 2]
    assert len({m.digest for m in twice}) == len(twice)


def test_a_larger_sample_begins_with_the_smaller_one() -> None:
    both = python_mutants("a.py", PYTHON.encode()) + c_mutants("a.c", C.encode())
    sample = ranked(both, 3)
    assert [m.file for m in sample[:6]] == ["a.py", "a.c"] * 3 and len(sample) == len(both)
    assert sample != ranked(both, 4)
    fewer = [m for m in sample if m is not sample[0]]
    assert [m for m in ranked(fewer, 3) if m.file == "a.py"] == [m for m in fewer if m.file == "a.py"]


def test_the_list_of_equivalent_mutants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "equivalent.toml"
    entry = '[[equivalent]]\nfile = "{}"\nfunction = "{}"\nbefore = """{}"""\nafter = """{}"""\nnth = {}\n'
    one = find(ROOT, "n1codec/varint.py")[0]
    path.write_text(entry.format(*one.key) + 'reason = "it is the same"\n')
    assert read_list(path) == {one.key: "it is the same"}
    monkeypatch.setattr(program, "LIST", path)
    monkeypatch.setattr(sys, "argv", ["mutants", "--check-list", "--only", "n1codec/varint.py"])
    assert program.main() == 0 and capsys.readouterr().out == ""
    path.write_text(entry.format(one.file, one.function, "gone", "away", 1) + 'reason = "it was the same"\n')
    assert program.main() == 1
    assert "matches nothing any more:\n  - gone\n  + away" in capsys.readouterr().out
    path.write_text('[[equivalent]]\nfile = "a.py"\nfunction = ""\nbefore = "a"\nafter = "b"\n')
    with pytest.raises(ValueError, match="entry 1 lacks reason"):
        read_list(path)


def test_root_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(check, "run", lambda *_: [])
    monkeypatch.setattr(sys, "argv", ["mutants", "--only", "n1codec/varint.py"])
    with pytest.raises(SystemExit, match="a mutant may do what root may"):
        program.main()
    sys.argv.append("--as-root")
    assert program.main() == 0


def test_the_list_is_read() -> None:
    read_list(program.LIST)


def selection(tmp_path: Path, source: str = PYTHON) -> Selection:
    tests = {"t/a.py::one[x]": (3.0, False), "t/a.py::one[y]": (1.0, False), "t/b.py::two": (2.0, False),
             "t/b.py::slow": (0.5, True), "t/c.py::three": (9.0, False)}  # fmt: skip
    for file in {name.split("::")[0] for name in tests}:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("the sources in native/\n" if file == "t/c.py" else "")
    chosen = Selection(tmp_path)
    (tmp_path / "a.py").write_text(PYTHON)
    (tmp_path / "a.c").write_text(C)
    of_python, of_c = named_lines(tmp_path / "a.py"), named_lines(tmp_path / "a.c")
    ran = {8: [0, 1, 2, 3], 11: [3], 13: [2]}
    lines = {
        "a.py": {name: ran.get(number, []) for number, name in enumerate(of_python, 1)},
        "a.c": {of_c[4]: [0], of_c[5]: []},
    }
    (tmp_path / "a.py").write_text(source)
    chosen.add({"tests": tests, "lines": lines})
    return chosen


def at(line: int, file: str = "a.py", source: str = PYTHON) -> Mutant:
    source = source if file == "a.py" else C
    make = python_mutants if file == "a.py" else c_mutants
    return next(m for m in make(file, source.encode()) if m.line == line)


def test_which_tests_a_mutant_gets(tmp_path: Path) -> None:
    chosen = selection(tmp_path)
    # The quickest case of each test first, then the others; those of a file together; no slow one where others do.
    assert chosen.choose(at(8), 60, Counter()) == (["t/a.py::one[y]", "t/b.py::two", "t/a.py::one[x]"], False)
    assert chosen.choose(at(8), 60, Counter({"t/b.py::two": 4}))[0][0] == "t/b.py::two"
    assert chosen.choose(at(8), 3.5, Counter()) == (["t/a.py::one[y]", "t/b.py::two"], True)
    assert chosen.choose(at(11), 60, Counter()) == (["t/b.py::slow"], False)
    assert chosen.choose(at(9), 60, Counter()) == ([], False)
    # What runs at import concerns every test of the file.
    assert set(chosen.choose(at(3), 60, Counter())[0]) == {"t/a.py::one[y]", "t/b.py::two", "t/a.py::one[x]"}


def test_what_was_measured_of_older_sources_serves(tmp_path: Path) -> None:
    newer = PYTHON.replace("    total -= x", "    total += 9\n    total -= x")
    chosen = selection(tmp_path, newer)
    assert chosen.choose(at(12, source=newer), 60, Counter()) == (["t/b.py::slow"], False)
    assert chosen.covering(at(11, source=newer)) == chosen.covering(at(8))  # a new line has the tests of one above it


def test_tests_that_compile_the_sources_come_behind_the_quickest_for_c(tmp_path: Path) -> None:
    chosen = selection(tmp_path)
    assert chosen.choose(at(5, "a.c"), 60, Counter()) == (["t/a.py::one[x]", "t/c.py::three"], False)
    assert chosen.choose(at(6, "a.c"), 60, Counter()) == (["t/c.py::three"], False)


def test_a_log_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    log = check.Log(tmp_path / "log.jsonl")
    log.add(at(8), "tree", {"outcome": "survived", "tests": 2, "cut": False})
    log.add(at(8), "tree", {"outcome": "caught", "tests": 1, "cut": False, "killer": "t::one"})
    with log.path.open("a") as file:
        file.write('{"digest": "')
    again = check.Log(log.path)
    assert [entry["outcome"] for entry in again.entries.values()] == ["caught"]
    assert again.killers("a.py") == Counter({"t::one": 1}) and not again.killers("a.c")


class Machine:
    """Stands for a working copy: some tests notice the mutant, others fail with it and without it."""

    def __init__(self, folder: Path, notice: str, broken: str) -> None:
        self.folder, self.notice, self.broken, self.mutated = folder, notice, broken, False
        (folder / "build").mkdir()

    def apply(self, _: Mutant) -> bool:
        self.mutated = True
        return True

    def restore(self, _: Mutant) -> None:
        self.mutated = False

    def run(self, *_: object) -> tuple[int, str]:
        said = ""
        for test in (self.folder / "build" / "tests.txt").read_text().splitlines():
            said += f"RUNS {test}\n"
            if test == self.broken or (test == self.notice and self.mutated):
                return 1, said
        return 0, said


def test_a_test_that_fails_without_the_mutant_is_not_believed(tmp_path: Path) -> None:
    chosen = selection(tmp_path)
    machine = Machine(tmp_path, notice="t/b.py::two", broken="t/a.py::one[y]")
    found = check.attempt(machine, at(8), chosen, 60, Counter())  # type: ignore[arg-type]
    assert (found["outcome"], found["killer"]) == ("caught", "t/b.py::two")
    assert chosen.broken == {"t/a.py::one[y]"}
    machine.notice = ""
    assert check.attempt(machine, at(8), chosen, 60, Counter())["outcome"] == "survived"  # type: ignore[arg-type]


def test_report(tmp_path: Path) -> None:
    log = check.Log(tmp_path / "log.jsonl")
    log.add(at(8), "tree", {"outcome": "survived", "tests": 2, "cut": True})
    log.add(at(11), "tree", {"outcome": "caught", "tests": 1, "cut": False})
    log.add(at(12), "old", {"outcome": "uncovered", "tests": 0, "cut": False})
    log.add(at(13), "tree", {"outcome": "same code", "tests": 0, "cut": False})
    text = check.report([at(line) for line in (8, 11, 12, 13)], list(log.entries.values()), "tree")
    assert f"a.py\n  line 8, clamp (2 tests, cut)\n    - {at(8).before}\n    + {at(8).after}\n" in text
    assert "line 12, clamp (no test runs this line, before the latest changes)" in text
    assert text.endswith("1 of    3 caught, 33 %")


TINY = {
    "n1codec/__init__.py": "",
    "n1codec/clamp.py": "def clamp(x, low):\n    if x < low:\n        return low\n    return x\n\n\n"
    "def twice(x):\n    return x * 2\n\n\ndef unseen(x):\n    return x + 1\n\n\n"
    "def late(x):\n    return x << 1\n\n\n"
    "def wait(x):\n    while x > 0:\n        x -= 1\n    return x\n",
    "native/CMakeLists.txt": "add_library(n1c SHARED src/sum.c)\n",
    "native/src/sum.c": "int n1c_sum(int a, int b) {\n  return a + b;\n}\nint n1c_kept(int a) {\n  return a * 1;\n}\n",
    "CMakeLists.txt": "cmake_minimum_required(VERSION 3.20)\nproject(tiny LANGUAGES C)\nadd_subdirectory(native)\n",
    "pytest.ini": "[pytest]\naddopts = -p no:dash\n",
    ".gitignore": "/build/\n*.so\n",
    "tests/test_clamp.py": """
import ctypes, subprocess, sys
from pathlib import Path
import n1codec.clamp as clamp

def test_clamp():
    assert clamp.clamp(1, 3) == 3 and clamp.clamp(4, 3) == 4

def test_twice_in_a_child():
    code = "import n1codec.clamp, sys; sys.exit(n1codec.clamp.twice(3))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 6

def test_wait():
    assert clamp.wait(3) == 0

def test_sum():
    library = ctypes.CDLL(str(Path(clamp.__file__).with_name("libn1c.so")))
    assert library.n1c_sum(2, 3) == 5 and library.n1c_kept(7) == 7

def test_that_fails_anyhow():
    assert clamp.unseen(1) == 3

def test_that_fails_when_measured():
    assert clamp.late(4) == 8 and "coverage" not in sys.modules
""",
}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A checkout with a module, a kernel and their tests."""
    if sys.platform != "linux" or not all(map(shutil.which, ("git", "cmake", "gcc", "gcov"))):
        pytest.skip("needs Linux, git, cmake and gcc")
    root = tmp_path / "a house"
    for name, text in TINY.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    shutil.copytree(ROOT / "tools" / "mutants", root / "tools" / "mutants")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


@pytest.mark.slow
def test_a_run_from_end_to_end(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Waiting for the end of an endless loop once is enough.
    sample = [m for m in ranked(find(tiny), 0) if m.function != "wait" or m.after == "x += 1"]
    before = {path: path.read_bytes() for path in tiny.rglob("*.[cp]*") if "build" not in path.parts}
    entries = check.run(tiny, sample, set(), check.Options(count=100))
    said = capsys.readouterr().out
    assert "fails without any mutant, and is left out: tests/test_clamp.py::test_that_fails_anyhow" in said
    became = {(m.before, m.after): e for m in sample for e in entries if e["digest"] == m.digest}
    assert became["if x < low:", "if (not (x < low)):"]["outcome"] == "caught"
    assert became["if x < low:", "if x <= low:"]["outcome"] == "survived"
    assert became["return x * 2", "return x // 2"]["killer"] == "tests/test_clamp.py::test_twice_in_a_child"
    assert became["return x << 1", "return x >> 1"]["killer"] == "tests/test_clamp.py::test_that_fails_when_measured"
    assert became["return x + 1", "return x - 1"]["outcome"] == "uncovered"
    assert became["x -= 1", "x += 1"]["outcome"] == "timeout"
    assert became["return a + b;", "return a - b;"]["killer"] == "tests/test_clamp.py::test_sum"
    # To a compiler a / 1 is a * 1.
    assert ("return a * 1;", "return a / 1;") not in became and "same code" in said
    assert all(path.read_bytes() == data for path, data in before.items())

    with (tiny / "build" / "mutants" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(check.BusyError, match="in use by another run"):
            check.run(tiny, sample, set(), check.Options())

    # What is known is not tried again; what survived is, if that is asked for; what has changed as well.
    known = check.run(tiny, sample, set(), check.Options(count=100))
    assert len(known) == len(entries) and all(entry in entries for entry in known)
    assert capsys.readouterr().out == ""
    test = tiny / "tests" / "test_clamp.py"
    test.write_text(test.read_text().replace("clamp.unseen(1) == 3", "clamp.unseen(1) == 2"))
    listed = {m.key for m in sample if m.after == "if x <= low:"}
    again = check.run(tiny, sample, listed, check.Options(count=100))
    assert not [e for e in again if e["outcome"] == "uncovered"] and len(again) == len(entries) - 1
