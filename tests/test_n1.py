from __future__ import annotations

import ctypes
import hashlib
import shutil
import struct
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import signal
from n1_reference import decode as reference
from n1_reference import encode as reference_encoder

from n1codec import container, n1_mapping
from n1codec.codec import CodecError, FormatError, Layout, SpecError, UnavailableError
from n1codec.native import SCRATCH, Kernel, reads, writes
from n1codec.pipeline import get_codec
from n1codec.recordings import wav
from n1codec.train import fit
from n1codec.train import n1 as training
from n1codec.train.profile import Profile, untrained

COLD, N1 = b"", b"\x01"

work_size = Kernel("n1c_n1_work_size", int)
encode_kernel = Kernel("n1c_n1_encode", reads(np.int16), reads(np.uint8), SCRATCH, writes(np.uint8), int)
decode_kernel = Kernel("n1c_n1_decode", reads(np.uint8), reads(np.uint8), SCRATCH, writes(np.int16), int)
profile_kernel = Kernel("n1c_n1_profile", int, writes(np.uint8))


def encode(x: np.ndarray, profile: bytes = N1, simd: int = 1) -> bytes:
    out = np.empty(2 * x.size + 1, np.uint8)
    work = np.full(work_size(x.size), 0xA5, np.uint8)
    return out[: encode_kernel(x, np.frombuffer(profile, np.uint8), work, out, simd)].tobytes()


def decode(data: bytes, n: int, profile: bytes = N1, simd: int = 1) -> np.ndarray:
    x = np.empty(n, np.int16)
    work = np.full(work_size(n), 0x5A, np.uint8)
    assert decode_kernel(np.frombuffer(data, np.uint8), np.frombuffer(profile, np.uint8), work, x, simd) == n
    return x


def built_in() -> dict[int, bytes]:
    found = {}
    for number in (0, 1):
        out = np.empty(1 << 16, np.uint8)
        found[number] = out[: profile_kernel(number, out)].tobytes()
    return found


def mono(frames: int, seed: int = 0) -> np.ndarray:
    return np.ascontiguousarray(signal(frames, 1, seed)[:, 0])


def scaled(frames: int, step: float) -> np.ndarray:
    """Codes of another converter, scaled by a number that is no integer and rounded."""
    codes = np.random.default_rng(5).normal(0, 9, frames).cumsum() * 0.02 + np.random.default_rng(6).normal(
        0, 9, frames
    )
    return np.floor(np.round(codes) * step + 0.4).astype(np.int16)


def awkward() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    n = 9001
    return {
        "one": np.array([-5], np.int16),
        "two": np.array([5, -5], np.int16),
        "nine": mono(9),
        "constant": np.full(n, 77, np.int16),
        "noise": rng.integers(-32768, 32768, n).astype(np.int16),
        "rails": np.where(rng.random(n) < 0.5, 32767, -32768).astype(np.int16),
        "square": np.where(np.arange(n) // 20 % 2, 32767, -32768).astype(np.int16),
        "ramp": np.arange(n).astype(np.int16),
        "sine": (32767 * np.sin(np.arange(n) / 50)).astype(np.int16),
        "burst": np.concatenate([np.zeros(6000), rng.normal(0, 5000, 1000), np.zeros(2001)]).astype(np.int16),
        "steps": scaled(n, 11.718),
        "step 12": (12 * rng.normal(0, 9, n).astype(np.int16)).astype(np.int16),
        "almost N1": np.concatenate([mono(n), np.array([1], np.int16)]),
    }


@pytest.mark.parametrize("name", awkward())
@pytest.mark.parametrize("profile", [N1, COLD])
def test_awkward_signals_come_back_and_never_grow(name: str, profile: bytes) -> None:
    x = awkward()[name]
    data = encode(x, profile)
    assert np.array_equal(decode(data, x.size, profile), x)
    assert len(data) <= 2 * x.size + 1


def test_few_samples_take_as_few_bytes_as_they_can() -> None:
    raw, constant = 0, 1
    for n in range(1, 10):
        data = encode(np.full(n, 770, np.int16))
        assert data == bytes([raw if n == 1 else constant, 2, 3]), n
        varied = np.arange(-n, n, dtype=np.int16)[:n] * 4001
        assert n == 1 or n > 7 or encode(varied) == bytes([raw]) + varied.astype("<i2").tobytes()


@pytest.mark.parametrize("frames", [20, 700, 4095, 4103])
@pytest.mark.parametrize("profile", [N1, COLD])
def test_the_reference_decodes_what_the_kernel_writes(frames: int, profile: bytes) -> None:
    x = mono(frames, seed=frames)
    assert np.array_equal(reference(encode(x, profile), frames, built_in()), x)


@pytest.mark.parametrize("name", ["burst", "steps", "square", "sine"])
def test_the_reference_decodes_other_converters(name: str) -> None:
    x = awkward()[name][-5000:]
    assert np.array_equal(reference(encode(x), x.size, built_in()), x)


def same_bytes(x: np.ndarray, profile: bytes = N1) -> Counter[str]:
    """Check that the kernel writes what the reference writes and reads it back; return what happened on the way."""
    data = encode(x, profile)
    expected, events = reference_encoder(x, data, built_in())
    assert data == expected
    assert np.array_equal(decode(data, x.size, profile), x)
    return events


def test_the_reference_writes_the_same_bytes() -> None:
    """What a state loses at once, how long the tail and the states are: all that can be, comes."""
    events = Counter[str]()
    for frames in (9, 20, 64, 700, 4095, 4096, 4103):
        for profile in (N1, COLD) if frames < 4096 else (N1,):
            events += same_bytes(mono(frames, seed=frames), profile)
    for name in ("burst", "steps", "square"):
        events += same_bytes(awkward()[name][-4200:])
    wanted = [f"tail loses {count} bytes" for count in range(4)] + [f"word of lane {lane}" for lane in range(8)]
    wanted += [f"state of {size} bytes" for size in (5, 6, 7, 8)]
    wanted += ["tail shorter than the states", "tail longer than the states"]
    assert not [what for what in wanted if not events[what]]


def test_a_tail_at_its_bound() -> None:
    """The last code has a frequency of 2^16: what the tail begins with is just what it must not be below."""
    codes = [521, 514, 521, 528, 526, 517, 527, 520, 517, 520, 527, 514]
    assert same_bytes(n1_mapping.values()[codes])["tail at its bound"] == 1


@pytest.mark.parametrize("name", awkward())
def test_simd_gives_the_same_bytes(name: str) -> None:
    x = awkward()[name]
    for profile in (N1, COLD):
        data = encode(x, profile, simd=0)
        assert encode(x, profile, simd=1) == data
        assert np.array_equal(decode(data, x.size, profile, simd=0), x)


def fixed(frames: int, values: int = 1024) -> np.ndarray:
    """Coloured noise from integers alone, so that it is the same with every NumPy; int64 codes."""
    state, white = 1, []
    for _ in range(frames + 8):
        state = (state * 1103515245 + 12345) % (1 << 31)
        white.append((state >> 8 & 31) + (state >> 13 & 31) + (state >> 18 & 31) - 46)
    smooth = np.convolve(white, [8, 7, 6, 4, 2, 1, 0, -1, -2], "valid")
    return (values // 2 + smooth // 16).clip(0, values - 1)


def golden(frames: int = 20_000) -> dict[str, tuple[np.ndarray, bytes]]:
    codes = fixed(frames)
    n1 = n1_mapping.values()[codes]
    return {
        "N1": (n1, N1),
        "cold": (n1, COLD),
        "steps": ((codes * 11718 // 1000 - 6000).astype(np.int16), N1),
        "wide": ((codes * 40 + codes % 7 - 20000).astype(np.int16), COLD),
    }


GOLDEN = {
    "N1": "613efa2a04593949",
    "cold": "f4272042b4599c1e",
    "steps": "3a2c00027ded8307",
    "wide": "32dac9fd78ec6005",
}


@pytest.mark.parametrize("name", golden())
def test_golden_payloads(name: str) -> None:
    """Files of any released version decode for ever, so these bytes may change only with the version in byte 0."""
    x, profile = golden()[name]
    assert hashlib.sha256(encode(x, profile)).hexdigest()[:16] == GOLDEN[name]


@pytest.mark.parametrize("name", golden())
def test_payloads_of_format_version_0_decode_for_ever(name: str) -> None:
    x, profile = golden(5000)[name]
    data = (Path(__file__).parent / "golden" / f"n1-{name}.payload").read_bytes()
    for simd in (0, 1):
        assert np.array_equal(decode(data, x.size, profile, simd), x)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("level", ["-O0", "-O1", "-O3"])
def test_every_compiler_gives_the_same_bytes(compiler: str, level: str, tmp_path: Path) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not here")
    native, target = Path(__file__).parent.parent / "native", tmp_path / "n1.so"
    flags = ["-std=c99", level, "-ffp-contract=off", "-shared", "-fPIC", f"-I{native / 'include'}", "-o", target]
    parts = ("crc32", "n1", "n1_model", "n1_lanes", "n1_avx2", "n1_tables", "n1_steps")
    sources = [native / "src" / f"{name}.c" for name in parts]
    subprocess.run([compiler, *flags, *sources], check=True)
    call = ctypes.CDLL(str(target)).n1c_n1_encode
    call.restype = ctypes.c_int64
    for name, (x, profile) in golden().items():
        for simd in (0, 1):
            out, work = np.empty(2 * x.size + 1, np.uint8), np.empty(work_size(x.size), np.uint8)
            arrays = (x, np.frombuffer(profile, np.uint8), work, out)
            pairs = [v for a in arrays for v in (ctypes.c_void_p(a.ctypes.data), ctypes.c_int64(a.size))]
            size = call(*pairs, ctypes.c_int64(simd))
            assert hashlib.sha256(out[:size]).hexdigest()[:16] == GOLDEN[name]


def test_a_cold_start_beats_byte_codecs() -> None:
    x = mono(40_000)
    for rival in ("remap|delta|zstd", "remap|delta|zigzag|planes|brotli"):
        assert len(encode(x, COLD)) < len(get_codec(rival).encode(x))


@pytest.mark.parametrize(("step", "lowest"), [(20 - 1 / 128, 0), (20 + 3 / 7, 3500)])
def test_the_phase_of_a_mapping_is_the_middle_of_those_that_fit(step: float, lowest: int) -> None:
    codes = np.arange(9000) * 77 % 129
    x = np.floor(codes * step + 0.4 * (step > 20)).astype(np.int16)
    first, steps, phase = struct.unpack_from("<HIH", encode(x, COLD), 1)
    at = (np.unique(x).astype(np.int64) + 32768 - first) << 13
    rests = at - (at + steps // 2) // steps * steps
    least, most = max(0, rests.max()), min(0, rests.min()) + 8191
    assert least == 0 if lowest == 0 else least > lowest
    assert phase == (least + most) // 2


def test_recordings(recordings: list[Path]) -> None:
    size = raw = cold = 0
    for path in recordings:
        x = np.ascontiguousarray(wav.read(path.read_bytes()).samples[:, 0])
        data = encode(x)
        assert np.array_equal(decode(data, x.size), x)
        size, cold, raw = size + len(data) + 19, cold + len(encode(x, COLD)) + 19, raw + 2 * x.size + 44
    assert raw / size > raw / cold > 3.2


@pytest.mark.parametrize("name", ["N1", "short", "steps"])
def test_damage_is_refused_or_decodes_to_something(name: str) -> None:
    """The container's checksums find damage; a kernel must only survive it."""
    x = {"N1": mono(6000), "short": mono(900), "steps": scaled(6000, 11.718)}[name]
    data = encode(x)
    rng = np.random.default_rng(0)
    refused = 0
    for at in [*range(40), *rng.integers(0, len(data), 60)]:
        broken = bytearray(data)
        broken[at] ^= 1 << int(rng.integers(8))
        try:
            refused += not np.array_equal(decode(bytes(broken), x.size), x)
        except FormatError:
            refused += 1
    assert refused > 90
    for length in [*range(30), len(data) // 2]:
        with pytest.raises(FormatError):
            decode(data[:length] if length else b"\x07", x.size)


def test_payloads_of_the_former_predictor_are_refused() -> None:
    data = bytearray(encode(mono(5000)))
    data[0] ^= 1
    with pytest.raises(FormatError):
        decode(bytes(data), 5000)


def test_a_mapping_that_cannot_be_is_refused() -> None:
    x = scaled(6000, 11.718)
    good = encode(x)
    assert good[0] & 4
    codes = int.from_bytes(good[9:11], "little") + 1
    for at, size, value in ((3, 4, (65535 << 13) + 1), (7, 2, 1 << 13), (9, 2, 0), (9, 2, 65535), (11, 2, codes)):
        forged = bytearray(good)
        forged[at : at + size] = value.to_bytes(size, "little")
        with pytest.raises(FormatError):
            decode(bytes(forged), x.size)


def test_a_payload_stands_for_so_many_samples_only() -> None:
    for x in (np.zeros(1 << 20, np.int16), np.zeros(1 << 20, np.int16)):
        x[-1] = x[0] + 1 if len(encode(x)) > 600 else 0
        with pytest.raises(FormatError):
            decode(encode(x), 1 << 23)


def test_any_bytes_are_survived() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        data = bytearray(rng.bytes(int(rng.integers(1, 400))))
        data[0] = rng.choice([3, 7, 11, 19, 27, data[0]])
        n = int(rng.choice([1, 8, 100, 4096, 6000]))
        try:
            decode(bytes(data), n, simd=int(rng.integers(2)))
        except FormatError:
            continue


# -- training --------------------------------------------------------------------------------------------------------


def uneven(seed: int, frames: int = 30_000) -> np.ndarray:
    """A converter of 256 codes, every fourth of them a quarter as wide as its neighbours."""
    rng = np.random.default_rng(seed)
    level = np.convolve(rng.normal(0, 10, frames + 4), [1, 0.8, 0.5, 0.2, 0.1], "valid")
    edges = np.cumsum(np.where(np.arange(256) % 4, 1.25, 0.25)) - 128
    return (np.searchsorted(edges, level) * 3 - 300).astype(np.int16)


@pytest.fixture(scope="module")
def trained() -> Profile:
    return fit.fit([uneven(seed) for seed in range(12)])


def test_training_finds_the_widths(trained: Profile) -> None:
    assert (trained.step, trained.stretch) == (3, False)
    widths = trained.widths
    assert widths is not None
    start = (-300 - trained.first) // 3
    used = np.arange(116, 140) + start
    narrow = widths[used[(used - start) % 4 == 0]]
    wide = widths[used[(used - start) % 4 != 0]]
    assert np.allclose(narrow / wide.mean(), 0.2, atol=0.05)
    assert np.ptp(wide) < 0.3


def test_a_trained_profile_gains_on_what_it_has_not_seen(trained: Profile, tmp_path: Path) -> None:
    x = uneven(99)
    path = tmp_path / "my.n1p"
    path.write_bytes(trained.to_bytes())
    codec = get_codec(f'n1:profile="{path}"')
    assert len(codec.encode(x)) < 0.995 * len(get_codec("n1:profile=none").encode(x))


def test_decoding_asks_for_the_profile(trained: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = uneven(7)
    path = tmp_path / "my.n1p"
    path.write_bytes(trained.to_bytes())
    blob = container.encode(x, f'n1:profile="{path}"')
    monkeypatch.delenv("N1CODEC_PROFILES", raising=False)
    with pytest.raises(UnavailableError, match=r"profile [0-9a-f]{8}, which is not here .*N1CODEC_PROFILES"):
        container.decode(blob)
    for place in (path, tmp_path):
        monkeypatch.setenv("N1CODEC_PROFILES", str(place))
        assert np.array_equal(container.decode(blob), x)


def test_a_profile_that_does_not_fit_is_done_without(trained: Profile) -> None:
    x = mono(6000)
    data = encode(x, trained.to_bytes())
    assert data == encode(x, COLD)
    assert np.array_equal(decode(data, x.size), x)


def test_profiles_are_read_back(trained: Profile) -> None:
    again = Profile.from_bytes(trained.to_bytes())
    assert again.to_bytes() == trained.to_bytes()
    with pytest.raises(FormatError, match="truncated"):
        Profile.from_bytes(trained.to_bytes()[:-1])
    with pytest.raises(FormatError, match="not a profile"):
        Profile.from_bytes(b"RIFF" + trained.to_bytes())


def test_the_built_in_tables_are_what_training_writes() -> None:
    tables = built_in()
    assert tables[0] == untrained().to_bytes()
    assert Profile.from_bytes(tables[1]).stretch
    source = Path(__file__).parent.parent / "native" / "src" / "n1_tables.c"
    assert source.read_text() == training.to_c(tables[1])


def test_wrong_profiles(tmp_path: Path) -> None:
    for name, words in (("nothing.n1p", "no such file"), ("wrong.n1p", "make one with n1codec train")):
        (tmp_path / "wrong.n1p").write_bytes(b"RIFF")
        with pytest.raises(SpecError, match=words):
            get_codec(f'n1:profile="{tmp_path / name}"').encode(mono(100))


def test_train_command(tmp_path: Path, run: Callable[..., object]) -> None:
    for seed in range(2):
        (tmp_path / f"{seed}.wav").write_bytes(wav.write(uneven(seed, 8000)[:, None], 20000))
    done = run("n1codec", "train", tmp_path, "-o", tmp_path / "my.n1p", "--check")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 recordings\n")
    assert "without a profile" in done.stdout
    assert "trained on one half, measured on the other" in done.stdout
    bits = [float(line.split()[0]) for line in done.stdout.splitlines() if "bits per sample" in line]
    assert bits[1] < bits[0]
    assert Profile.from_bytes((tmp_path / "my.n1p").read_bytes()).step == 3
    failed = run("n1codec", "train", tmp_path / "my.n1p", "--check")
    assert (failed.returncode, failed.stderr.count("\n")) == (1, 1)
    assert run("n1codec", "train", tmp_path).returncode == 2


def test_nothing_to_train_on() -> None:
    with pytest.raises(CodecError, match="nothing to train on"):
        fit.fit([np.zeros(10_000, np.int16), mono(100)])


def test_layout_is_kept() -> None:
    x = signal(5000, 3)
    codec = get_codec("n1")
    assert np.array_equal(codec.decode(codec.encode(x), Layout.of(x)), x)
