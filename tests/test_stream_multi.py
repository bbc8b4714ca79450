"""Packets of n1_multi: round trips, losses, damage, the reference, and the same bytes with and without AVX2."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from click.testing import CliRunner
from n1_stream_multi_reference import Packets, places
from test_multi import probe
from test_multi_golden import noise
from test_stream import check_damage

from n1codec import n1_mapping
from n1codec.cli.latency import command
from n1codec.codec import FormatError, SpecError, UnavailableError
from n1codec.pipeline import get_codec
from n1codec.stream import PacketDecoder, PacketEncoder, latency, packets

RATE = 30000
FRAMES = 30
GOLDEN = Path(__file__).parent / "golden" / "packets-n1_multi.payload"


def write_profile(path: Path, x: np.ndarray, converters: np.ndarray | None = None) -> str:
    """Write a profile of samples; return the spec of the codec that has it."""
    coder = get_codec("n1_multi").model_coder
    assert coder
    path.write_bytes(coder.profile_of(np.ascontiguousarray(x), converters))
    return f'n1_multi:profile="{path}"'


def pair(spec: str, channels: int, frames: int = FRAMES, period: int = 1000) -> tuple[PacketEncoder, PacketDecoder]:
    settings = (channels, RATE, spec, frames, (period + 0.1) * frames / RATE)
    return PacketEncoder(*settings), PacketDecoder(*settings)


def send(encoder: PacketEncoder, x: np.ndarray) -> list[bytes]:
    size = encoder.frames_per_packet
    return [encoder.push(x[i : i + size]) for i in range(0, len(x) - size + 1, size)]


SHAPES = [(1, 20), (2, 1), (15, 3), (16, 7), (17, 30), (40, 16), (127, 5), (130, 17), (385, 30), (520, 8), (24, 128)]


@pytest.mark.parametrize(("channels", "frames"), SHAPES)
def test_round_trip(channels: int, frames: int, tmp_path: Path) -> None:
    x = probe(max(5 * frames, 200), channels)
    encoder, decoder = pair(write_profile(tmp_path / "a.n1p", x), channels, frames, 3)
    for i, packet in enumerate(send(encoder, x)):
        arrival = decoder.push(packet)
        assert arrival.lost == 0 and arrival.valid.all()
        np.testing.assert_array_equal(arrival.frames, x[i * frames : (i + 1) * frames])


@pytest.mark.parametrize(("channels", "frames"), [(1, 5), (17, 4), (35, 6), (522, 2)])
def test_the_reference_decodes_the_same(channels: int, frames: int, tmp_path: Path) -> None:
    x = probe(max(7 * frames, 300), channels)
    spec = write_profile(tmp_path / "a.n1p", x, np.arange(channels) % 2)
    x = x[: 7 * frames].copy()
    x[frames, 0] = 32767  # beyond all codes: the channel is stored
    x[5 * frames :, channels // 2] = -32768
    x[3 * frames : 4 * frames] = np.random.default_rng(1).integers(-32768, 32768, (frames, channels))  # all are
    encoder, decoder = pair(spec, channels, frames, 3)
    reference = Packets((tmp_path / "a.n1p").read_bytes(), channels, frames, 3)
    for i, packet in enumerate(send(encoder, x)):
        np.testing.assert_array_equal(reference.pull(packet), x[i * frames : (i + 1) * frames])
        np.testing.assert_array_equal(decoder.push(packet).frames, x[i * frames : (i + 1) * frames])
    sections = 1 + (channels > 512)
    assert reference.events["restarts"] >= 3 * sections
    assert reference.events["all stored"] and (reference.events["stored"] or channels == 1)


@pytest.mark.parametrize("kind", ["steps", "codes of n1"])
def test_other_mappings(kind: str, tmp_path: Path) -> None:
    x = probe(300, 20)
    if kind == "steps":
        x = np.floor(x // 2 * 4.6875 + np.arange(20) * 7).astype(np.int16)
    else:
        x = n1_mapping.values()[np.clip(x + 512, 0, 1023)].astype(np.int16)
    spec = write_profile(tmp_path / "a.n1p", x)
    reference = Packets((tmp_path / "a.n1p").read_bytes(), 20, 6, 1000)
    assert all(channel.step for channel in reference.model.channels)
    x = x[:60].copy()
    x[20, 3] += 1
    encoder, decoder = pair(spec, 20, 6)
    for i, packet in enumerate(send(encoder, x)):
        np.testing.assert_array_equal(reference.pull(packet), x[6 * i : 6 * i + 6])
        np.testing.assert_array_equal(decoder.push(packet).frames, x[6 * i : 6 * i + 6])
    assert reference.events["stored"] == 1


def test_packets_are_little_larger_than_files(tmp_path: Path) -> None:
    x = probe(24_000, 64)
    spec = write_profile(tmp_path / "a.n1p", x[:12_000])
    encoder, _ = pair(spec, 64)
    size = sum(map(len, send(encoder, x[12_000:])))
    # A packet of 64 channels has eight states and a head: 65 bytes.
    assert size - 400 * 65 < 1.03 * len(get_codec(spec).encode(x[12_000:]))


def test_neighbours_come_before() -> None:
    """Channels of a row know nothing of each other; all are there, each row a comb."""
    for channels in (1, 2, 15, 16, 17, 100, 127, 128, 129, 385, 511, 512):
        order = places(0, channels)
        assert sorted(place.channel for place in order) == list(range(channels))
        assert max(np.bincount([place.row for place in order])) <= 16


@pytest.mark.parametrize("kind", ["noise", "constant", "rails", "some"])
def test_any_samples_come_back_and_hardly_grow(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    good = probe(600, 21)
    noise = rng.integers(-32768, 32768, good.shape).astype(np.int16)
    x = {
        "noise": noise,
        "constant": np.full_like(noise, 777),
        "rails": np.where(noise > 0, 32767, -32768).astype(np.int16),
        "some": np.where(np.arange(21) % 5 == 2, noise, good),
    }[kind]
    encoder, decoder = pair(write_profile(tmp_path / "a.n1p", good), 21, 20, 7)
    for i, packet in enumerate(send(encoder, x)):
        assert len(packet) <= 2 * 20 * 21 + 13 + 4 + 4 * 21
        np.testing.assert_array_equal(decoder.push(packet).frames, x[20 * i : 20 * i + 20])


def test_a_loss_lasts_until_the_next_restart(tmp_path: Path) -> None:
    channels = 530
    x = probe(800, channels)
    encoder, decoder = pair(write_profile(tmp_path / "a.n1p", x), channels, 20, 20)
    valid = []
    for i, packet in enumerate(send(encoder, x)):
        if i in (5, 6):
            continue
        arrival = decoder.push(packet)
        assert arrival.lost == (2 if i == 7 else 0)
        good = arrival.valid
        np.testing.assert_array_equal(arrival.frames[:, good], x[20 * i : 20 * i + 20][:, good])
        assert not arrival.frames[:, ~good].any()
        valid.append(int(good.sum()))
    assert valid[:5] == [channels] * 5 and valid[5:8] == [0] * 3 and valid[8] == channels - 272
    assert set(valid[18:]) == {channels}


def test_damage_is_refused_and_counts_as_a_loss(tmp_path: Path) -> None:
    x = probe(400, 24)
    encoder, decoder = pair(write_profile(tmp_path / "a.n1p", x), 24)
    check_damage(decoder, *send(encoder, x[:90]))


def forged(packet: bytes, body: bytes, channels: int, frames: int, period: int) -> bytes:
    """Return a packet with other sections and the checksum that fits them."""
    seed = zlib.crc32(b"".join(n.to_bytes(8, "little") for n in (channels, frames, period)))
    whole = packet[9:13] + body
    return packet[:5] + zlib.crc32(whole, zlib.crc32(packet[:5], seed)).to_bytes(4, "little") + whole


@pytest.mark.parametrize("simd", [0, 1])
def test_forged_packets_are_refused(simd: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a checksum that fits: bytes that no encoder writes leave the decoder without its channels, and no worse."""
    monkeypatch.setattr(packets, "SIMD", simd)
    x = probe(400, 24)
    encoder, decoder = pair(write_profile(tmp_path / "a.n1p", x), 24)
    packet = encoder.push(x[:FRAMES])
    assert forged(packet, packet[13:], 24, FRAMES, 1000) == packet
    rng = np.random.default_rng(2)
    refused = 0
    for _ in range(400):
        body = bytearray(packet[13:])
        for place in rng.integers(len(body), size=rng.integers(1, 4)):
            body[place] = rng.integers(256)
        try:
            decoder.restart()
            decoder.push(forged(packet, bytes(body[: rng.integers(len(body) + 1)]), 24, FRAMES, 1000))
        except FormatError:
            refused += 1
    assert refused >= 390
    decoder.restart()
    np.testing.assert_array_equal(decoder.push(packet).frames, x[:FRAMES])


def test_restart(tmp_path: Path) -> None:
    x = probe(400, 24)
    encoder, decoder = pair(write_profile(tmp_path / "a.n1p", x), 24)
    sent = send(encoder, x[:60])
    decoder.push(sent[0])
    encoder.restart()
    sent = send(encoder, x[60:120])
    assert decoder.push(sent[0]).lost == 1
    assert decoder.push(sent[1]).valid.all()
    decoder.restart()
    np.testing.assert_array_equal(decoder.push(sent[0]).frames, x[60:90])  # any packet may be the first


def test_scalar_and_simd_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    x = probe(3000, 150, scale=60)
    spec = write_profile(tmp_path / "a.n1p", x, np.arange(150) % 5)
    monkeypatch.setattr(packets, "SIMD", 0)
    write_profile(tmp_path / "b.n1p", x, np.arange(150) % 5)
    assert (tmp_path / "a.n1p").read_bytes() == (tmp_path / "b.n1p").read_bytes()
    x[300:330, 3] = 32767
    x[500:700:50, :8] *= 30
    plain, decoder = pair(spec, 150, period=20)
    sent = send(plain, x)
    np.testing.assert_array_equal(np.concatenate([decoder.push(packet).frames for packet in sent]), x)
    monkeypatch.setattr(packets, "SIMD", 1)
    fast, decoder = pair(spec, 150, period=20)
    assert send(fast, x) == sent
    np.testing.assert_array_equal(np.concatenate([decoder.push(packet).frames for packet in sent]), x)


def golden_samples() -> np.ndarray:
    own, common = noise(2000, 40, 1), noise(2000, 1, 2)
    x = (own + np.roll(own, 1, axis=0) + np.roll(own, 1, axis=1) + common) >> 3
    x[50, 7] = 30000
    return x.astype(np.int16)


def write_missing() -> None:
    """Write the golden file unless it is there: a profile, then packets, each behind its length (u16)."""
    if not GOLDEN.exists():
        x = golden_samples()
        with TemporaryDirectory() as folder:
            path = Path(folder) / "a.n1p"
            encoder, _ = pair(write_profile(path, x[200:], np.arange(40) % 3), 40, 20, 4)
            parts = [path.read_bytes(), *send(encoder, x[:200])]
        GOLDEN.write_bytes(b"".join(len(part).to_bytes(2, "little") + part for part in parts))


@pytest.mark.parametrize("simd", [0, 1])
def test_packets_stay_what_they_are(simd: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packets, "SIMD", simd)
    data, parts = GOLDEN.read_bytes(), []
    while data:
        end = 2 + int.from_bytes(data[:2], "little")
        parts.append(data[2:end])
        data = data[end:]
    x = golden_samples()[:200]
    (tmp_path / "a.n1p").write_bytes(parts[0])
    encoder, decoder = pair(f"n1_multi:profile={tmp_path / 'a.n1p'}", 40, 20, 4)
    np.testing.assert_array_equal(np.concatenate([decoder.push(packet).frames for packet in parts[1:]]), x)
    assert send(encoder, x) == parts[1:]
    if simd:
        reference = Packets(parts[0], 40, 20, 4)
        np.testing.assert_array_equal(np.concatenate([reference.pull(packet) for packet in parts[1:]]), x)


def test_the_profile_must_be_of_the_channels(tmp_path: Path) -> None:
    spec = write_profile(tmp_path / "a.n1p", probe(200, 24))
    with pytest.raises(SpecError, match="packets need a profile of 25 channels"):
        PacketEncoder(25, RATE, spec)
    with pytest.raises(SpecError, match=r"packets need a profile of the probe.*n1_multi:profile=FILE\.n1p"):
        PacketEncoder(24, RATE, "n1_multi")
    whole = (tmp_path / "a.n1p").read_bytes()
    for bad in (whole[:4], whole[:5], whole[:200], whole[:-400], whole[:4] + b"\xff" + whole[5:]):
        (tmp_path / "bad.n1p").write_bytes(bad)
        with pytest.raises(SpecError, match="packets need a profile of 24 channels"):
            PacketEncoder(24, RATE, f"n1_multi:profile={tmp_path / 'bad.n1p'}")


def test_a_decoder_without_the_profile_says_which_is_missing(tmp_path: Path) -> None:
    x = probe(200, 24)
    packet = PacketEncoder(24, RATE, write_profile(tmp_path / "a.n1p", x)).push(x[:20])
    other = write_profile(tmp_path / "b.n1p", x[50:])
    for spec, advice in ((other, "n1_multi:profile="), ("n1", "n1p file")):
        with pytest.raises(UnavailableError, match=f"{zlib.crc32((tmp_path / 'a.n1p').read_bytes()):08x}.*{advice}"):
            PacketDecoder(24, RATE, spec).push(packet)


def test_latency_compares_with_files_of_all_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = probe(900, 6)
    spec = write_profile(tmp_path / "a.n1p", x)
    encoder, decoder = pair(spec, 6, period=20)
    monkeypatch.setattr(latency, "MOST_SAMPLES", 450 * 6)
    result = latency.measure(list(x.T), encoder, decoder, 30, get_codec(spec))
    assert result.file_bytes == sum(len(get_codec(spec).encode(x[i : i + 450])) for i in (0, 450))
    x.tofile(tmp_path / "x.bin")
    options = [
        str(tmp_path / "x.bin"),
        "--channels",
        "6",
        "--rate",
        "30000",
        "--as-channels",
        "6",
        "--packets",
        "20",
        "--json",
    ]
    done = CliRunner().invoke(command, [*options, "--codec", spec])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["ratio"] > 1
