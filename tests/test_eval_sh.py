"""eval.sh with our executables and with anybody's, and the challenge's own loop with ours."""

from __future__ import annotations

import os
import re
import shutil
import signal as signals
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, signal

from n1codec.recordings import wav

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs bash")

PACK = 'gzip -c "$1" > "$2"'
UNPACK = 'gzip -dc "$1" > "$2"'


def script(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "some data"
    folder.mkdir()
    for i, name in enumerate(("a.wav", "b b.wav", "-c.WAV", "d'$(false)\".wav", "e.wav")):
        (folder / name).write_bytes(wav.write(signal(2000 + 100 * i, seed=i), 19531))
    (folder / "notes.txt").write_text("no recording")
    return folder


@pytest.fixture
def gzipped(tmp_path: Path) -> dict[str, str]:
    """Return the environment that names a foreign pair of programs."""
    return {"ENCODE": str(script(tmp_path / "mine", PACK)), "DECODE": str(script(tmp_path / "theirs", UNPACK))}


def environment(scratch: Path, **env: object) -> dict[str, str]:
    ours = ("CODEC", "DATA", "JOBS", "ENCODE", "DECODE", "N1_CODEC", "N1_DATA_ZIP")
    scratch.mkdir(exist_ok=True)
    inherited = {key: value for key, value in os.environ.items() if key not in ours}
    return inherited | {"TMPDIR": str(scratch)} | {key: str(value) for key, value in env.items()}


def evaluate(tmp_path: Path, **env: object) -> subprocess.CompletedProcess[str]:
    """Run eval.sh and check that it leaves no temporary file."""
    scratch = tmp_path / "scratch"
    done = subprocess.run(
        ["bash", str(ROOT / "eval.sh")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(scratch, **env),
        timeout=120,
    )
    assert list(scratch.iterdir()) == []
    return done


SMALL_DISK = 'mount -t tmpfs -o "size=$1" none "$2" && shift 2 && exec "$@"'


def on_a_small_disk(tmp_path: Path, size: str, **env: object) -> subprocess.CompletedProcess[str]:
    """Run eval.sh with a $TMPDIR that has room for ``size`` bytes only."""
    small = ["unshare", "-Urm", "sh", "-c", SMALL_DISK, "sh", size, str(tmp_path / "scratch")]
    env = environment(tmp_path / "scratch", **env)
    if not shutil.which("unshare") or subprocess.run([*small, "true"], env=env, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    call = [*small, "bash", str(ROOT / "eval.sh")]
    return subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, env=env, timeout=120)


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def figure(said: str, label: str) -> float:
    found = re.search(rf"^{re.escape(label)}: (\S+)$", said, re.MULTILINE)
    assert found, said
    return float(found[1])


@pytest.mark.parametrize("jobs", [1, 3])
def test_protocol_with_foreign_programs(tmp_path: Path, data: Path, gzipped: dict[str, str], jobs: int) -> None:
    before = snapshot(data)
    done = evaluate(tmp_path, DATA=data, JOBS=jobs, **gzipped)
    assert (done.returncode, done.stderr) == (0, "")
    assert snapshot(data) == before
    lines = re.findall(r"^(.+) losslessly compressed from (\d+) to (\d+) bytes$", done.stdout, re.MULTILINE)
    assert sorted(name for name, _, _ in lines) == sorted(str(p) for p in data.iterdir() if p.suffix != ".txt")
    original = sum(int(size) for _, size, _ in lines)
    packed = sum(int(size) for _, _, size in lines)
    programs = sum(Path(program).stat().st_size for program in gzipped.values())
    assert original == sum(len(content) for name, (content, _) in before.items() if name != "notes.txt")
    assert "All recordings successfully compressed.\n" in done.stdout
    assert figure(done.stdout, "Original size (bytes)") == original
    assert figure(done.stdout, "Compressed size (bytes)") == packed + programs
    assert figure(done.stdout, "Compression ratio") == pytest.approx(original / (packed + programs), rel=1e-8)
    assert f"the encoder (a file of {Path(gzipped['ENCODE']).stat().st_size} bytes)" in done.stdout
    assert "these two load are not counted.\n" in done.stdout
    assert figure(done.stdout, "Compressed recordings (bytes)") == packed
    assert figure(done.stdout, "Compression ratio of the recordings") == pytest.approx(original / packed, rel=1e-8)
    assert done.stdout.endswith("Data set: some-data (5 files)\n")


def test_programs_and_data_are_found_from_the_callers_folder(tmp_path: Path, data: Path) -> None:
    script(tmp_path / "mine", PACK)
    script(tmp_path / "theirs", UNPACK)
    assert evaluate(tmp_path, DATA="some data", ENCODE="./mine", DECODE="theirs").returncode == 0
    one = evaluate(tmp_path, DATA=data / "b b.wav", ENCODE="./mine", DECODE="./theirs")
    assert one.returncode == 0
    assert one.stdout.endswith("Data set: b-b (1 file)\n")


def test_codec_reaches_a_program_of_two_arguments(tmp_path: Path, data: Path, gzipped: dict[str, str]) -> None:
    script(Path(gzipped["ENCODE"]), '[ "$#" = 2 ] && [ "$N1_CODEC" = "a|b:c=1" ] || exit 9', PACK)
    assert evaluate(tmp_path, DATA=data, CODEC="a|b:c=1", **gzipped).returncode == 0
    assert evaluate(tmp_path, DATA=data, **gzipped).returncode == 1


def one_bad(command: str, otherwise: str) -> str:
    """Return a script that does ``command`` for the recording of 2100 frames and ``otherwise`` for the rest."""
    return f'if gzip -dc < "$1" 2>/dev/null | wc -c | grep -q -w 4244; then {command}; else {otherwise}; fi'


@pytest.mark.parametrize(
    ("side", "command", "says"),
    [
        ("DECODE", one_bad('head -c 4244 /dev/zero > "$2"', UNPACK), "what was restored is not what was compressed"),
        ("DECODE", one_bad('gzip -dc "$1" | head -c 4243 > "$2"', UNPACK), "what was restored is not what was"),
        ("DECODE", one_bad(f'{UNPACK}; echo >> "$2"', UNPACK), "what was restored is not what was compressed"),
        ("DECODE", one_bad(f"{UNPACK}; echo broken >&2; exit 3", UNPACK), "theirs failed with exit code 3"),
        ("DECODE", one_bad("true", UNPACK), "theirs wrote no output"),
        ("ENCODE", f'[ $(wc -c < "$1") -eq 4244 ] && exit 7; {PACK}', "mine failed with exit code 7"),
        ("ENCODE", f'[ $(wc -c < "$1") -eq 4244 ] && exit 0; {PACK}', "mine wrote no output"),
    ],
)
def test_stops_at_the_first_failure(
    tmp_path: Path, data: Path, gzipped: dict[str, str], side: str, command: str, says: str
) -> None:
    script(Path(gzipped[side]), command)
    before = snapshot(data)
    done = evaluate(tmp_path, DATA=data, JOBS=2, **gzipped)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"eval.sh: {data}/b b.wav: ")
    assert says in last
    assert ("broken" in done.stderr) == ("broken" in command)
    assert "successfully" not in done.stdout
    assert f"{data}/b b.wav losslessly" not in done.stdout
    assert snapshot(data) == before


def test_what_failed_is_told_to_a_reader_that_is_slow(tmp_path: Path, gzipped: dict[str, str]) -> None:
    """The message fills the pipe, and the other worker ends meanwhile."""
    folder = tmp_path / "two"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.wav").write_bytes(b"a recording")
    script(Path(gzipped["ENCODE"]), "head -c 300000 /dev/zero | tr '\\0' x >&2; exit 7")
    call, env = ["bash", str(ROOT / "eval.sh")], environment(tmp_path / "scratch", DATA=folder, JOBS=2, **gzipped)
    with subprocess.Popen(call, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        time.sleep(2)
        assert running.stderr is not None
        said = running.stderr.read()
    assert running.returncode == 1
    assert said.startswith(b"x" * 300000 + b"\neval.sh: ")
    assert said.count(b"\n") == 2
    assert b"failed with exit code 7" in said


def test_nothing_is_started_after_a_failure(tmp_path: Path, gzipped: dict[str, str]) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(40):
        (folder / f"{i:02d}.wav").write_bytes(b"a recording")
    script(Path(gzipped["ENCODE"]), f'echo >> "{tmp_path}/calls"; exit 1')
    assert evaluate(tmp_path, DATA=folder, JOBS=2, **gzipped).returncode == 1
    assert len((tmp_path / "calls").read_text().splitlines()) <= 4


def test_an_encoder_that_spoils_its_input_is_found_out(tmp_path: Path, data: Path, gzipped: dict[str, str]) -> None:
    script(Path(gzipped["ENCODE"]), ': > "$1"', PACK)
    before = snapshot(data)
    done = evaluate(tmp_path, DATA=data, **gzipped)
    assert done.returncode == 1
    assert "what was restored is not what was compressed" in done.stderr
    assert snapshot(data) == before


def test_the_decoder_does_not_see_the_original(tmp_path: Path, data: Path, gzipped: dict[str, str]) -> None:
    script(Path(gzipped["ENCODE"]), ': > "$2"')
    script(Path(gzipped["DECODE"]), 'cp "$(dirname "$1")"/*.[wW][aA][vV] "$2"')
    assert evaluate(tmp_path, DATA=data, **gzipped).returncode == 1


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"ENCODE": "./nowhere"}, "./nowhere: there is no such program"),
        ({"DECODE": "nowhere-at-all"}, "nowhere-at-all: there is no such program"),
        ({"DECODE": "some data/a.wav"}, "some data/a.wav: it is not executable"),
        ({"ENCODE": "some data"}, "some data: there is no such program"),
        ({"DATA": "nowhere"}, "nowhere: no such file or folder"),
        ({"DATA": "dangling"}, "dangling: no such file or folder"),
        ({"DATA": "scratch"}, "scratch: there are no WAV files in it"),
        ({"JOBS": "many"}, "JOBS=many"),
        ({"JOBS": "0"}, "JOBS=0"),
    ],
)
def test_wrong_use_is_one_line(
    tmp_path: Path, data: Path, gzipped: dict[str, str], env: dict[str, str], says: str
) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    done = evaluate(tmp_path, **({"DATA": data} | gzipped | env))
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr


@pytest.mark.parametrize(
    ("room", "says"),
    [
        ("4k", "(TMPDIR names another folder)"),  # not even the copy
        ("8k", "mine failed with exit code 1"),
    ],
)
def test_a_full_disk_is_told(tmp_path: Path, gzipped: dict[str, str], room: str, says: str) -> None:
    recording = tmp_path / "a.wav"
    recording.write_bytes(wav.write(signal(3500), 19531))  # two pages, and one when it is packed
    done = on_a_small_disk(tmp_path, room, DATA=recording, JOBS=1, **gzipped)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"eval.sh: {recording}: ")
    assert says in last


def test_no_file_can_be_made(tmp_path: Path, data: Path, gzipped: dict[str, str]) -> None:
    done = on_a_small_disk(tmp_path, "64k,nr_inodes=2", DATA=data, **gzipped)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "set TMPDIR to" in done.stderr
    done = evaluate(tmp_path, DATA=data, TMPDIR=tmp_path / "nowhere", **gzipped)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == f"eval.sh: {tmp_path}/nowhere: no temporary folder can be made in it (set TMPDIR to one with room)\n"
    )


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_told(tmp_path: Path, data: Path, gzipped: dict[str, str]) -> None:
    call = f'exec bash "{ROOT}/eval.sh" > /dev/full'
    env = environment(tmp_path / "scratch", DATA=data, **gzipped)
    done = subprocess.run(["bash", "-c", call], capture_output=True, text=True, env=env)
    assert done.returncode == 1
    assert done.stderr == "eval.sh: standard output: nothing can be written to it (is the disk full?)\n"


@pytest.mark.parametrize("missing", ["xargs", "mktemp", "cmp", "awk"])
def test_a_tool_that_is_missing_is_named(tmp_path: Path, data: Path, gzipped: dict[str, str], missing: str) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in (
        "awk",
        "basename",
        "bash",
        "cmp",
        "cp",
        "dirname",
        "gzip",
        "mkdir",
        "mktemp",
        "mv",
        "rm",
        "sh",
        "sleep",
        "wc",
        "xargs",
    ):
        if name != missing:
            (tools / name).symlink_to(shutil.which(name) or "")
    done = evaluate(tmp_path, DATA=data, PATH=tools, **gzipped)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert done.stderr.startswith(f"eval.sh: {missing}: there is no such program")
    (tools / missing).symlink_to(shutil.which(missing) or "")
    assert evaluate(tmp_path, DATA=data, PATH=tools, **gzipped).returncode == 0


def test_odd_names(tmp_path: Path, gzipped: dict[str, str]) -> None:
    folder = tmp_path / "-a\nfolder"
    folder.mkdir()
    for name in ("two\nlines.wav", "-rf.wav", "$(false)`false`.wav", "*.wav", "a.WAV"):
        (folder / name).write_bytes(wav.write(signal(500), 19531))
    (folder / "b.wav").symlink_to("a.WAV")
    (folder / "folder.wav").mkdir()
    done = evaluate(tmp_path, DATA="-a\nfolder", **gzipped)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("(6 files)\n")
    (folder / "gone.wav").symlink_to("nowhere")
    done = evaluate(tmp_path, DATA=folder, **gzipped)
    assert done.returncode == 0
    assert done.stderr == f"eval.sh: {folder}/gone.wav: it is left out, a link to nothing\n"
    assert evaluate(tmp_path, DATA=folder / "-rf.wav", **gzipped).returncode == 0


@pytest.mark.parametrize("with_n1codec", [True, False])
def test_recordings_that_cannot_be_read(
    tmp_path: Path,
    unprivileged: Callable[..., subprocess.CompletedProcess[str]],
    gzipped: dict[str, str],
    house: Path,
    with_n1codec: bool,
) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    recording = folder / "a.wav"
    recording.write_bytes(wav.write(signal(500), 19531))
    env = environment(tmp_path / "scratch", DATA=folder, **gzipped)
    if not with_n1codec:
        shutil.rmtree(house / ".venv")
        env["PATH"] = "/usr/bin:/bin"
    for locked in folder, recording:
        mode = locked.stat().st_mode
        locked.chmod(0)
        done = unprivileged("bash", house / "eval.sh", **env)
        locked.chmod(mode)
        assert done.returncode == 1
        (said,) = done.stderr.splitlines()
        assert str(locked) in said
        assert "permission" in said.lower()


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Return a folder with eval.sh, as if it were the checkout, and nothing else of it but its Python."""
    folder = tmp_path / "house"
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "eval.sh", folder)
    script(folder / ".venv" / "bin" / "python", f'exec "{sys.executable}" "$@"')
    return folder


def test_own_executables_are_the_default(tmp_path: Path, data: Path, house: Path) -> None:
    env = environment(tmp_path / "scratch", DATA=data)
    missing = subprocess.run(["bash", str(house / "eval.sh")], capture_output=True, text=True, env=env)
    assert missing.returncode == 1
    assert "run make encode decode" in missing.stderr
    for given in ("n1enc", "./n1enc"):
        command = ["bash", str(house / "eval.sh")]
        missing = subprocess.run(command, capture_output=True, text=True, env=env | {"ENCODE": given}, cwd=tmp_path)
        assert "run make native, or set ENCODE" in missing.stderr
    for name in ("encode", "decode"):
        script(house / name, f'exec "{sys.executable}" "{ROOT / name}.py" "$@"')
    env |= {"CODEC": "delta|zstd:level=3"}
    done = subprocess.run(["bash", str(house / "eval.sh")], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "codec: delta|zstd:level=3" in done.stdout
    assert 1 < figure(done.stdout, "Compression ratio of the recordings") < 5


def test_lossy_codecs_are_refused(tmp_path: Path, data: Path, gzipped: dict[str, str]) -> None:
    done = evaluate(tmp_path, DATA=data, CODEC="round:error=1|n1", **gzipped)
    assert (done.returncode, done.stdout) == (2, "")
    assert "round:error=1|n1 is lossy" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_without_data_the_synthetic_set_is_used(tmp_path: Path, house: Path, gzipped: dict[str, str]) -> None:
    env = environment(tmp_path / "scratch", **gzipped)
    done = subprocess.run(["bash", str(house / "eval.sh")], capture_output=True, text=True, env=env)
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1
    assert "make data" in done.stderr
    assert done.stdout.endswith("Data set: synthetic (16 files)\n")
    assert 2 < figure(done.stdout, "Compression ratio of the recordings") < 2.6
    assert len(list((house / "data" / "synthetic").iterdir())) == 16


def test_without_n1codec_a_folder_will_do(tmp_path: Path, data: Path, house: Path, gzipped: dict[str, str]) -> None:
    shutil.rmtree(house / ".venv")
    env = environment(tmp_path / "scratch", PATH="/usr/bin:/bin", **gzipped)
    call = ["bash", str(house / "eval.sh")]
    done = subprocess.run(call, capture_output=True, text=True, env=env)
    assert done.returncode == 1
    assert done.stderr.startswith(f"eval.sh: {house}/data: there is no such file or folder")
    (house / "data").mkdir()
    done = subprocess.run(call, capture_output=True, text=True, env=env)
    assert done.stderr.startswith(f"eval.sh: {house}/data: there are no WAV files in it")
    done = subprocess.run(call, capture_output=True, text=True, env=env | {"DATA": str(data)})
    assert done.returncode == 0
    assert done.stdout.endswith("Data set: some data (5 files)\n")


@pytest.mark.parametrize("number", [signals.SIGTERM, signals.SIGINT])
def test_a_signal_stops_everything_at_once(
    tmp_path: Path, data: Path, gzipped: dict[str, str], number: signals.Signals
) -> None:
    script(Path(gzipped["ENCODE"]), f'echo $$ >> "{tmp_path}/started"', "exec sleep 60")
    env = environment(tmp_path / "scratch", DATA=data, JOBS=2, **gzipped)
    # A shell cannot trap what was ignored when it started, as SIGINT is where the tests run in the background.
    process = subprocess.Popen(
        ["bash", str(ROOT / "eval.sh")],
        env=env,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signals.signal(number, signals.SIG_DFL),
    )
    started = tmp_path / "started"
    until = time.monotonic() + 30
    while not (started.exists() and len(started.read_text().split()) == 2) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(10) == 130
    assert list((tmp_path / "scratch").iterdir()) == []
    for pid in map(int, started.read_text().split()):
        until = time.monotonic() + 5
        while alive(pid) and time.monotonic() < until:
            time.sleep(0.02)
        assert not alive(pid)


def alive(pid: int) -> bool:
    """Return whether a process runs; one that nobody waits for does not."""
    status = Path(f"/proc/{pid}/stat")
    if status.parent.parent.joinpath("self").exists():
        return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True).returncode == 0


CHALLENGE = r"""
rm -rf data
"$PYTHON" -m zipfile -e recordings.zip .
size() { wc -c < "$1" | tr -d ' '; }
packed_total=$(( $(size encode) + $(size decode) ))
raw_total=0
for recording in data/*; do
    ./encode "$recording" "$recording.brainwire"
    ./decode "$recording.brainwire" "$recording.copy"
    raw=$(size "$recording")
    packed=$(size "$recording.brainwire")
    if ! diff -q "$recording" "$recording.copy" > /dev/null; then
        echo "ERROR: $recording and $recording.copy are different."
        exit 1
    fi
    echo "$recording losslessly compressed from $raw bytes to $packed bytes"
    raw_total=$(( raw_total + raw ))
    packed_total=$(( packed_total + packed ))
done
echo "All recordings successfully compressed."
echo "Original size (bytes): $raw_total"
echo "Compressed size (bytes): $packed_total"
"""


def test_the_loop_of_the_challenge(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "recordings.zip", "w") as archive:
        for i in range(3):
            archive.writestr(f"data/{i}.wav", wav.write(signal(20_000, seed=i), 19531))
    for name in ("encode", "decode"):
        script(tmp_path / name, f'exec "{sys.executable}" "{ROOT / name}.py" "$@"')
    done = subprocess.run(
        ["bash", "-c", CHALLENGE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment(tmp_path / "scratch", PYTHON=sys.executable, N1_CODEC="delta|zstd:level=3"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(" losslessly compressed from 40044 bytes to ") == 3
    assert figure(done.stdout, "Original size (bytes)") == 3 * 40044
    assert 10_000 < figure(done.stdout, "Compressed size (bytes)") < 100_000
