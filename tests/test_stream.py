"""Packets of many channels: round trips, losses, damage, determinism, n1codec latency."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from n1_stream_reference import N1Packets, Packets

from n1codec.cli.latency import command
from n1codec.codec import FormatError, SpecError, UnavailableError
from n1codec.native import Kernel, writes
from n1codec.pipeline import get_codec
from n1codec.stream import PacketDecoder, PacketEncoder, latency, packets
from n1codec.train.profile import untrained

RATE = 19531


def neural(frames: int, channels: int, seed: int = 0) -> np.ndarray:
    """N1-like samples of shape (frames, channels): 10-bit codes of a slow noise, stretched to 16 bits."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 4, (frames, channels))
    for t in range(1, frames):
        x[t] += 0.9 * x[t - 1]
    codes = np.clip(np.round(x + 512 + rng.normal(0, 30, channels)), 0, 1023)
    return np.trunc(codes * 65535 / 1023 - 32768).astype(np.int16)


def pair(channels: int, **settings: object) -> tuple[PacketEncoder, PacketDecoder]:
    return PacketEncoder(channels, RATE, **settings), PacketDecoder(channels, RATE, **settings)  # type: ignore[arg-type]


@pytest.fixture(params=["n1", "n1_implant", "n1:profile=none"])
def codec(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def send(encoder: PacketEncoder, x: np.ndarray) -> list[bytes]:
    size = encoder.frames_per_packet
    return [encoder.push(x[i : i + size]) for i in range(0, len(x) - size + 1, size)]


@pytest.mark.parametrize(
    ("channels", "size"), [(1, 20), (1, 1), (7, 3), (8, 20), (9, 20), (37, 7), (70, 1), (530, 20), (16, 128)]
)
def test_round_trip(channels: int, size: int, codec: str) -> None:
    x = neural(12 * size, channels, size)
    encoder, decoder = pair(channels, frames_per_packet=size, codec=codec)
    for i, packet in enumerate(send(encoder, x)):
        arrival = decoder.push(packet)
        assert arrival.lost == 0 and arrival.valid.all()
        np.testing.assert_array_equal(arrival.frames, x[i * size : (i + 1) * size])


def test_it_compresses(codec: str) -> None:
    x = neural(2000, 64)
    encoder = PacketEncoder(64, RATE, codec)
    assert sum(map(len, send(encoder, x))) < x.nbytes / (1.5 if "none" in codec else 3.2)


@pytest.mark.parametrize("kind", ["noise", "constant", "rails", "some", "sometimes"])
def test_any_samples_come_back_and_hardly_grow(kind: str, codec: str) -> None:
    rng = np.random.default_rng(3)
    noise = rng.integers(-32768, 32768, (200, 21)).astype(np.int16)
    x = {
        "noise": noise,
        "constant": np.full_like(noise, 777),
        "rails": np.where(noise > 0, 32767, -32768).astype(np.int16),
        "some": np.where(np.arange(21) % 5 == 2, noise, neural(200, 21)),
        "sometimes": np.where(noise[:, :1] > 31000, noise, neural(200, 21)),
    }[kind]
    encoder, decoder = pair(21, codec=codec)
    for i, packet in enumerate(send(encoder, x)):
        assert len(packet) <= 2 * 20 * 21 + 9 + 4 + 2 * 21
        np.testing.assert_array_equal(decoder.push(packet).frames, x[20 * i : 20 * i + 20])


def test_a_loss_lasts_until_the_next_restart(codec: str) -> None:
    channels = 530
    x = neural(800, channels)
    encoder, decoder = pair(channels, key_seconds=400 / RATE, codec=codec)
    sent = send(encoder, x)
    valid = []
    for i, packet in enumerate(sent):
        if i in (5, 6):
            continue
        arrival = decoder.push(packet)
        assert arrival.lost == (2 if i == 7 else 0)
        good = arrival.valid
        np.testing.assert_array_equal(arrival.frames[:, good], x[20 * i : 20 * i + 20][:, good])
        assert not arrival.frames[:, ~good].any()
        valid.append(int(good.sum()))
    assert valid[:5] == [channels] * 5
    # Keys of the second half of the channels at packets 10 and 30, of the first at 20.
    assert valid[5:8] == [0] * 3 and valid[8] == channels - 272 and set(valid[18:]) == {channels}


def check_damage(decoder: PacketDecoder, first: bytes, second: bytes, third: bytes) -> None:
    """Damage the second of three packets in many ways: it is refused, and then counts as lost."""
    decoder.push(first)
    rng = np.random.default_rng(1)
    for _ in range(300):
        bad = bytearray(second)
        bad[rng.integers(len(bad))] ^= 1 << rng.integers(8)
        with pytest.raises(FormatError, match="damaged"):
            decoder.push(bytes(bad))
    for short in (b"", second[:-1], second + b"\0", second[:9], bytes(50)):
        with pytest.raises(FormatError, match="damaged"):
            decoder.push(short)
    arrival = decoder.push(third)
    assert arrival.lost == 1 and not arrival.valid.any()
    with pytest.raises(FormatError, match="late"):
        decoder.push(second)


def test_damage_is_refused_and_counts_as_a_loss(codec: str) -> None:
    encoder, decoder = pair(24, codec=codec)
    check_damage(decoder, *send(encoder, neural(60, 24)))


def test_a_damaged_packet_may_come_again() -> None:
    encoder, decoder = pair(24)
    first, second = send(encoder, neural(40, 24))
    decoder.push(first)
    with pytest.raises(FormatError):
        decoder.push(second[:-1])
    assert decoder.push(second).valid.all()


def test_restart(codec: str) -> None:
    encoder, decoder = pair(24, codec=codec)
    x = neural(100, 24)
    sent = send(encoder, x[:40])
    decoder.push(sent[0])
    encoder.restart()
    sent = send(encoder, x[40:])
    assert decoder.push(sent[0]).lost == 1
    assert decoder.push(sent[1]).valid.all()
    decoder.restart()
    late = decoder.push(sent[0])  # any packet may be the first
    assert late.lost == 0 and late.valid.all()
    np.testing.assert_array_equal(late.frames, x[40:60])


def test_another_encoder_is_told() -> None:
    packet = PacketEncoder(24, RATE).push(neural(20, 24))
    for other in (
        PacketDecoder(25, RATE),
        PacketDecoder(24, RATE, key_seconds=1),
        PacketDecoder(24, RATE, "n1_implant"),
    ):
        with pytest.raises(FormatError, match="other settings"):
            other.push(packet)


@pytest.mark.parametrize("codec", ["n1", "n1:profile=none"])
def test_scalar_and_simd_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch, codec: str) -> None:
    x = neural(1000, 44)
    x[300:320, 3] += 1
    x[500:700:50, :8] = np.array([-32768, 32767] * 4)
    encoders = [PacketEncoder(44, RATE, codec, key_seconds=0.02) for _ in range(2)]
    fast = send(encoders[0], x)
    monkeypatch.setattr(packets, "SIMD", 0)
    assert send(encoders[1], x) == fast
    decoder = PacketDecoder(44, RATE, codec, key_seconds=0.02)
    np.testing.assert_array_equal(np.concatenate([decoder.push(packet).frames for packet in fast]), x)


@pytest.mark.parametrize(("channels", "frames", "period"), [(1, 20, 3), (9, 1, 4), (11, 7, 2), (530, 3, 4)])
def test_the_reference_writes_the_same_packets_of_the_implant(channels: int, frames: int, period: int) -> None:
    rng = np.random.default_rng(channels)
    x = neural(5 * frames, channels)
    x[2 * frames, 0] += 1  # no code: the channel is stored
    x[3 * frames : 4 * frames] = rng.integers(-32768, 32768, (frames, channels))  # all are
    encoder = PacketEncoder(channels, RATE, "n1_implant", frames, key_seconds=(period + 0.1) * frames / RATE)
    tables = np.empty(1 << 13, np.uint8)
    length = Kernel("n1c_n1_implant_tables", writes(np.uint8))(tables)
    reference = Packets(tables[:length].tobytes(), channels, frames, period)
    for i, packet in enumerate(send(encoder, x)):
        assert packet == reference.push(x[i * frames : (i + 1) * frames].tolist())


@pytest.mark.parametrize(
    ("channels", "frames", "period"), [(1, 20, 3), (9, 1, 4), (11, 7, 2), (16, 20, 3), (17, 12, 5), (24, 20, 2)]
)
def test_the_reference_writes_the_same_packets_of_n1(channels: int, frames: int, period: int) -> None:
    rng = np.random.default_rng(channels)
    x = neural(6 * frames, channels)
    x[frames, 0] += 1  # no code: the channel is stored, and idle in its group
    x[2 * frames, 1 % channels] += 1  # the one beside it, when the first has just begun anew
    x[3 * frames : 4 * frames] = rng.integers(-32768, 32768, (frames, channels))
    profile = np.empty(1 << 16, np.uint8)
    length = Kernel("n1c_n1_profile", int, writes(np.uint8))(1, profile)
    reference = N1Packets(profile[:length].tobytes(), channels, frames, period)
    encoder = PacketEncoder(channels, RATE, "n1", frames, key_seconds=(period + 0.1) * frames / RATE)
    for i, packet in enumerate(send(encoder, x)):
        assert packet == reference.push(x[i * frames : (i + 1) * frames].tolist()), i
    assert reference.events["tail loses 1 bytes"]
    if channels > 8:
        assert {f"word of lane {lane}" for lane in range(8)} <= set(+reference.events) or frames == 1


def test_packets_of_the_implant_have_carries_of_every_kind() -> None:
    """Through bytes of 0xFF that are pending, and at the end of a section; the byte before a section stays as it is."""
    tables = np.empty(1 << 13, np.uint8)
    length = Kernel("n1c_n1_implant_tables", writes(np.uint8))(tables)
    found = Counter[str]()
    for zeros in (6, 8, 11, 30, 32, 33, 36):
        for frames in (7, 8, 9) if zeros >= 30 else (12,):
            x = neural(2 * frames, 3, zeros)
            reference = Packets(tables[:length].tobytes(), 3, frames, 100)
            encoder = PacketEncoder(3, RATE, "n1_implant", frames, key_seconds=100.1 * frames / RATE)
            decoder = PacketDecoder(3, RATE, "n1_implant", frames, key_seconds=100.1 * frames / RATE)
            for i in range(2):
                reference.aim = (1, zeros)
                rows = x[i * frames : (i + 1) * frames].tolist()
                expected = reference.push(rows)  # which chooses the samples from the second row on
                assert encoder.push(np.array(rows, np.int16)) == expected
                assert decoder.push(expected).frames.tolist() == rows
            found += reference.events
    for what in ("carry", "final carry"):
        runs = [int(event.split()[-1]) for event in found if event.startswith(f"{what} through")]
        assert len(runs) >= 3 and max(runs) >= 5, found


def test_packets_of_one_channel_are_files_of_the_implant_in_pieces() -> None:
    """Restarts apart, the model is that of files: the sizes are, too, beside the heads."""
    x = neural(4000, 1)
    encoder = PacketEncoder(1, RATE, "n1_implant", 100)
    size = sum(len(packet) - 9 - 1 for packet in send(encoder, x))
    whole = len(get_codec("n1_implant").encode(x[:, 0])) - 1
    assert 0 <= size - whole <= 40 * 2


def test_packets_stay_what_they_are(codec: str) -> None:
    rng = np.random.default_rng(5)
    codes = np.clip(512 + rng.integers(-20, 21, (2000, 19)).cumsum(0) // 8, 0, 1023)
    x = ((codes * 65535 - 32768 * 1023) / 1023).astype(np.int16)
    assert zlib.crc32(b"".join(send(PacketEncoder(19, RATE, codec, key_seconds=0.05), x))) == GOLDEN[codec]


GOLDEN = {"n1": 2882780119, "n1_implant": 572688057, "n1:profile=none": 2387796036}


def test_samples_of_any_kind() -> None:
    """Of a microvolt or so, as amplifiers of 16 bits give them."""
    rng = np.random.default_rng(2)
    white = rng.normal(0, 30, (3000, 24)).cumsum(0)
    x = (
        np.round(white - 0.97 * np.roll(white, 1, 0) + rng.normal(0, 10, white.shape))
        .clip(-32768, 32767)
        .astype(np.int16)
    )
    size = sum(map(len, send(PacketEncoder(24, RATE, "n1:profile=none"), x)))
    assert size < x.nbytes / 1.8
    assert size < sum(map(len, send(PacketEncoder(24, RATE), x))) / 1.8


@pytest.fixture
def profile(tmp_path: Path) -> str:
    """Of a converter of 512 codes, every fourth of them narrow, 12 apart."""
    widths = np.where(np.arange(512) % 4, 1.25, 0.25)
    (tmp_path / "my.n1p").write_bytes(untrained()._replace(widths=widths, first=-3072, step=12).to_bytes())
    return f"n1:profile={tmp_path / 'my.n1p'}"


def converted(frames: int, channels: int) -> np.ndarray:
    edges = np.cumsum(np.where(np.arange(512) % 4, 1.25, 0.25))
    level = neural(frames, channels) + 32768.0 + np.random.default_rng(9).uniform(0, 64, (frames, channels))
    codes = np.searchsorted(edges, level / 128)
    return (12 * codes - 3072).astype(np.int16)


def test_profiles(profile: str, tmp_path: Path) -> None:
    x = converted(2000, 20)
    x[[700, 930], [3, 5]] = 32767, -32768  # which the converter has no codes for
    encoder, decoder = pair(20, codec=profile)
    sent = send(encoder, x)
    for i, packet in enumerate(sent):
        arrival = decoder.push(packet)
        assert arrival.valid.all() and np.array_equal(arrival.frames, x[20 * i : 20 * i + 20])
    size = sum(map(len, sent))
    assert size < x.nbytes / 4
    equal = tmp_path / "equal.n1p"
    equal.write_bytes(untrained()._replace(widths=np.ones(512), first=-3072, step=12).to_bytes())
    assert size < 0.98 * sum(map(len, send(PacketEncoder(20, RATE, f"n1:profile={equal}"), x)))


def test_a_decoder_without_the_profile_says_which_is_missing(profile: str, tmp_path: Path) -> None:
    packet = PacketEncoder(20, RATE, profile).push(converted(20, 20))
    name = f"{zlib.crc32((tmp_path / 'my.n1p').read_bytes()):08x}"
    other = tmp_path / "other.n1p"
    other.write_bytes(untrained()._replace(widths=np.ones(512), first=-3072, step=12).to_bytes())
    for spec in ("n1", "n1_implant", f"n1:profile={other}"):
        decoder = PacketDecoder(20, RATE, spec)
        with pytest.raises(UnavailableError, match=name):
            decoder.push(packet)
        with pytest.raises(FormatError, match="damaged"):
            decoder.push(packet[:-1])
    with pytest.raises(FormatError, match="damaged"):
        PacketDecoder(20, RATE, profile).push(packet[:-1])


def test_settings_are_checked() -> None:
    for settings, word in (
        ({"codec": "zstd"}, "does not code packets"),
        ({"codec": "delta|n1"}, "codecs do: packets"),
        ({"frames_per_packet": 0}, "frames per packet"),
        ({"frames_per_packet": 129}, "frames per packet"),
        ({"codec": "n1:profile=nowhere.n1p"}, "nowhere.n1p"),
        ({"key_seconds": 0}, "key_seconds"),
    ):
        with pytest.raises(SpecError, match=word):
            PacketEncoder(8, RATE, **settings)
    with pytest.raises(SpecError, match="channels"):
        PacketEncoder(0, RATE)
    for rate in (0, -1, float("inf"), float("nan")):
        with pytest.raises(SpecError, match="Hz is not allowed"):
            PacketEncoder(8, rate)
    assert PacketEncoder(8, 0.5, frames_per_packet=1, key_seconds=20).key_packets == 10
    with pytest.raises(ValueError, match="shape"):
        PacketEncoder(8, RATE).push(np.zeros((20, 7), np.int16))


def test_latency_command(wav_file: object) -> None:
    done = CliRunner().invoke(command, [str(wav_file), "--channels", "12", "--packets", "30", "--json"])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.output)
    assert set(figures) == {
        "encode", "decode", "ratio", "file_ratio", "overhead", "real_time_factor", "collect_ms", "end_to_end_p99_9_ms",
    }  # fmt: skip
    waits = figures["collect_ms"] + figures["encode"]["p99_9_ms"] + figures["decode"]["p99_9_ms"]
    assert figures["end_to_end_p99_9_ms"] == pytest.approx(waits)
    assert figures["overhead"] == pytest.approx(100 * (figures["file_ratio"] / figures["ratio"] - 1))
    for way in ("encode", "decode"):
        for clock in ("", "wall_"):
            p50, p99, p99_9, most = (figures[way][f"{clock}{key}_ms"] for key in ("p50", "p99", "p99_9", "max"))
            assert 0 < p50 <= p99 <= p99_9 <= most
    text = CliRunner().invoke(command, [str(wav_file), "--channels", "12", "--packets", "30"]).output
    assert "30 packets" in text and "p99.9" in text and "Overhead" in text


def test_latency_compares_with_files_of_the_same_samples() -> None:
    recordings = [neural(300, 1, seed)[:, 0] for seed in (1, 2)]
    encoder, decoder = pair(5, frames_per_packet=10, key_seconds=200 / RATE)
    codec = get_codec("n1")
    result = latency.measure(recordings, encoder, decoder, 40, codec)
    again = np.concatenate([np.roll(recordings[c % 2], -100 * (c // 2))[None] for c in range(5)])
    again = np.concatenate([again, again], axis=1)
    assert result.file_bytes == sum(len(codec.encode(x[a : a + 200].copy())) for x in again for a in (0, 200))
    assert result.file_ratio == result.sample_bytes / result.file_bytes


def test_figures_of_latency() -> None:
    times = np.arange(1, 2001).reshape(1000, 2) * 1_000_000  # CPU 1, 3, ... ms; wall 2, 4, ... ms
    found = latency.Latency(times, 2 * times, 1000, 800, 4000, 6000.0, 0, 0.5)
    figures = found.as_dict()
    expected = {"p50_ms": 1001, "p99_ms": 1981, "p99_9_ms": 1999, "max_ms": 1999}
    walls = {f"wall_{name}": value + 1 for name, value in expected.items()}
    assert figures["encode"] == pytest.approx(expected | walls)
    assert figures["decode"] == pytest.approx({name: 2 * value for name, value in (expected | walls).items()})
    assert (found.ratio, found.file_ratio, found.overhead) == (4, 5, 25)
    assert found.real_time_factor == pytest.approx(6000 / 3000)
    assert found.end_to_end_ms == 0.5 + 1999 + 3998


def test_recordings_as_channels() -> None:
    """Of two recordings, five channels begin at their first frames, a third further on, and two thirds."""
    one, two = np.arange(9, dtype=np.int16), np.arange(100, 130, dtype=np.int16)
    source = latency.Channels([one, two], 5)
    frames = source.frames(0, 31)
    assert frames[0].tolist() == [0, 100, 3, 110, 6]
    assert frames[:10, 2].tolist() == [3, 4, 5, 6, 7, 8, 0, 1, 2, 3]
    assert frames[-1].tolist() == [3, 100, 6, 110, 0]
    for channel in range(5):
        assert source.channel(channel, 7, 31).tolist() == frames[7:, channel].tolist()


def test_what_latency_times(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"cpu": 0, "wall": 0}

    def taking(cpu: int, wall: int, push: Callable[..., object]) -> Callable[..., object]:
        def pushed(link: object, data: object) -> object:
            now["cpu"] += cpu
            now["wall"] += wall
            return push(link, data)

        return pushed

    monkeypatch.setattr(latency, "thread_time_ns", lambda: now["cpu"])
    monkeypatch.setattr(latency, "perf_counter_ns", lambda: now["wall"])
    monkeypatch.setattr(PacketEncoder, "push", taking(3, 5, PacketEncoder.push))
    monkeypatch.setattr(PacketDecoder, "push", taking(7, 11, PacketDecoder.push))
    encoder, decoder = pair(2, frames_per_packet=10)
    steps: list[int] = []
    result = latency.measure([neural(300, 1, 1)[:, 0]], encoder, decoder, 4, get_codec("n1"), lambda: steps.append(1))
    assert result.encode.tolist() == [[3, 5]] * 4 and result.decode.tolist() == [[7, 11]] * 4
    assert (result.sample_bytes, result.seconds, result.state_bytes) == (160, 40 / RATE, encoder.state_bytes)
    assert len(steps) == 4 + 2
