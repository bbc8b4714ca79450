"""Other people's codecs beside the bases: what they take, what they promise, and what their crashes cost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_bases import folder, pink  # noqa: F401

from n1codec.lossy import bases, peers
from n1codec.lossy.peers import PEERS, Lost, Point


def channel(frames: int = 20_000, seed: int = 0) -> bases.Signal:
    x = pink(frames, seed) + 500
    return bases.Signal(f"{seed}.wav", x, 20_000, float(np.ptp(x)))


def there(name: str) -> None:
    if gone := peers.missing([name]):
        assert not os.environ.get("N1_REQUIRE_ALL"), gone
        pytest.skip(f"{PEERS[name].needs} is not installed")


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_gives_back_the_signal(name: str) -> None:
    there(name)
    signal, peer = channel(), PEERS[name]
    fine, coarse = (peers.measure(name, setting, signal) for setting in (min(peer.settings), max(peer.settings)))
    if peer.parameter in ("bps", "bpp", "kbit"):  # the more, the better
        fine, coarse = coarse, fine
    assert fine.bits > coarse.bits
    assert fine.snr_db > coarse.snr_db + 3
    assert 0 < fine.bits < 16
    assert fine.snr_db > (10 if name == "opus" else 17)  # Opus leaves out what is slow
    if peer.bounded:
        assert (fine.largest, coarse.largest) == (min(peer.settings), max(peer.settings))


def test_bytes_are_those_that_are_written() -> None:
    from n1codec import encode

    signal = channel()
    point = peers.measure("round|n1", 2, signal)
    blob = encode((signal.codes - signal.codes.min()).astype(np.uint16), "round:error=2|n1", rate=signal.rate)
    assert point.bits == pytest.approx(8 * (len(blob) + 4) / signal.codes.size)


def test_a_bound_that_is_not_kept_is_no_point(monkeypatch: pytest.MonkeyPatch) -> None:
    def off(codes: np.ndarray, rate: float, setting: float) -> tuple[bytes, Callable[[], np.ndarray]]:
        return b"x", lambda: codes + (np.arange(codes.size) == 7) * 3

    monkeypatch.setitem(PEERS, "off", peers.Peer("error", (2.0, 3.0), off, bounded=True))
    with pytest.raises(Lost, match="off by 3, where 2 was promised"):
        peers.measure("off", 2, channel())
    assert peers.measure("off", 3, channel()).largest == 3
    monkeypatch.setitem(PEERS, "off", peers.Peer("x", (2.0,), lambda codes, *_: (b"", lambda: codes[1:])))
    with pytest.raises(Lost, match="19999 samples came back of 20000"):
        peers.measure("off", 2, channel())


def _dies(pipe: Any, name: str) -> None:
    """Serve like a peer that kills its process at setting 4, hangs at 8, and raises at 16."""
    while True:
        setting, _ = pipe.recv()
        if setting == 4:
            os._exit(3)
        if setting != 8:
            pipe.send("no such luck" if setting == 16 else (setting, 0.0, 0.0, 0.0, 0.0, 0.0))


def test_a_crash_costs_one_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(peers, "_serve", _dies)
    monkeypatch.setattr(peers, "PATIENCE", 20.0)
    lost: list[str] = []
    signals, log = [channel(5000)], tmp_path / "log.csv"
    monkeypatch.setitem(PEERS, "jpegls", PEERS["jpegls"]._replace(settings=(1.0, 4.0, 2.0, 16.0, 3.0)))
    found = peers.run(signals, ["jpegls"], 1, log=log, lost=lost.append)
    assert {setting: points[0].bits for (_, setting), points in found.items()} == {1: 1, 2: 2, 3: 3}
    assert lost == [
        "jpegls:near=4 of 0.wav: its process died (exit code 3)",
        "jpegls:near=16 of 0.wav: no such luck",
    ]
    monkeypatch.setattr(peers, "PATIENCE", 0.01)
    worker = peers.Worker("jpegls")
    with pytest.raises(Lost, match=r"more than 0\.01 seconds"):
        worker.measure(8, signals[0])
    worker.close()

    text = log.read_text()
    log.write_text(text[: len(text) - 3])  # a kill cut the last line off
    monkeypatch.setattr(peers, "PATIENCE", 20.0)
    again = peers.run(signals, ["jpegls"], 1, log=log)
    assert again == found
    assert log.read_text() == text


def _point(bits: float, snr: float, largest: float = 1.0) -> Point:
    return Point(bits, snr, np.nan, largest, 1.0, 2.0)


def test_tables_of_points() -> None:
    signals = [channel(20_000), channel(10_000, 1)]
    found = {
        ("round|n1_multi", 1.0): {0: _point(3, 28), 1: _point(6, 30)},
        ("jpegls", 1.0): {0: _point(4, 28), 1: _point(4, 30)},
        ("jpegls", 2.0): {0: _point(2, 22), 1: _point(2, 30, 0.0)},
        ("sz3", 1.0): {0: _point(4, 28)},
        ("wavpack", 2.0): {0: _point(2, 22), 1: _point(4, 24)},
        ("wavpack", 4.0): {0: _point(8, 34), 1: _point(16, 36)},
    }
    lines = {line["basis"]: line for line in peers.table(signals, found)}
    assert lines["round:error=1|n1_multi"]["ratio"] == pytest.approx(16 / 4)  # 20000 samples of 3 bits, 10000 of 6
    assert lines["round:error=1|n1_multi"]["snr_db"] == 29
    assert lines["round:error=1|n1_multi"]["gap_db"] == lines["round:error=1|n1_multi"]["bound_db"] - 29
    assert lines["jpegls:near=1"]["encode_xrt"] == pytest.approx(1.5 / 2)
    assert lines["jpegls:near=1"]["decode_xrt"] == pytest.approx(1.5 / 4)
    assert lines["jpegls:near=1"]["snr_spike_db"] is None
    assert (lines["jpegls:near=2"]["snr_db"], lines["jpegls:near=2"]["largest_error"]) == (None, 1)
    assert lines["sz3:error=1"]["files"] == 1
    (equal, *_) = peers.near_lossless(signals, found)
    assert equal["round|n1_multi"] == pytest.approx(4)
    assert "sz3" not in equal  # it has a point of one of them alone
    assert equal["wavpack_snr"] == pytest.approx(16 * 30_000 / (20_000 * 4 + 10_000 * 8))  # half way, dB and log bits
    assert equal["wavpack_error"] == pytest.approx(16 * 30_000 / (20_000 * 2 + 10_000 * 4))
    text = peers.as_text(list(lines.values()), [equal])
    assert any(line.startswith("jpegls:near=1 ") for line in text)
    assert "wavpack_error" in text[-2]
    found["wavpack", 2.0][1] = _point(4, 31, 2.0)  # it is better than needed, and its error is larger
    (equal, *_) = peers.near_lossless(signals, found)
    assert equal["wavpack_snr"] == pytest.approx(16 * 30_000 / (20_000 * 4 + 10_000 * 4))
    assert equal["wavpack_error"] == pytest.approx(16 * 30_000 / (20_000 * 2 + 10_000 * 16))
    found["wavpack", 4.0][1] = _point(16, 36, 2.0)
    assert "wavpack_error" not in peers.near_lossless(signals, found)[0]


@pytest.mark.slow
def test_the_command_with_peers(
    folder: Path,  # noqa: F811
    tmp_path: Path,
    run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(peers, "find_spec", lambda name: None if name in ("av", "wavpack_numcodecs") else real(name))
    out = tmp_path / "out"
    options = ("--bases", "mdct256", "--ratio", "8", "--jobs", 2, "--peers", "--out", out)
    done = run("n1codec", "bases", folder, *options, "--json")
    assert done.returncode == 0, done.stderr
    assert "left out: opus (pip install 'n1codec[audio]'" in done.stderr
    assert "left out: wavpack (pip install 'n1codec[wavpack]'" in done.stderr
    lines = json.loads(done.stdout)
    assert len({tuple(line) for line in lines}) == 1
    by = {line["basis"]: line for line in lines}
    assert by["mdct256"]["ratio"] == 8
    assert by["round:error=2|n1"]["files"] == 3
    if not peers.missing(["sz3"]):
        assert by["jpegls:near=2"]["ratio"] > 3
        assert "points of peers" not in done.stderr
    assert "## At equal errors" in (out / "README.md").read_text()
    assert "largest_error" in (out / "peers.csv").read_text()
    log = (out / ".peers.csv").read_text()
    again = run("n1codec", "bases", folder, *options)
    assert (out / ".peers.csv").read_text() == log
    assert "Ratios at equal largest errors" in again.stdout
