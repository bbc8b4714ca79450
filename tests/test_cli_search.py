"""``n1codec search``: what it hands to the search, and what it prints of what was found."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import signal

from n1codec.bench.search import halving
from n1codec.bench.search.halving import Found, Search, Step
from n1codec.bench.search.space import Candidate
from n1codec.bench.search.trial import Measured
from n1codec.cli.search import command
from n1codec.codec import CodecError
from n1codec.recordings import wav


def measured(spec: str, compressed: int, encode: float, decode: float, verified: bool = True) -> Measured:
    *filters, coder = spec.split("|")
    return Measured(
        Candidate(tuple(filters), coder), 20_000, compressed, compressed - 40, 10_000, 2.0, encode, decode, 3, verified
    )


BEST = measured("remap|delta|zstd", 5_000, 0.1, 0.01)
FAST = measured("delta|lz4", 10_000, 0.001, 0.001)
BEATEN = measured("zstd", 11_000, 0.2, 0.02)
STEPS = [Step("rung 1", "2 files", 40, 2, 10, 5, "4.0 remap|delta|zstd"), Step("verify", "all 3 files", 3, 0, 0, 3)]


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Result, dict[str, Any]]]:
    """Run the command on a recording, with a search that finds what it is told to find."""
    (tmp_path / "a.wav").write_bytes(wav.write(signal(500), 1000))

    def call(*arguments: str, found: Found | None = None, **more: Any) -> tuple[Result, dict[str, Any]]:
        asked: dict[str, Any] = {}
        made = found or Found(list(STEPS), [BEST, FAST, BEATEN], {"bad": "it lies"})

        def run(self: Search) -> Found:
            asked["search"] = self
            return made

        def start(self: Search, files: Any, stages: Any, **options: Any) -> None:
            asked.update(files=[path.name for path in files], stages={stage.name for stage in stages}, **options)
            for step in made.steps:
                options["tell"](step)

        monkeypatch.setattr(halving.Search, "__init__", start)
        monkeypatch.setattr(halving.Search, "run", run)
        monkeypatch.setattr("signal.signal", lambda *_: None)
        return CliRunner().invoke(command, ["--data", str(tmp_path), *arguments], **more), asked

    return call


def test_the_table_is_the_front_to_nine_digits(search: Any) -> None:
    done, asked = search()
    assert done.exit_code == 0, done.output
    heading, *rows = (line.split() for line in done.stdout.splitlines() if line and "tried" not in line)
    assert heading[0] == "pipeline" and [row[0] for row in rows] == ["remap|delta|zstd", "delta|lz4"]
    assert [float(rows[0][i]) for i in (1, 2, 5)] == pytest.approx([4.0, 20_000 / 4_960, 4.0], rel=1e-9)
    assert rows[0][3:5] == ["20", "200"] and rows[1][3:5] == ["2000", "2000"] and rows[0][-1] == "3"
    assert "40 candidates tried; the Pareto front of 3 finalists, verified on all files" in done.stdout
    assert "rung 1 (2 files): 40 tried" in done.stderr and "best 4.0 remap|delta|zstd" in done.stderr
    assert asked["files"] == ["a.wav"] and (asked["depth"], asked["seed"], asked["time_limit"]) == (4, 0, 600.0)


def test_json_and_csv_have_every_finalist(search: Any) -> None:
    whole = json.loads(search("--json", "--quiet")[0].stdout)
    assert [row["spec"] for row in whole["finalists"]] == [m.candidate.spec for m in (BEST, FAST, BEATEN)]
    assert [row["front"] for row in whole["finalists"]] == [True, True, False]
    assert whole["failures"] == {"bad": "it lies"} and whole["tried"] == 40
    assert [step["name"] for step in whole["steps"]] == ["rung 1", "verify"]
    done = search("--csv", "--quiet")[0]
    assert done.stderr == ""
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["spec"], float(row["ratio"]), row["front"]) for row in rows] == [
        ("remap|delta|zstd", 4.0, "True"), ("delta|lz4", 2.0, "True"), ("zstd", 20_000 / 11_000, "False")
    ]  # fmt: skip


def test_options_choose_stages_and_are_handed_on(search: Any) -> None:
    done, asked = search(
        "--filters", "delta", "--coders", "zstd lz4", "--depth", "1", "--finalists", "5", "--jobs", "2", "--seed", "7"
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert asked["stages"] == {"delta", "zstd", "lz4"}
    assert (asked["depth"], asked["finalists"], asked["jobs"], asked["seed"]) == (1, 5, 2, 7)
    _, asked = search("--coders", "zstd lz4 bz2", "--exclude", "bz2")
    assert {"zstd", "lz4"} <= asked["stages"] and "bz2" not in asked["stages"]


def test_wrong_usage_is_told(search: Any) -> None:
    for arguments, words in (
        (("--json", "--csv"), "not both"),
        (("--coders", "zzstd"), "unknown codec"),
        (("--filters", "zstd"), "no filter"),
    ):
        done, asked = search(*arguments)
        assert done.exit_code == 2 and words in done.output and asked == {}


def test_what_ends_early_says_so(search: Any) -> None:
    rough = measured("zstd", 11_000, 0.2, 0.02, verified=False)
    done, _ = search(found=Found(STEPS[:1], [rough], {}, "time is up"))
    assert done.exit_code == 0 and "n1codec search: time is up" in done.stderr
    assert "measured on a sample, not verified on all files" in done.stdout
    stopped = Found(STEPS[:1], [rough], {}, halving.INTERRUPTED)
    assert search(found=stopped, standalone_mode=False)[0].return_value == 130
    done, _ = search(found=Found([], [], {}, "time is up"))
    assert isinstance(done.exception, CodecError) and str(done.exception) == "time is up"
    done, _ = search(found=Found([], [], {}))
    assert "no candidate could be measured" in str(done.exception)
