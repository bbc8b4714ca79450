"""``make install-lib``: libn1c as programs in C and C++ find it, and the examples in both."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from walks import walk

import n1codec
from n1codec import container, native
from n1codec.pipeline import get_codec
from n1codec.recordings import wav
from n1codec.recordings.samples import Form

EXAMPLES = ROOT / "examples"
COMPILERS = {"gcc": ("read_n1c.c", "-std=c99"), "clang": ("read_n1c.c", "-std=c99"),
             "g++": ("write_n1c.cpp", "-std=c++11"), "clang++": ("write_n1c.cpp", "-std=c++11")}  # fmt: skip


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the library was installed to."""
    if not shutil.which("make") or not shutil.which("cmake") or os.name != "posix":
        pytest.skip("no make and cmake here")
    folder = tmp_path_factory.mktemp("library") / "a prefix"
    done = subprocess.run(
        ["make", "install-lib", f"PREFIX={folder}"], cwd=ROOT, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def flags(prefix: Path, static: bool) -> list[str]:
    """Return what the pkg-config file says to the linker and the compiler, as pkg-config would."""
    where = prefix / "lib" / "pkgconfig"
    lines = dict(re.findall(r"^([\w.]+)(?:=|: )(.*)$", (where / "n1c.pc").read_text(), re.M))
    lines["pcfiledir"] = shlex.quote(str(where))
    value = " ".join(lines[key] for key in ("Cflags", "Libs", "Libs.private"))
    while "${" in value:
        value = re.sub(r"\$\{(\w+)\}", lambda name: lines[name[1]], value)
    found = shlex.split(value)
    return [f"-l:lib{one[2:]}.a" if static and one == "-ln1c" else one for one in found]


@pytest.mark.slow
def test_what_is_installed(prefix: Path) -> None:
    found = {path.relative_to(prefix).as_posix() for path in prefix.rglob("*") if path.is_file()}
    headers = {path.relative_to(ROOT / "native").as_posix() for path in (ROOT / "native" / "include").rglob("*.h")}
    version = f"{native.VERSION}.{n1codec.__version__}"
    assert headers <= found
    assert {f"lib/libn1c.so.{version}", "lib/libn1c.so", "lib/libn1c.a", "lib/hdf5/plugin/libn1c_hdf5.so"} <= found
    assert {"lib/cmake/n1c/n1c-config.cmake", "lib/cmake/n1c/n1c-config-version.cmake", "lib/pkgconfig/n1c.pc"} <= found
    assert f"Version: {n1codec.__version__}" in (prefix / "lib/pkgconfig/n1c.pc").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("static", [False, True], ids=["shared", "static"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_examples_build_and_run(compiler: str, static: bool, prefix: Path, tmp_path: Path) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler} here")
    source, standard = COMPILERS[compiler]
    program = tmp_path / "program"
    command = [compiler, standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", EXAMPLES / source, "-o", program]
    subprocess.run([*command, *flags(prefix, static)], check=True, timeout=120)
    check(program, source, {"LD_LIBRARY_PATH": "" if static else str(prefix / "lib")}, tmp_path)


def check(program: Path, source: str, env: dict[str, str], folder: Path) -> None:
    path = folder / "a.n1c"
    if source == "read_n1c.c":
        with n1codec.create(path, 3, rate=500) as recorder:
            recorder.write(walk(2000, 3))
    done = subprocess.run([program, path], capture_output=True, text=True, env={**os.environ, **env}, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    if source == "read_n1c.c":
        means = walk(500, 3).mean(axis=0)
        lines = ['stream 0 "": 2000 frames of 3 channels at 500 Hz', *(f"{k}: {m:.3f}" for k, m in enumerate(means))]
        assert done.stdout.splitlines() == lines
    else:
        with n1codec.open(path) as rec:
            assert rec.shape == (300_000, 4) and np.allclose(rec.gains, 2.34)
            assert f"{path.stat().st_size} bytes\n300000 frames at 30000 Hz" in done.stdout
            assert done.stdout.split()[-4:] == [str(v) for v in rec[150_000:150_001][0]]
    missing = subprocess.run(
        [program, folder / "no" / "x.n1c"], capture_output=True, text=True, env={**os.environ, **env}
    )
    assert missing.returncode == 1 and missing.stderr.count("\n") == 1


@pytest.mark.slow
def test_cmake_finds_it(prefix: Path, tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(user LANGUAGES C)\n"
        f"find_package(n1c {n1codec.__version__} REQUIRED)\n"
        f'add_executable(program "{EXAMPLES / "read_n1c.c"}")\ntarget_link_libraries(program PRIVATE n1c::n1c)\n'
        f'add_executable(alone "{EXAMPLES / "read_n1c.c"}")\ntarget_link_libraries(alone PRIVATE n1c::n1c_static)\n'
    )
    configure = ["cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}"]
    for command in (configure, ["cmake", "--build", tmp_path / "build"]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
    for name in ("program", "alone"):
        check(tmp_path / "build" / name, "read_n1c.c", {}, tmp_path)


@pytest.mark.slow
def test_n1enc_and_n1dec_have_all_codecs(prefix: Path) -> None:
    def call(program: str, data: bytes) -> bytes:
        done = subprocess.run([prefix / "bin" / program, "-", "-"], input=data, capture_output=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    wide = walk(900, 3, "<i4") * 1000
    sources = {
        "n1": [wav.write(walk(3000, 1), 19531), wav.write(walk(0, 1), 30000)],
        "n1_multi": [wav.write(walk(3000, 4), 30000), wav.write(walk(500, 2, "u1"), 12345), wav.write(wide, 48000),
                     wav.header(900, 3, 44100, 24) + Form("int24").pack(wide).tobytes()],
    }  # fmt: skip
    for spec, files in sources.items():
        for source in files:
            packed = call("n1enc", source)
            assert packed == container.encode_bytes(source, get_codec(spec))
            assert call("n1dec", packed) == source
    for source in (*sources["n1_multi"], sources["n1_multi"][0] + b"LIST\4\0\0\0abcd", b"no recording", b""):
        assert call("n1dec", call("n1enc", source)) == source
        for spec in ("zstd", "n1_multi", "n1_max", "delta|zstd", "planes|arange"):
            assert call("n1dec", container.encode_bytes(source, get_codec(spec))) == source
    for blob, words in (
        (container.encode_bytes(sources["n1"][0], get_codec("bz2")), b"codec or a profile that is not in here"),
        (n1codec.encode(walk(9, 2), "n1_multi"), b"it holds an array"),
        (packed[:-1] + bytes([packed[-1] ^ 1]), b"checksum does not match"),
    ):
        done = subprocess.run([prefix / "bin" / "n1dec", "-", "-"], input=blob, capture_output=True, timeout=60)
        assert done.returncode == 1 and words in done.stderr and done.stdout == b""


def test_examples_in_c_are_listed() -> None:
    listed = re.findall(r"\[(\w+\.c(?:pp)?)\]", (EXAMPLES / "README.md").read_text())
    assert sorted(listed) == sorted(p.name for pattern in ("*.c", "*.cpp") for p in EXAMPLES.glob(pattern))
