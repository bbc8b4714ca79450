"""The wheel, used outside the checkout."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT, signal

from n1codec.recordings import wav


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel in it, built from a copy of what git tracks."""
    work = tmp_path_factory.mktemp("wheel")
    source = work / "source"
    for name in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(work), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = work.glob("*.whl")
    assert "-py3-none-" in wheel.name
    target = work / "site"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", target, wheel], check=True)
    return target


def call(installed: Path, folder: Path, *args: object) -> str:
    # -S keeps the editable install of the checkout out of the way.
    paths = os.pathsep.join([str(installed), sysconfig.get_paths()["purelib"]])
    done = subprocess.run(
        [sys.executable, "-S", "-m", "n1codec", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_wheel_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = "import n1codec; print(n1codec.__file__)"
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), sysconfig.get_paths()["purelib"]])}
    found = subprocess.check_output([sys.executable, "-S", "-c", where], text=True, cwd=tmp_path, env=paths)
    assert found.startswith(str(installed))
    source = tmp_path / "in" / "a.wav"
    source.parent.mkdir()
    source.write_bytes(wav.write(signal(5000), 19531))
    call(installed, tmp_path, "encode", source, "a.n1c", "remap|lpc|rans")
    call(installed, tmp_path, "decode", "a.n1c", "a.wav")
    assert (tmp_path / "a.wav").read_bytes() == source.read_bytes()
    assert "huffman" in call(installed, tmp_path, "list")
    assert "verified" in call(installed, tmp_path, "grid", "--data", "in", "--codecs", "huff copy", "--min-time", 0)
    assert "All recordings successfully compressed." in call(installed, tmp_path, "eval", "--data", "in")
    call(installed, tmp_path, "plot")
    assert (tmp_path / "results" / "in" / "codecs.png").stat().st_size > 1000
    call(installed, tmp_path, "report")
    assert "</html>" in (tmp_path / "results" / "in" / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ziglang") is None, reason="no ziglang here (pip install ziglang)")
def test_wheels_are_built_for_other_systems(tmp_path: Path) -> None:
    for name in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines():
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    tags = {
        "manylinux_2_17_aarch64": ("libn1c.so", b"\x7fELF", "libn1c_hdf5.so"),
        "macosx_11_0_arm64": ("libn1c.dylib", b"\xcf\xfa\xed\xfe", "libn1c_hdf5.so"),
        "win_amd64": ("n1c.dll", b"MZ", "n1c_hdf5.dll"),
    }
    command = [sys.executable, str(tmp_path / "tools" / "wheels.py"), *tags]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for tag, (library, magic, plugin) in tags.items():
        (wheel,) = (tmp_path / "dist").glob(f"*-py3-none-{tag}.whl")
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            code = archive.read(f"n1codec/{library}")
        assert code.startswith(magic)
        assert f"n1codec/hdf5_plugin/{plugin}" in names
        assert "n1codec/algorithms/n1/n1_multi.py" in names
        if magic == b"\x7fELF":
            assert struct.unpack_from("<H", code, 18) == (183,)  # AArch64


def test_wheels_say_what_they_lack_and_what_there_is() -> None:
    command = [sys.executable, str(ROOT / "tools" / "wheels.py"), "beos_r5"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no beos_r5 (there are: manylinux_2_17_x86_64" in done.stderr


def test_an_installed_package_is_tried() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "try_wheel.py")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "golden files agree" in done.stdout


def test_the_conda_recipe_wants_what_the_package_wants() -> None:
    recipe = (ROOT / "conda" / "meta.yaml").read_text()
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    run = re.search(r"  run:\n((?:    - .*\n)+)", recipe)
    assert run
    wanted = {line.strip("- ").replace(" ", "") for line in run[1].splitlines()}
    assert wanted == {"python" + project["requires-python"], *project["dependencies"]}
