from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, signal
from entropy_reference import Encoder, Steered
from n1_max_reference import decode as reference
from n1_max_reference import encode as reference_encoder
from n1_max_reference import run

from n1codec import n1_mapping
from n1codec.codec import CodecError, FormatError, Layout
from n1codec.native import SCRATCH, Kernel, reads, writes
from n1codec.pipeline import get_codec
from n1codec.recordings import wav
from n1codec.train import max as training

work_size = Kernel("n1c_n1_max_work_size", int)
encode_kernel = Kernel("n1c_n1_max_encode", reads(np.int16), SCRATCH, writes(np.uint8), int)
decode_kernel = Kernel("n1c_n1_max_decode", reads(np.uint8), SCRATCH, writes(np.int16), int)
tables_kernel = Kernel("n1c_n1_max_tables", writes(np.uint8))


def encode(x: np.ndarray, simd: int = 1) -> bytes:
    out = np.empty(2 * x.size + 1, np.uint8)
    return out[: encode_kernel(x, np.full(work_size(x.size), 0xA5, np.uint8), out, simd)].tobytes()


def decode(data: bytes, n: int, simd: int = 1) -> np.ndarray:
    x = np.empty(n, np.int16)
    assert decode_kernel(np.frombuffer(data, np.uint8), np.full(work_size(n), 0x5A, np.uint8), x, simd) == n
    return x


def built_in() -> bytes:
    out = np.empty(1 << 16, np.uint8)
    return out[: tables_kernel(out)].tobytes()


def fixed(frames: int) -> np.ndarray:
    """N1 samples that no version of NumPy changes: a slow wave, noise and spikes, from a generator in integers."""
    state, value, out = 1, 0, []
    for t in range(frames):
        state = (state * 1664525 + 1013904223) % 2**32
        noise = sum(state >> shift & 15 for shift in (8, 14, 20, 26)) - 30
        value = (value * 7 >> 3) + noise
        spike = (60, 90, 40, -30, -20)[t % 997] if t % 997 < 5 else 0
        out.append(min(max(520 + (value >> 1) + abs(t % 3000 - 1500) // 60 + spike, 0), 1023))
    return n1_mapping.values()[np.array(out)]


def awkward() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    n = 3000
    codes = {
        "N1": (fixed(n).astype(np.int32) + 32768) >> 6,
        "all codes": np.arange(n) % 1024,
        "uniform": rng.integers(0, 1024, n),
        "rails": np.where(rng.random(n) < 0.5, 0, 1023),
        "square": np.where(np.arange(n) // 20 % 2, 1023, 0),
        "low rail": np.where(rng.random(n) < 0.95, 0, rng.integers(0, 1024, n)),
        "constant": np.full(n, 511),
        "nearly constant": np.where(np.arange(n) == 2000, 512, 511),
        "still, then loud": np.where(np.arange(n) < 1500, 500, rng.integers(300, 700, n)),
        "one": np.array([1023]),
        "two": np.array([0, 1023]),
        "33": np.arange(33) + 500,
    }
    signals = {name: n1_mapping.values()[k] for name, k in codes.items()}
    signals["noise"] = rng.integers(-32768, 32768, n).astype(np.int16)
    signals["Neuropixels"] = (12 * rng.normal(0, 9, n).astype(np.int16)).astype(np.int16)
    signals["almost N1"] = np.append(signals["N1"], np.int16(1))
    return signals


@pytest.mark.parametrize("name", awkward())
def test_awkward_signals_come_back_and_are_never_larger_than_n1s(name: str) -> None:
    x = awkward()[name]
    data = encode(x)
    assert np.array_equal(decode(data, x.size), x)
    assert len(data) <= len(get_codec("n1").encode(x)) <= 2 * x.size + 1


def codes_of(x: np.ndarray) -> list[int]:
    return (x.astype(int) + 32768 >> 6).tolist()


@pytest.mark.parametrize(
    ("size", "zeros", "start", "event"),
    [
        (150, 8, 35, "carry through 4"),
        (160, 10, 36, "carry through 10"),
        (138, 31, 36, "final carry through 7"),
        (142, 31, 36, "final carry through 11"),
    ],
)
def test_carries_run_back_through_what_is_written(size: int, zeros: int, start: int, event: str) -> None:
    """``start`` is what the kernel says of these samples in its first byte; which one it is was found by trying."""
    steered, coder = Steered(), Encoder()
    steered.zeros = zeros
    codes = run(steered, built_in(), start, size, codes_of(fixed(120))).tolist()
    x = n1_mapping.values()[codes]
    data = encode(x)
    assert data == reference_encoder(codes, data[0] & 127, built_in(), coder)
    assert coder.events[event], coder.events
    for simd in (0, 1):
        assert np.array_equal(decode(data, size, simd), x)


@pytest.mark.parametrize("name", awkward())
def test_simd_gives_the_same_bytes(name: str) -> None:
    x = awkward()[name]
    data = encode(x, simd=0)
    assert encode(x, simd=1) == data
    assert np.array_equal(decode(data, x.size, simd=0), x)


def test_golden_payload() -> None:
    """Files of any released version decode for ever, so these bytes may change only with another first byte."""
    data = encode(fixed(20_000))
    assert data[0] & 0x80
    assert hashlib.sha256(data).hexdigest()[:16] == "6b104dfaa34ffc93"


def test_a_payload_of_the_first_version_decodes_for_ever() -> None:
    data = (Path(__file__).parent / "golden" / "n1_max.payload").read_bytes()
    for simd in (0, 1):
        assert np.array_equal(decode(data, 2000, simd), fixed(2000))


HASHES = """
#include <stdio.h>
#include <stdlib.h>
#include "n1c.h"
int main(void) {
  static int16_t x[6000];
  static uint8_t out[12001];
  const int64_t n = 6000, room = n1c_n1_max_work_size(n);
  uint8_t *work = malloc((size_t)room);
  if (fread(x, 2, 6000, stdin) != 6000) return 1;
  for (int simd = 0; simd < 2; simd++) {
    const int64_t length = n1c_n1_max_encode(x, n, work, room, out, 2 * n + 1, simd);
    uint64_t hash = 14695981039346656037u;
    for (int64_t i = 0; i < length; i++) hash = (hash ^ out[i]) * 1099511628211u;
    printf("%016llx\\n", (unsigned long long)hash);
  }
  free(work);
  return 0;
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_every_compiler_makes_the_same_bytes(compiler: str, tmp_path: Path) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler} here")
    x = fixed(6000)
    expected = 14695981039346656037
    for byte in encode(x):
        expected = (expected ^ byte) * 1099511628211 % 2**64
    (tmp_path / "hashes.c").write_text(HASHES)
    folder = ROOT / "native" / "src"
    parts = ["n1", "n1_avx2", "n1_lanes", "n1_model", "n1_tables", "n1_steps", "alphabet", "crc32"]
    sources = [tmp_path / "hashes.c", *folder.glob("n1_max*.c"), *(folder / f"{name}.c" for name in parts)]
    include = [f"-I{ROOT / 'native' / folder}" for folder in ("include", "src")]
    for flags in (["-O0"], ["-O1"], ["-O2"], ["-O3"], ["-O3", "-DN1C_NO_VECTORS"]):
        program = str(tmp_path / "hashes")
        subprocess.run(
            [compiler, "-std=c99", "-ffp-contract=off", *flags, *include, *map(str, sources), "-lm", "-o", program],
            check=True,
        )
        done = subprocess.run([program], input=x.tobytes(), capture_output=True, check=True)
        assert done.stdout.decode().split() == [f"{expected:016x}"] * 2, flags


@pytest.mark.parametrize("frames", [9, 15, 300, 1200])
def test_the_reference_decodes_what_the_kernel_writes(frames: int) -> None:
    x = fixed(3000)[-frames:]
    data = encode(x)
    assert data[0] & 0x80
    assert np.array_equal(n1_mapping.values()[reference(data, frames, built_in())], x)


def test_less_than_n1() -> None:
    x = fixed(20_000)
    assert len(encode(x)) < len(get_codec("n1").encode(x))


def test_recordings(recordings: list[Path]) -> None:
    ours = n1s = 0
    for path in recordings[:3]:
        x = np.ascontiguousarray(wav.read(path.read_bytes()).samples[:30_000, 0])
        data = encode(x)
        assert np.array_equal(decode(data, x.size), x)
        ours, n1s = ours + len(data), n1s + len(get_codec("n1").encode(x))
    assert ours < 0.998 * n1s


def test_damage_is_refused_or_decodes_to_something() -> None:
    """The container's checksums find damage; a kernel must only survive it."""
    x = fixed(2000)
    data = encode(x)
    rng = np.random.default_rng(0)
    for at in [*range(30), *rng.integers(0, len(data), 30)]:
        broken = bytearray(data)
        broken[at] ^= 1 << int(rng.integers(8))
        try:
            assert not np.array_equal(decode(bytes(broken), x.size), x)
        except FormatError:
            continue
    for length in (0, 1, 9, len(data) // 2):
        with pytest.raises(FormatError):
            decode(data[:length], x.size)
    with pytest.raises(FormatError):
        decode(data, 2048 * (len(data) + 1))


def test_any_bytes_are_survived() -> None:
    rng = np.random.default_rng(3)
    for _ in range(100):
        data = bytearray(rng.bytes(int(rng.integers(1, 300))))
        data[0] |= 0x80 if rng.random() < 0.9 else 0
        try:
            decode(bytes(data), int(rng.choice([1, 8, 100, 3000])), simd=int(rng.integers(2)))
        except FormatError:
            continue


def test_layout_is_kept() -> None:
    x = signal(500, 3)
    codec = get_codec("n1_max")
    assert np.array_equal(codec.decode(codec.encode(x), Layout.of(x)), x)


# -- training --------------------------------------------------------------------------------------------------------


def test_the_built_in_tables_are_what_training_writes() -> None:
    assert (ROOT / "native" / "src" / "n1_max_tables.c").read_text() == training.to_c(built_in())
    assert len(built_in()) < 40_000


def test_training_learns() -> None:
    recordings = [np.ascontiguousarray(signal(6000, 1, seed)[:, 0]) for seed in range(4)]
    widths = np.ones(1024)
    little = training.train(recordings, epochs=0.25, widths=widths)
    much = training.train(recordings, epochs=6, widths=widths)
    assert much == training.train(recordings, epochs=6, widths=widths)
    assert len(much) == len(built_in())
    unseen = [np.ascontiguousarray(signal(6000, 1, 99)[:, 0])]
    assert training.measure(unseen, much) < training.measure(unseen, little)


def test_measuring_is_what_coding_takes() -> None:
    x = fixed(6000)
    assert abs(training.measure([x], built_in()) - len(encode(x))) < 8


def test_nothing_to_train_on() -> None:
    rails = n1_mapping.values()[np.tile([0, 1023], 3000)]
    with pytest.raises(CodecError, match="too little to train on"):
        training.train([rails, rails], widths=np.ones(1024))
