"""Open Ephys' binary format: record nodes, single recordings, single files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recording_files import OPEN_EPHYS, open_ephys, walks

from n1codec.codec import CodecError
from n1codec.recordings import UnknownFormat, open_recording, open_source

SETTINGS = """<?xml version="1.0"?><SETTINGS><SIGNALCHAIN>
<PROCESSOR name="Neuropix-PXI" nodeId="100">
{}
</PROCESSOR><PROCESSOR name="Other" nodeId="7"><NP_PROBE num_adcs="24"/></PROCESSOR></SIGNALCHAIN></SETTINGS>"""


def probe(adcs: int, channels: int, **attributes: str) -> str:
    said = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    across = " ".join(f'CH{n}="{10 * n}"' for n in range(channels))
    along = " ".join(f'CH{n}="{20 * n}.5"' for n in reversed(range(channels)))
    return f'<NP_PROBE num_adcs="{adcs}" {said}><ELECTRODE_XPOS {across}/><ELECTRODE_YPOS {along}/></NP_PROBE>'


def test_a_record_node_is_one_source(tmp_path: Path) -> None:
    node = tmp_path / "Record Node 104"
    ap, lfp = walks(700, 4), walks(60, 4, 2)
    recording = open_ephys(
        node / "experiment1" / "recording1", {"P-AP": ap, "P-LFP": lfp}, names=["A", "B", "C", "SYNC"]
    )
    (node / "settings.xml").write_text(SETTINGS.format(probe(32, 3)))
    events = recording / "events" / "P-AP" / "TTL"
    events.mkdir(parents=True)
    np.save(events / "timestamps.npy", np.linspace(0, 1, 800))
    np.save(events / "text.npy", np.array(["words"] * 900))
    np.save(events / "few.npy", np.arange(10))
    source = open_source(node)
    assert source.folder and source.name == "Record Node 104"
    offered = {name for name, one in source.streams.items() if not one.auxiliary}
    assert offered == {"P-AP", "P-LFP"}
    inside = "experiment1/recording1"
    assert set(source.streams) - offered == {
        f"{inside}/continuous/P-AP/sample_numbers.npy", f"{inside}/events/P-AP/TTL/timestamps.npy"
    }  # fmt: skip
    found = source.stream("P-AP")
    assert np.array_equal(found.read(), ap) and found.rate == 30000 and found.channel_names == ("A", "B", "C", "SYNC")
    assert found.sync == (3,) and found.gains is not None and np.allclose(found.gains, [0.195] * 3 + [1])
    assert found.converters is not None and list(found.converters) == [0, 1, 0, -1]
    assert found.geometry is not None and found.geometry[:3].tolist() == [[0, 0.5], [10, 20.5], [20, 40.5]]
    with pytest.raises(CodecError, match="several streams: P-AP, P-LFP"):
        source.stream()
    for file in source.files:
        samples = source.streams[file.stream].read() if file.channels else np.zeros((0, 1), np.int16)
        whole = bytes(file.prefix) + bytes(file.form.pack(samples)) + bytes(file.suffix)
        assert whole == (node / file.name).read_bytes()
    assert len(source.files) == sum(path.is_file() for path in node.rglob("*"))


def test_names_are_as_short_as_they_can_be(tmp_path: Path) -> None:
    for experiment, number in ((1, 1), (1, 2), (2, 1)):
        open_ephys(tmp_path / f"experiment{experiment}" / f"recording{number}", {"P": walks(10, 2)})
    open_ephys(tmp_path / "experiment3" / "recording3", {"P": walks(10, 2), "Q": walks(10, 2)})
    names = set(open_source(tmp_path).streams)
    assert names == {"experiment1/recording1/P", "recording2/P", "experiment2/recording1/P", "recording3/P", "Q"}
    assert set(open_source(tmp_path / "experiment1").streams) == {"recording1/P", "recording2/P"}
    assert set(open_source(tmp_path / "experiment1" / "recording1").streams) == {"P"}


def test_a_single_file_is_a_recording_of_its_own(tmp_path: Path) -> None:
    samples = walks(50, 3)
    recording = open_ephys(tmp_path / "experiment1" / "recording1", {"P": samples}, units="V")
    path = recording / "continuous" / "P" / "continuous.dat"
    source = open_source(path)
    assert [file.name for file in source.files] == ["continuous.dat"] and not source.folder
    found = open_recording(path)
    assert np.array_equal(found.read(), samples) and found.gains is not None and found.gains[0] == 0.195e6
    (recording / "continuous" / "Q").mkdir()
    stray = recording / "continuous" / "Q" / "continuous.dat"
    stray.write_bytes(b"\0\0")
    with pytest.raises(UnknownFormat, match=r"structure\.oebin does not know it"):
        open_source(stray)
    (tmp_path / "continuous.dat").write_bytes(b"\0\0")
    with pytest.raises(UnknownFormat, match="no reader understands it"):
        open_source(tmp_path / "continuous.dat")


@pytest.mark.parametrize(
    ("settings", "converters"),
    [
        (SETTINGS.format(probe(24, 3)), [0, 1, 0]),
        (SETTINGS.format(probe(32, 3) + probe(24, 3)), [0, 1, 0]),
        (SETTINGS.format(probe(32, 3, custom_probe_name="Left") + probe(24, 3)), None),
        (SETTINGS.format(""), None),
        (SETTINGS.format('<NP_PROBE num_adcs="many"/>'), None),
        ("<SETTINGS>", None),
        (None, None),
    ],
)
def test_the_probe_of_a_stream(tmp_path: Path, settings: str | None, converters: list[int] | None) -> None:
    name = "Right-AP" if settings and "Left" in settings else "ProbeB-AP"
    open_ephys(tmp_path / "experiment2" / "recording1", {name: walks(50, 3)})
    if settings is not None:
        (tmp_path / "settings_2.xml").write_text(settings)
    found = open_recording(tmp_path)
    assert (None if found.converters is None else list(found.converters)) == converters
    assert (found.geometry is None) == (converters is None)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"continuous": 5}', '{"continuous": [{}]}'])
def test_a_damaged_structure_is_told(tmp_path: Path, text: str) -> None:
    recording = open_ephys(tmp_path / "recording1", {"P": walks(50, 3)})
    (recording / "structure.oebin").write_text(text)
    for place in (tmp_path, recording / "continuous" / "P" / "continuous.dat"):
        with pytest.raises(UnknownFormat, match=r"structure\.oebin is damaged"):
            open_source(place)


@pytest.mark.parametrize("about", [{"num_channels": 0}, {"num_channels": "x"}, {"sample_rate": -1.0}, {"channels": 5}])
def test_a_structure_that_makes_no_sense_is_told(tmp_path: Path, about: dict[str, object]) -> None:
    open_ephys(tmp_path / "recording1", {"P": walks(50, 3)}, **about)
    with pytest.raises(UnknownFormat, match=r"its structure\.oebin"):
        open_source(tmp_path)


def test_channels_of_no_scale_are_samples_all_the_same(tmp_path: Path) -> None:
    samples = walks(50, 1)
    channel = {"channel_name": "A", "bit_volts": float("inf")}
    open_ephys(tmp_path / "recording1", {"P": samples}, channels=[channel])
    found = open_recording(tmp_path)
    assert np.array_equal(found.read(), samples) and found.gains is None


def test_the_real_record_node() -> None:
    if not OPEN_EPHYS.exists():
        pytest.skip("the real recordings are not here")
    source = open_source(OPEN_EPHYS)
    found = source.stream()
    assert found.stream == "Neuropix-PXI-100.ProbeA-AP" and found.shape == (1000, 385) and found.sync == (384,)
    assert sum(one.auxiliary for one in source.streams.values()) == 8 and len(source.files) == 13
    assert found.converters is not None and len(set(found.converters)) == 33
    assert found.geometry is not None and len(np.unique(found.geometry[:384], axis=0)) == 384
    alone = open_recording(OPEN_EPHYS / "experiment1/recording1/continuous" / found.stream / "continuous.dat")
    assert np.array_equal(alone.read(), found.read()) and alone.channel_names == found.channel_names
