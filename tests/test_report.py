"""The HTML report: whole in itself, honest about hostile names, and alive in a real browser."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import signal, stored
from test_plots import FAMILIES, results

from n1codec.bench.results import store, summary
from n1codec.codec import CodecError
from n1codec.datasets import dataset
from n1codec.recordings import wav
from n1codec.report import analyse, html

Run = Callable[..., subprocess.CompletedProcess[str]]

HOSTILE = ("</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a|b&amp;<b>c", "{{data}}", "$&\\1")


class Page(HTMLParser):
    """Checks that elements are closed in order, and collects what a test asks for."""

    VOID = ("meta", "link", "input", "wbr", "path", "br", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.data = self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        self.ids += [value or "" for key, value in attrs if key == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, key, value or "") for key, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"] and not self.data:
            self.data = data
        if self.open[-1:] not in (["script"], ["style"]):
            self.text += data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Results of 30 codecs, some of whose names are no good, with peers and statistics of three recordings."""
    names = [*HOSTILE, *(f"remap|delta|zigzag|planes|codec_{i}:level=12" for i in range(25))]
    made = results(tmp_path / "results" / "some", 30, specs=names)
    peers = [("best </td><script>x</script>", 3), ("other", 1)]
    rows = "".join(f"{name},4,{times * 1000},1000\n" for name, times in peers)
    (made / "peers.csv").write_text(f"peer,files,original_bytes,compressed_bytes\n{rows}")
    recordings = tmp_path / "made up"
    recordings.mkdir()
    for i in range(4):
        (recordings / f"{i}.wav").write_bytes(wav.write(signal(3000, seed=i), 19531))
    found = dataset.describe(recordings)._replace(name="made up")
    assert analyse.save(made, found, 1, lambda name, share: None) == made / "stats.json"
    return made


def test_page_is_whole_in_itself(folder: Path) -> None:
    text = html.render(folder)
    page = Page(text)
    for tag, key, value in page.attributes:
        assert not key.startswith("on"), (tag, key)
        if key in ("src", "href", "action", "data", "srcset"):
            assert value.startswith("#") or value == "data:,", (tag, value)
        if (tag, key) == ("meta", "content") and "src" in value:
            assert value.startswith("default-src 'none'")
    assert len(page.ids) == len(set(page.ids))
    assert {value[1:] for _, key, value in page.attributes if key == "href" and len(value) > 1 and value[0] == "#"} <= {
        *page.ids
    }
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert html.render(folder) == text


def test_the_browser_runs_the_script_of_the_report_and_no_other(folder: Path) -> None:
    text = html.render(folder)
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    script = text.rpartition("<script>")[2].partition("</script>")[0]
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["script-src"] == f"'sha256-{allowed}'"
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert not {"connect-src", "frame-src", "media-src"} & rules.keys()


def test_names_are_text_wherever_they_come_from(folder: Path) -> None:
    page = Page(html.render(folder))
    for name in (*HOSTILE, "best </td><script>x</script>"):
        assert name in page.text
    found = json.loads(page.data)
    assert {codec["mode"] for codec in found["codecs"]} >= set(HOSTILE)
    assert html.embedded("</script><!--&") == '"\\u003c/script\\u003e\\u003c!--\\u0026"'


def test_page_has_what_the_store_has(folder: Path) -> None:
    page = Page(html.render(folder))
    found = json.loads(page.data)
    table = summary.read(folder)
    good = table[table["status"] == "ok"]
    assert {c["spec"]: c["ratio"] for c in found["codecs"]} == pytest.approx(
        dict(zip(good["spec"], good["compression_ratio"], strict=True)), rel=1e-11
    )
    assert [c["ratio"] for c in found["codecs"]] == sorted((c["ratio"] for c in found["codecs"]), reverse=True)
    rows = [row for row in stored(folder / store.FILE) if row["file"]]
    index = {codec["spec"]: i for i, codec in enumerate(found["codecs"])}
    for row in rows:
        sizes = np.frombuffer(base64.b64decode(found["sizes"][index[row["spec"]]]), "<u4")
        assert sizes[found["files"].index(row["file"])] == int(row["compressed_bytes"])
    originals = np.frombuffer(base64.b64decode(found["originals"]), "<u4")
    assert originals.tolist() == [200_000] * 4
    assert {f["name"] for f in found["families"]} == set(FAMILIES)
    assert len({(f["colour"], f["shape"]) for f in found["families"]}) == len(FAMILIES)
    assert found["peer"]["ratio"] == 3
    assert {c["memory"] for c in found["codecs"]} == {1e6 * (i + 1) for i in range(30)}
    assert "memory" in page.text and "instr." not in page.text  # nobody counted instructions
    assert "absent" in page.text and "gone" in page.text  # the skipped codec and its reason
    stats = json.loads((folder / "stats.json").read_text())
    assert found["bounds"][0] == {
        "name": "Order 0", "shared": stats["total"]["entropy_0"], "own": stats["total"]["entropy_0_own"]
    }  # fmt: skip
    assert found["perFile"]["sd"] == pytest.approx([row["sd"] for row in stats["files"]], rel=1e-4)


def test_page_without_statistics_peers_or_newer_columns(folder: Path) -> None:
    for name in ("stats.json", "peers.csv"):
        (folder / name).unlink()
    with (folder / summary.FILE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    needed = ("mode", "spec", "family", "status", "reason", "dataset", "files", "compression_ratio",
              "total_original_size_bytes", "total_compressed_size_bytes")  # fmt: skip
    with (folder / summary.FILE).open("w", newline="") as file:
        writer = csv.DictWriter(file, needed, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    page = Page(html.render(folder))
    assert "n1codec report --data DIR" in page.text
    assert "There is no peers.csv" in page.text
    found = json.loads(page.data)
    assert "memory" not in page.text
    assert (found["bounds"], found["psd"], found["peer"], found["codecs"][0]["encode"]) == ([], None, None, None)


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        (["n1", "remap|lpc:order=8|rans", "remap|zstd", "remap|lpc|zstd"], "remap lpc -zstd"),
        (["n1", "a|b"], "a b"),
        (["n1"], "n1"),
    ],
)
def test_words_to_filter_with_find_something(specs: list[str], words: str) -> None:
    codecs = [{"mode": spec, "spec": spec, "family": "dictionary"} for spec in specs]
    assert html._example(codecs) == words


def test_statistics_of_others_are_refused(folder: Path, tmp_path: Path) -> None:
    other = dataset.describe(tmp_path / "made up")._replace(name="of others")
    with pytest.raises(CodecError, match=r"it is the data set of others, but .* has results of made up"):
        analyse.save(folder, other, 1, lambda name, share: None)
    (folder / "stats.json").write_text("{")
    with pytest.raises(CodecError, match="write it again"):
        html.render(folder)
    with pytest.raises(CodecError, match="no codec has verified results"):
        html.render(results(tmp_path / "none", 0))


def test_command(folder: Path, run: Run, tmp_path: Path) -> None:
    done = run("n1codec", "report", "--results", folder.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{folder / 'report.html'}\n", "")
    run("n1codec", "report", "--results", folder, "-o", tmp_path / "new" / "page.html")
    assert (tmp_path / "new" / "page.html").read_bytes() == (folder / "report.html").read_bytes()
    done = run("n1codec", "report", "--results", tmp_path / "new")
    assert done.returncode == 1 and "there are no results" in done.stderr


def test_command_analyses_the_recordings(folder: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from n1codec.cli.report import command

    stats = (folder / "stats.json").read_bytes()
    recordings = (tmp_path / "made up").rename(tmp_path / "made-up")
    text = (folder / summary.FILE).read_text().replace("made up", "made-up")
    (folder / summary.FILE).write_text(text)
    for arguments in ([recordings], ["--data", recordings]):
        (folder / "stats.json").unlink()
        call = [*map(str, arguments), "--results", str(folder), "--jobs", "1", "-o", str(tmp_path / "page.html")]
        done = CliRunner().invoke(command, call)
        assert done.exit_code == 0, done.output
        assert done.stdout.splitlines() == [str(folder / "stats.json"), str(tmp_path / "page.html")]
        assert json.loads((folder / "stats.json").read_text())["files"] == json.loads(stats)["files"]
        assert "made-up" in (tmp_path / "page.html").read_text()
    both = CliRunner().invoke(command, ["a", "--data", "b"])
    assert both.exit_code == 2 and "name the recordings once" in both.output


def test_the_page_has_the_histogram_of_all_samples(folder: Path, tmp_path: Path) -> None:
    found = json.loads(Page(html.render(folder)).data)["histogram"]
    samples = np.concatenate([wav.read(p.read_bytes()).samples[:, 0] for p in sorted((tmp_path / "made up").iterdir())])
    codes = np.bincount(np.rint((samples + 32768.0) * 1023 / 65535).astype(int))
    assert sum(found["counts"]) == samples.size and found["low"] == samples.min()
    assert found["width"] == pytest.approx(65535 / 1023, rel=1e-3)
    assert found["counts"] == np.trim_zeros(codes).tolist()  # a bin is a code, and codes that never occur are there


# -- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture
def visit(browser: Any, folder: Path) -> Iterator[Callable[..., Any]]:
    """Open the report in a window of some size; whatever goes wrong in it fails the test."""
    html.write(folder)
    trouble: list[str] = []
    address = (folder / html.FILE).as_uri()
    contexts = []

    def call(width: int, height: int, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: trouble.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: (trouble.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: request.url == address or trouble.append(request.url))
        page.goto(address)
        return page

    yield call
    for context in contexts:
        context.close()
    assert trouble == []


def names(page: Any) -> list[str]:
    return page.locator("#codecs tbody tr:visible .mode").all_inner_texts()


@pytest.mark.slow
def test_nothing_leaves_the_machine(browser: Any, folder: Path) -> None:
    html.write(folder)
    address = (folder / html.FILE).as_uri()
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    elsewhere: list[str] = []

    def watch(route: Any) -> None:
        if route.request.url in (address, "data:,"):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    context.route("**/*", watch)
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(address)
    page.evaluate(
        "document.querySelectorAll('button, input, a, tr, svg .mark').forEach((e) => (e.click?.(), e.focus?.()))"
    )
    for choice in page.locator("select").all():
        choice.select_option(index=1)
    assert page.url.partition("#")[0] == address
    assert page.locator("a:not([href^='#'])").count() == 0
    assert elsewhere == [] == refused and len(context.pages) == 1
    for attempt in (
        """fetch("https://elsewhere.example/", {mode: "no-cors"})""",
        """document.body.appendChild(Object.assign(document.createElement("img"), {src: "https://elsewhere.example/"}))""",
        """document.body.append(Object.assign(document.createElement("script"), {text: "window.ran = 1"}))""",
        """(() => {
             const form = Object.assign(document.createElement("form"), {action: "https://elsewhere.example/"});
             document.body.appendChild(form).submit();
           })()""",
    ):
        before = len(refused)
        page.evaluate(f"() => {{ try {{ {attempt}.catch?.(() => 0) }} catch (error) {{ /* refused */ }} }}")
        for _ in range(100):
            page.wait_for_timeout(100)
            if len(refused) > before:
                break
        assert len(refused) > before, attempt
    assert page.evaluate("window.ran") is None
    assert elsewhere == [] and page.url.partition("#")[0] == address
    context.close()


@pytest.mark.slow
def test_table_sorts_and_filters(visit: Callable[..., Any], folder: Path) -> None:
    page = visit(1280, 900)
    codecs = json.loads(page.locator("#data").text_content())["codecs"]
    assert names(page) == [codec["mode"] for codec in codecs[:25]]
    page.click("#more")
    assert len(names(page)) == 30
    for key, falls in (("encode", True), ("mode", False), ("bits", False), ("p50", True), ("memory", False)):
        page.click(f"[data-sort={key}]")
        expected = sorted(codecs, key=lambda codec, key=key: codec[key], reverse=falls)
        if key != "mode":  # words are in the order of the browser's language
            assert names(page) == [codec["mode"] for codec in expected]
        assert page.locator("[aria-sort=ascending], [aria-sort=descending]").count() == 1
        page.click(f"[data-sort={key}]")
        if key != "mode":
            assert names(page)[0] == expected[-1]["mode"]
    page.fill("#query", "codec_1 -codec_12")
    assert all("codec_1" in name and "codec_12" not in name for name in names(page))
    assert page.locator("#count").inner_text() == f"{len(names(page))} of 30 codecs"
    page.fill("#query", page.locator("#query").get_attribute("placeholder"))
    assert 0 < len(names(page)) < 30
    page.fill("#query", "codec_1 -")  # a word to come
    assert len(names(page)) > 1
    page.click('.chip[data-family="numeric"]')
    page.fill("#query", "no such codec")
    assert names(page) == [] and page.locator("#boxes svg").count() == 0
    assert page.locator("#nothing").is_visible() and page.locator("#codecs").is_hidden()
    assert page.locator("#more").is_hidden()
    page.click("#reset")
    assert len(names(page)) == 30 and page.locator("#nothing").is_hidden()
    assert page.locator("#query").input_value() == "" and page.locator(".chip[aria-pressed=false]").count() == 0
    page.check("#front")
    front = names(page)
    best = {
        c["mode"] for c in codecs if not any(o["ratio"] >= c["ratio"] and o["encode"] > c["encode"] for o in codecs)
    }
    assert set(front) == best and 1 < len(best) < 30
    page.uncheck("#front")
    page.click('.chip[data-family="numeric"]')
    assert page.locator("#codecs tbody tr:visible .family").all_inner_texts() == ["numeric"] * 3
    assert page.locator("#scatter .mark").count() == 3
    page.click("#all-families")
    assert page.locator("#scatter .mark").count() == 30


@pytest.mark.slow
def test_plot_answers_to_mouse_keys_and_touch(visit: Callable[..., Any]) -> None:
    page = visit(1280, 900)
    page.locator("#scatter .mark").last.hover(force=True)
    assert "ratio " in page.locator("#tip").inner_text()
    page.locator("h1").hover()
    assert page.locator("#tip").is_hidden()
    page.locator("#scatter").focus()
    page.keyboard.press("End")
    first = page.locator("#tip b").inner_text()
    page.keyboard.press("ArrowLeft")
    second = page.locator("#tip b").inner_text()
    assert first != second
    page.keyboard.press("Enter")
    assert page.locator("#picked h3").inner_text() == second
    assert page.locator("#codecs tr.on .mode").all_text_contents() == [second]
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    before = page.locator("#scatter .front").get_attribute("d")
    page.click("[data-axis=decode]")
    assert page.locator("#scatter .front").get_attribute("d") != before
    page.click("[data-zoom=best]")
    assert 0 < page.locator("#scatter .mark").count() < 30
    page.select_option("#across", "0")
    page.select_option("#up", "7")
    assert "of 4 files" in page.locator("#verdict").inner_text()
    phone = visit(390, 844, has_touch=True, is_mobile=True, device_scale_factor=2)
    box = phone.locator("#scatter .mark").nth(3).bounding_box()
    phone.locator("#scatter").scroll_into_view_if_needed()
    box = phone.locator("#scatter .mark").nth(3).bounding_box()
    phone.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert phone.locator("#picked dl").count() == 1
    assert phone.locator("#tip").is_visible()


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_its_window(visit: Callable[..., Any], width: int, scheme: str) -> None:
    page = visit(width, 800, color_scheme=scheme, is_mobile=width < 500, has_touch=width < 500)
    page.click("#codecs tbody tr:first-child .pick")
    page.click("#more")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink, paper = (
        page.evaluate(f"getComputedStyle(document.body).{style}.match(/\\d+/g).map(Number)")
        for style in ("color", "backgroundColor")
    )
    assert (sum(ink) < sum(paper)) == (scheme == "light")
    assert contrast(ink, paper) > 7
    for plot in ("scatter", "boxes", "pairs", "ruler", "amplitude", "psd"):
        assert page.locator(f"#{plot} svg").bounding_box()["width"] <= width


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out(visit: Callable[..., Any], barriers: Callable[..., Any], width: int, scheme: str) -> None:
    page = visit(width, 800, color_scheme=scheme)
    assert barriers(page) == []
    page.click("#codecs tbody tr:first-child .pick")
    page.click('.chip[data-family="n1"]')
    assert barriers(page) == []
    page.fill("#query", "no such codec")
    assert barriers(page) == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out_of_a_page_of_science(
    browser: Any, barriers: Callable[..., Any], tmp_path: Path, scheme: str
) -> None:
    path = html.write(Path(__file__).parent.parent / "results" / "generated-quality", tmp_path / "page.html")
    page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    page.goto(path.as_uri())
    assert "What codecs do to science" in page.locator("h2").first.inner_text()
    assert barriers(page) == []
    page.close()


def contrast(a: list[int], b: list[int]) -> float:
    """The ratio of luminances of WCAG 2."""

    def luminance(rgb: list[int]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (value / 255 for value in rgb)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.slow
def test_paper_has_all_codecs_and_no_controls(visit: Callable[..., Any]) -> None:
    page = visit(1000, 800, color_scheme="dark")
    page.emulate_media(media="print")
    assert len(names(page)) == 30
    assert page.locator(".switch:visible, input:visible, select:visible, nav:visible, #more:visible").count() == 0
    assert page.locator(".chip:visible").count() == len(FAMILIES)  # the legend
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.set_viewport_size({"width": 703, "height": 1030})  # 186 mm, what A4 has between its margins
    names_of = "#codecs .pick code, .cards .who code"
    broken = page.evaluate(
        """(names) => [...document.querySelectorAll(names)].flatMap((code) =>
      [...code.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).flatMap((node) => {
        const range = document.createRange();
        range.selectNodeContents(node);
        return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1 ? [node.data] : [];
      }))""",
        names_of,
    )
    # A name goes on in the next line behind a bar or a comma; one that is no codec's may be wider than a column.
    assert [word for word in broken if re.fullmatch(r"[\w:=]+[|,]?", word)] == []
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#scatter svg").get_attribute("viewBox").startswith("0 0 690 ")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert not page.locator("#scatter svg").get_attribute("viewBox").startswith("0 0 690 ")
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


@pytest.mark.slow
def test_tables_are_there_without_scripts(visit: Callable[..., Any]) -> None:
    page = visit(800, 800, java_script_enabled=False)
    assert len(names(page)) == 30
    assert page.locator(".controls:visible").count() == 0
    assert "The plots need scripts" in page.locator("noscript p").inner_text()
