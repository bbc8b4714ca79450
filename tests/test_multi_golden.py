"""Models and chunks of n1_multi as they were when its format became final: they decode for ever, on every machine.

A golden file is a model behind its length (u16) and a chunk. tests/make_golden.py writes those that are missing.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import n1_multi_reference as reference
import numpy as np
import pytest
from conftest import ROOT
from test_multi import decode, encode, fit

PARTS = [path.stem for path in (ROOT / "native" / "src").glob("n1_multi*.c")]
PARTS += ["alphabet", "n1_avx2", "n1_lanes", "n1_model", "n1_steps"]
"""Sources of libn1c that hold the codec, and what it calls."""
GOLDEN = Path(__file__).parent / "golden"


def noise(frames: int, channels: int, seed: int) -> np.ndarray:
    """Return integers of a standard deviation of about 37, by integer arithmetic alone."""
    h = np.arange(frames * channels, dtype=np.uint64) + np.uint64(seed * 1_000_003)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        h = (h ^ (h >> np.uint64(shift))) * np.uint64(factor)
    parts = h.view(np.uint8).reshape(frames, channels, 8).astype(np.int64)
    return (parts[..., :4].sum(axis=2) - 510) >> 2


def sources() -> dict[str, tuple[np.ndarray, list[int], int]]:
    """Return samples, their converters, and how many frames are coded; a model is fitted to those behind them."""
    own, common = noise(6000, 12, 1), noise(6000, 1, 2)
    together = (own + np.roll(own, 1, axis=0) + np.roll(own, 1, axis=1) + common) >> 3
    codes = np.arange(1024)
    widths = np.stack([np.where(codes % 7 == 3, 1, 5), np.where(codes % 4 == 1, 9, 3)]) + codes % 3
    two = [
        np.searchsorted(edges, edges[512] + 2 * (own[:, i : i + 3] + np.roll(own[:, i : i + 3], 1, axis=0)))
        for i, edges in enumerate(np.cumsum(widths, axis=1))
    ]
    kinds = (own[:, :7] >> 1) * 75 // 16 + 9 * np.arange(7)
    kinds[:200, 2], kinds[:200, 3] = kinds[:200, 1], -5
    kinds[:200, 5] = noise(200, 1, 3)[:, 0] * 200
    kinds[5:200:61, 6] = 30000
    return {
        "together": (together.astype(np.int16), [0] * 12, 500),
        "converters": (np.concatenate(two, axis=1).astype(np.int16), [0, 0, 0, 1, 1, 1], 300),
        "kinds": (kinds.astype(np.int16), [0] * 7, 200),
        "fast": (kinds.astype(np.int16) * 16, [0] * 7, 217),
    }


def write_missing() -> None:
    for name, (x, converters, frames) in sources().items():
        path = GOLDEN / f"n1_multi-{name}.payload"
        if not path.exists():
            model = fit(x[frames:], np.array(converters), fast=int(name == "fast"))
            path.write_bytes(len(model).to_bytes(2, "little") + model + encode(x[:frames], model))


def golden(name: str) -> tuple[np.ndarray, bytes, bytes]:
    """Return samples, model and chunk."""
    data = (GOLDEN / f"n1_multi-{name}.payload").read_bytes()
    end = 2 + int.from_bytes(data[:2], "little")
    x, _, frames = sources()[name]
    return x[:frames], data[2:end], data[end:]


def test_what_golden_files_hold() -> None:
    """Whoever adds one runs tests/make_golden.py and commits what it writes."""
    assert {path.name for path in GOLDEN.glob("n1_multi-*")} == {f"n1_multi-{name}.payload" for name in sources()}
    models = {name: reference.read(golden(name)[1]) for name in sources()}
    assert models["together"].head.mean and not models["kinds"].head.mean
    assert [model.head.fast for model in models.values()] == [False, False, False, True]
    assert [group.widths is None for group in models["converters"].groups] == [False, False]
    assert any(channel.step for channel in models["kinds"].channels)
    x, _, chunk = golden("kinds")
    assert reference.Chunk(chunk, models["kinds"], len(x)).kinds == [0, 0, 2, 1, 0, 3, 0]


@pytest.mark.parametrize("name", sources())
def test_golden_chunks_decode_for_ever(name: str) -> None:
    x, model, chunk = golden(name)
    for simd in (0, 1):
        np.testing.assert_array_equal(decode(chunk, model, x.shape, simd), x)
    np.testing.assert_array_equal(reference.decode(chunk, model, len(x)), x)


MACHINES = {
    "aarch64": (["aarch64-linux-gnu-gcc"], ["qemu-aarch64-static"]),
    "i686": (["i686-linux-gnu-gcc", "-msse2", "-mfpmath=sse"], []),
}
"""What compiles for each, and what runs it."""

ROUND_TRIP = """
#include <stdio.h>
#include <stdlib.h>
#include "n1c.h"
/* Reads frames, channels, lengths of a model and a chunk, and these; writes the samples, and the chunk made of them. */
int main(void) {
  int64_t head[4];
  if (fread(head, 8, 4, stdin) != 4) return 1;
  const int64_t n = head[0] * head[1], frames = head[0];
  uint8_t *model = malloc((size_t)head[2]), *chunk = malloc((size_t)head[3]), *out = malloc((size_t)(2 * n + 1));
  int16_t *x = malloc((size_t)(2 * n));
  if (fread(model, 1, (size_t)head[2], stdin) + fread(chunk, 1, (size_t)head[3], stdin) != (size_t)(head[2] + head[3]))
    return 2;
  const int64_t room = n1c_multi_encode_work_size(model, head[2], frames);
  void *work = malloc((size_t)room);
  if (n1c_multi_decode(chunk, head[3], model, head[2], frames, work, room, x, n, 1) != n) return 3;
  const int64_t length = n1c_multi_encode(x, n, model, head[2], frames, work, room, out, 2 * n + 1, 1);
  if (length < 0) return 4;
  fwrite(x, 2, (size_t)n, stdout);
  fwrite(out, 1, (size_t)length, stdout);
  return 0;
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES)
def test_other_machines_decode_and_encode_the_same(machine: str, tmp_path: Path) -> None:
    """The packages gcc-aarch64-linux-gnu, gcc-i686-linux-gnu and qemu-user-static have what it takes."""
    compiler, runner = MACHINES[machine]
    for tool in (*compiler[:1], *runner):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} here")
    (tmp_path / "empty.c").write_text("#include <stdio.h>\nint main(void) { return 0; }\n")
    if subprocess.run([*compiler, str(tmp_path / "empty.c"), "-o", str(tmp_path / "empty")]).returncode:
        pytest.skip(f"{compiler[0]} does not compile for {machine} here")
    main, program = tmp_path / "main.c", tmp_path / "main"
    main.write_text(ROUND_TRIP)
    native = ROOT / "native"
    flags = [
        "-static",
        "-std=c99",
        "-O3",
        "-ffp-contract=off",
        "-DN1C_BUILD",
        f"-I{native / 'include'}",
        f"-I{native / 'src'}",
    ]
    parts = [str(native / "src" / f"{name}.c") for name in PARTS]
    subprocess.run([*compiler, *flags, *parts, str(main), "-lm", "-o", str(program)], check=True, timeout=300)
    for name in sources():
        x, model, chunk = golden(name)
        head = np.array([*x.shape, len(model), len(chunk)], "<i8").tobytes()
        found = subprocess.run([*runner, str(program)], input=head + model + chunk, stdout=subprocess.PIPE, check=True)
        assert found.stdout == x.tobytes() + encode(x, model)
