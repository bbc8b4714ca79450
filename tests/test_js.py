"""js/: the package for browsers and Node, on files and chunks that Python writes. Needs emcc and node."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlencode, urlsplit

import numpy as np
import pytest
from conftest import ROOT, needs
from forge_chunks import ARRAY, entry, index_of, section
from test_c_files import CORRUPT, KINDS, READ, UNSUPPORTED, Failed, File
from test_container import GOLDEN
from test_forged import FORGED
from test_version2_forged import HEADS, INDEXES, SECTIONS, SLOW
from walks import walk

import n1codec
from n1codec.adapters import chunks

JS = ROOT / "js"
PAGE = ROOT / "docs" / "javascript.md"
REASONS = {CORRUPT: "damaged", UNSUPPORTED: "unsupported"}
ZARRITA = ("zarrita@0.7.5", "@zarrita/storage@0.2.0", "numcodecs@0.3.2")


def test_the_version_is_that_of_the_package() -> None:
    assert json.loads((JS / "package.json").read_text())["version"] == n1codec.__version__


def test_what_is_exported_has_types() -> None:
    for module in ("index", "zarr"):
        code, types = ((JS / f"{module}{suffix}").read_text() for suffix in (".js", ".d.ts"))
        names = re.findall(r"^export (?:async )?(?:class|function|const) (\w+)", code, re.M)
        assert names
        assert set(names) == set(re.findall(r"^export (?:class|function|const) (\w+)", types, re.M)) - (
            {"N1CError"} if module == "index" else set()
        )


# -- what the tests in js/test read ----------------------------------------------------------------------------------


def streams_of(blob: bytes) -> list[dict[str, Any]] | int:
    """Return what the streams of a file are, with their samples, or the error that libn1c tells of it."""
    found: list[dict[str, Any]] = []
    try:
        with File(blob) as file:
            for number in range(file.streams):
                info = file.info(number)
                # One that was forged says more than there is room for; its first frame is none.
                samples = file.read(0, 1 if info.frames > 1 << 25 else None, number)
                found.append({"name": info.name.decode(), "shape": list(samples.shape), "dtype": KINDS[info.dtype],
                              "rate": None if math.isnan(info.rate) or not info.rate else info.rate,
                              "version": info.version, "chunks": info.chunks, "lossy": bool(info.lossy),
                              "samples": samples})  # fmt: skip
    except Failed as error:
        return int(error.args[0])
    return found or CORRUPT


class Cases:
    """The folder that js/test reads: files, and what is in each."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.files: list[dict[str, Any]] = []
        self.chunks: list[dict[str, Any]] = []

    def add(self, name: str, blob: bytes, small: bool = False, wanted: Any = None, **about: Any) -> None:
        """Add a file; what this repository's readers make of it is what JavaScript should."""
        (self.folder / name).write_bytes(blob)
        said: dict[str, Any] = {"file": name, "small": small}
        streams = streams_of(blob)
        if isinstance(streams, int):
            said["reason"] = REASONS[streams]
        else:
            for number, one in enumerate(streams):
                samples = one.pop("samples")
                assert wanted is None or samples.tobytes() == np.ascontiguousarray(wanted[number]).tobytes(), name
                one["raw"] = f"{name}.{number}"
                (self.folder / one["raw"]).write_bytes(samples.tobytes())
            streams[0]["about"] = about
            said["streams"] = streams
        self.files.append(said)

    def chunk(self, name: str, form: int, x: np.ndarray, spec: str, id: str = "n1codec", reason: str = "") -> None:
        codec = chunks.codec_of(spec)
        blob = chunks.encode(x, codec) if form == chunks.BARE else chunks.encode_described(x, codec)
        (self.folder / f"{name}.chunk").write_bytes(blob)
        (self.folder / f"{name}.raw").write_bytes(x.tobytes("A" if form == chunks.DESCRIBED else "C"))
        self.chunks.append({"name": name, "form": form, "id": id, "spec": spec, "shape": x.shape, "dtype": x.dtype.name,
                            "chunk": f"{name}.chunk", "raw": f"{name}.raw", "reason": reason})  # fmt: skip

    def write(self) -> None:
        said = {"files": self.files, "chunks": self.chunks, "far": self.far()}
        (self.folder / "cases.json").write_text(json.dumps(said))

    def far(self) -> dict[str, Any]:
        """Add a file of more than 2^32 bytes, of which those of a section that nobody reads are left out."""
        gap = (1 << 32) + 12345
        listed = (entry(b"a", b"", length=gap), *(entry(*one) for one in ARRAY.sections))
        blob = ARRAY.but(entries=listed, index_at=index_of(ARRAY.bytes()) + gap).bytes()
        (self.folder / "far").write_bytes(blob)
        return {"file": "far", "gap": gap, "at": blob.index(section(*ARRAY.sections[0])), "samples": list(range(1, 7))}


def add_files(cases: Cases, work: Path) -> None:
    for path in sorted(GOLDEN.glob("**/*.n1c")):
        cases.add(f"golden-{path.name}", path.read_bytes())
    for spec in READ:
        for kind in KINDS:
            if kind == "int24" or (kind.startswith("float") and "delta" in spec):
                continue
            x = walk(60 if spec == "n1_max" else 300, 3, kind)
            cases.add(f"{spec}-{kind}.n1c".replace("|", "+").replace(":", "~"), n1codec.encode(x, spec, rate=1000),
                      wanted=[x])  # fmt: skip
    x = walk(23_000, 7)
    about = {"gains": [2.5] * 7, "channelNames": [f"AP{n}" for n in range(7)]}
    for name, spec in (
        ("groups", "n1_multi:block=3"),
        ("together", "n1_multi"),
        ("n1", "n1"),
        ("floats", "planes|zstd"),
    ):
        path = work / f"{name}.n1c"
        samples = x.astype("f4") if name == "floats" else x
        with n1codec.create(path, 7, rate=500, dtype=samples.dtype, spec=spec, gains=about["gains"],
                            channel_names=about["channelNames"]) as recorder:  # fmt: skip
            recorder.write(samples)
        cases.add(f"long-{name}.n1c", path.read_bytes(), wanted=[samples], geometry=None, **about)
    path = work / "appended.n1c"
    with n1codec.create(path, 2, rate=100, spec="n1_multi") as recorder:
        recorder.write(walk(3000, 2))
    for _ in range(20):
        with n1codec.append(path) as recorder:
            recorder.write(walk(900, 2))
    cases.add("appended.n1c", path.read_bytes(), wanted=[np.concatenate([walk(3000, 2), *[walk(900, 2)] * 20])])
    cases.add("small-1.n1c", n1codec.encode(walk(40, 2), "n1_multi", rate=1000), small=True)
    with n1codec.create(work / "small.n1c", 2, rate=10, spec="n1_multi") as recorder:
        recorder.write(walk(40, 2))
    cases.add("small-2.n1c", (work / "small.n1c").read_bytes(), small=True)
    forged = {**FORGED, **HEADS, **{f"index {key}": value for key, value in INDEXES.items()}, **SECTIONS}
    for number, (what, (made, _)) in enumerate(forged.items()):
        if what != SLOW:
            cases.add(f"forged-{number}-{re.sub('[^a-z0-9]+', '-', what.lower())}.n1c", made.bytes())
    known = {"gains": [1, 2.5], "offsets": [0, 3], "geometry": [[0, 20], [16.5, 40]], "sync": [1]}
    none = {"gains": None, "offsets": None, "geometry": None, "sync": [], "channelNames": ["0", "1"]}
    for number, (text, about) in enumerate((
        (json.dumps([known]), known),
        ('[{"gains": 3, "offsets": [null, 1], "geometry": [[null, null], [1, 2]]}]',
         none | {"gains": [3, 3], "offsets": [None, 1], "geometry": [[None, None], [1, 2]]}),
        ('[{"gains": [1], "offsets": "2", "geometry": [[1, 2], [3]], "channel_names": ["a", 2], "sync": [2]}]', none),
        ('[{"gains": {}, "offsets": [1, "x"], "geometry": 3, "channel_names": "ab", "sync": 1}]', none),
        ("[{", none), ("7", none), ("[]", none), ("[null]", none),
    )):  # fmt: skip
        cases.add(f"metadata-{number}.n1c", ARRAY.but(metadata=zlib.compress(text.encode())).bytes(), **about)
    for number, path in enumerate(sorted((ROOT / "tests" / "corpus" / "file").glob("*"))):
        cases.add(f"corpus-{number}.n1c", path.read_bytes())


def add_chunks(cases: Cases) -> None:
    for form in (chunks.BARE, chunks.DESCRIBED):
        for kind in KINDS:
            if kind == "int24":
                continue
            for spec in ("n1_multi", "planes|zstd:level=9", "copy"):
                cases.chunk(f"{form}-{kind}-{spec[:4]}", form, walk(100, 3, kind), spec)
        cases.chunk(f"{form}-small", form, walk(40, 2), "n1_multi")
        for shape in ((7,), (0, 4), (5, 0), (4, 3, 2), (2, 3, 4, 5), ()):
            x = walk(math.prod(shape), 1).reshape(shape)
            cases.chunk(f"{form}-shape-{shape}", form, x, "n1_multi:preset=fast")
        cases.chunk(f"{form}-delta", form, walk(100, 3, "<i4"), "delta:order=2|zigzag|planes|arange")
        cases.chunk(f"{form}-lpc", form, walk(100, 3), "remap|lpc|rans", reason="unsupported")
    for name in ("n1", "n1_implant", "n1_max", "n1_multi"):
        cases.chunk(f"named-{name}", chunks.DESCRIBED, walk(50, 2), name, id=name)
        cases.chunk(f"bare-{name}", chunks.BARE, walk(50, 2), name)
    for dtype in (">i2", ">u4", ">f8", ">i8"):
        x = walk(60, 3, dtype)
        cases.chunk(f"big-{dtype[1:]}", chunks.DESCRIBED, x, "planes|zstd")
        cases.chunk(f"big-columns-{dtype[1:]}", chunks.DESCRIBED, np.asfortranarray(x), "planes|zstd")
    cases.chunk("columns", chunks.DESCRIBED, np.asfortranarray(walk(60, 12).reshape(60, 3, 4)), "n1_multi")


def add_arrays(folder: Path) -> None:
    """Write arrays of Zarr of both formats."""
    zarr, numcodecs = needs("zarr"), needs("numcodecs")
    if int(zarr.__version__.split(".")[0]) < 3:
        pytest.skip("needs zarr 3")
    x = walk(1000, 6)
    serializer = {"name": "n1codec", "configuration": {"spec": "n1_multi"}}
    third = {"serializer": serializer, "compressors": None}
    second = {"zarr_format": 2, "compressors": numcodecs.get_codec({"id": "n1_multi"})}
    made = {
        "third": (x, third),
        "shards": (x, {**third, "shards": (600, 6)}),
        "checked": (x, {**third, "compressors": [{"name": "crc32c"}]}),
        "floats": (
            x.astype("f4"),
            {**third, "serializer": {"name": "n1codec", "configuration": {"spec": "planes|zstd"}}},
        ),
        **{
            spec: (x, {"filters": [{"name": "n1codec_filter", "configuration": {"spec": spec}}]})
            for spec in ("zigzag", "planes", "bitshuffle")
        },
        "zigzag-planes": (
            x.astype("i4"),
            {
                "filters": [
                    {"name": "n1codec_filter", "configuration": {"spec": spec}} for spec in ("zigzag", "planes")
                ],
                "shards": (600, 6),
            },
        ),
        "second": (x, second),
        "second-big": (x.astype(">i2"), second),
        "second-columns": (x, {**second, "order": "F"}),
        "second-named": (x, {**second, "compressors": numcodecs.get_codec({"id": "n1codec", "spec": "delta|zstd"})}),
    }
    for name, (samples, how) in made.items():
        z = zarr.create_array(str(folder / f"{name}.zarr"), shape=x.shape, chunks=(300, 3), dtype=samples.dtype, **how)
        z[:] = samples
        (folder / f"{name}.zarr.raw").write_bytes(samples.astype(samples.dtype.newbyteorder("<")).tobytes())


# -- where the package is --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def package() -> Path:
    """js/ with the decoder built."""
    for program in ("emcc", "make"):
        if not shutil.which(program):
            pytest.skip(f"needs {program}")
    import fcntl

    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "wasm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "wasm"], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return JS


@pytest.fixture(scope="module")
def node() -> str:
    program = os.environ.get("N1_NODE") or shutil.which("node")
    if not program:
        pytest.skip("needs node")
    return program


def install(package: Path, folder: Path) -> None:
    """Put the package where node finds it by its name, as npm would."""
    (folder / "package.json").write_text('{"type": "module"}')
    target = folder / "node_modules" / "n1codec"
    target.mkdir(parents=True)
    for pattern in json.loads((package / "package.json").read_text())["files"]:
        for path in package.glob(pattern):
            shutil.copy(path, target)
    shutil.copy(package / "package.json", target)


def run(node: str, folder: Path, *tests: str) -> None:
    """Run tests of js/test in a folder that the package was installed to."""
    for path in (JS / "test").glob("*.js"):
        shutil.copy(path, folder)
    env = {**os.environ, "N1C_CASES": str(folder / "cases")}
    command = [node, "--test", "--test-reporter=tap", *tests]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr + "\n".join(re.findall(r"(?s)not ok .{1,1500}", done.stdout)[:5])
    assert re.search(r"^# fail 0$", done.stdout, re.M), done.stdout[-2000:]
    assert re.search(r"^# skipped 0$", done.stdout, re.M), done.stdout[-2000:]


@pytest.mark.slow
def test_in_node(package: Path, node: str, tmp_path: Path) -> None:
    install(package, tmp_path)
    cases = Cases(tmp_path / "cases")
    add_files(cases, tmp_path)
    add_chunks(cases)
    cases.write()
    run(node, tmp_path, "files.test.js", "sources.test.js", "zarr.test.js")


@pytest.mark.slow
def test_zarrita_reads_what_zarr_wrote(package: Path, node: str, tmp_path: Path) -> None:
    if not (npm := shutil.which("npm")):
        pytest.skip("needs npm")
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--fetch-retries=1", *ZARRITA]
    if subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120).returncode:
        pytest.skip("needs a registry that has zarrita")
    install(package, tmp_path)
    cases = Cases(tmp_path / "cases")
    cases.write()
    add_arrays(cases.folder)
    run(node, tmp_path, "zarrita.test.js")
    with served(cases.folder) as (address, _):
        script = code(PAGE, 1).replace("https://example.org/run.zarr", f"{address}third.zarr")
        found = answer(node, tmp_path, script + "console.log(JSON.stringify(Array.from(data)));")
    assert found == walk(1000, 6)[100:200, 3].tolist()


def code(page: Path, number: int = 0) -> str:
    """Return a block of JavaScript of a page of the documentation."""
    return str(re.findall(r"```js\n(.*?)```", page.read_text(), re.DOTALL)[number])


def answer(node: str, folder: Path, script: str) -> Any:
    """Run a script in a folder that the package was installed to; its output is JSON."""
    (folder / "script.js").write_text(script)
    done = subprocess.run([node, "script.js"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("page", [PAGE, JS / "README.md"], ids=["docs", "readme"])
def test_the_lines_of_the_documentation_work(page: Path, package: Path, node: str, tmp_path: Path) -> None:
    install(package, tmp_path)
    x = walk(61_000, 6)
    with n1codec.create(tmp_path / "run.n1c", 6, rate=30_000, gains=[2.0] * 6) as recorder:
        recorder.write(x)
    told = "[frames, channels, dtype, rate, channelNames, gains, Array.from(samples)]"
    with served(tmp_path) as (address, _):
        script = code(page).replace("https://example.org/", address) + f"console.log(JSON.stringify({told}));"
        *about, samples = answer(node, tmp_path, script)
    assert about == [61_000, 6, "int16", 30_000, list("012345"), [2] * 6]
    assert samples == x[30_000:60_000, [0, 5]].ravel().tolist()


@pytest.mark.slow
def test_what_npm_packs(package: Path) -> None:
    if not (npm := shutil.which("npm")):
        pytest.skip("needs npm")
    (packed,) = json.loads(subprocess.check_output([npm, "pack", "--dry-run", "--json"], cwd=package, text=True))
    assert {one["path"] for one in packed["files"]} == {
        *("LICENSE", "NOTICE", "README.md", "package.json", "n1c.wasm", "n1c_max.wasm"),
        *("index.js", "index.d.ts", "kernel.js", "source.js", "zarr.js", "zarr.d.ts"),
    }


@pytest.mark.slow
def test_the_decoder_is_small(package: Path) -> None:
    assert (package / "n1c.wasm").stat().st_size < 100_000


# -- in Chromium -----------------------------------------------------------------------------------------------------


class Static(BaseHTTPRequestHandler):
    """A static server that sends ranges, and remembers which."""

    folder: Path
    sent: list[tuple[str, int, int]]
    TYPES: ClassVar = {".html": "text/html", ".js": "text/javascript"}

    def do_GET(self) -> None:
        name = unquote(urlsplit(self.path).path).lstrip("/")
        path = self.folder / name
        if not path.is_file():
            self.send_response(404)
            if "secret" not in name:
                self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            return
        data = path.read_bytes()
        start, stop = 0, len(data)
        if asked := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
            start, stop = int(asked[1]), min(stop, int(asked[2]) + 1)
        self.sent.append((name, start, stop))
        self.send_response(206 if asked else 200)
        self.send_header("Content-Type", self.TYPES.get(path.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Access-Control-Allow-Origin", "*")
        if asked and "hidden" not in name:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
            self.send_header("Access-Control-Expose-Headers", "Content-Range")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data[start:stop])

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[tuple[str, int, int]]]]:
    """Serve a folder; give its address and what was sent."""
    handler = type("Handler", (Static,), {"folder": folder, "sent": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", handler.sent
    server.shutdown()
    thread.join()
    server.server_close()


READ_ALL = """async ([address, files]) => {
  const { open } = await import("/index.js");
  const found = {};
  for (const file of files) {
    try {
      const x = await (await open(address + file)).read();
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", x));
      found[file] = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    } catch (error) {
      found[file] = `${error.name} ${error.reason} ${error.message}`;
    }
  }
  return found;
}"""

ENVELOPE = """async ([address, start, stop, columns]) => {
  const { open } = await import("/index.js");
  const { envelope } = await import("/example/envelope.js");
  const recording = await open(address);
  const channels = [0, 5];
  const { low, high } = envelope(await recording.read(start, stop, { channels }), 2, columns);
  return [low, high].map((rows) => rows.map((row) => Array.from(row)));
}"""

INK = """() => {
  const canvas = document.getElementById("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, i) => i % 4 === 3 && value > 0).length;
}"""


@pytest.mark.slow
def test_in_chromium(package: Path, browser: Any, tmp_path: Path) -> None:
    """Files of all kinds, from another origin than the package."""
    wanted = {}
    x = walk(9000, 12)
    for number, spec in enumerate(spec for spec in READ if spec != "n1_max"):
        (tmp_path / f"{number}.n1c").write_bytes(n1codec.encode(x, spec, rate=1000))
        wanted[f"{number}.n1c"] = hashlib.sha256(x.tobytes()).hexdigest()
    (tmp_path / "max.n1c").write_bytes(n1codec.encode(x[:200], "n1_max"))
    wanted["max.n1c"] = hashlib.sha256(x[:200].tobytes()).hexdigest()
    for name in ("long.n1c", "hidden.n1c"):
        with n1codec.create(tmp_path / name, 12, rate=200, spec="n1_multi:block=5") as recorder:
            recorder.write(x)
        wanted[name] = wanted["0.n1c"]
    blob = bytearray((tmp_path / "long.n1c").read_bytes())
    blob[len(blob) // 2] ^= 1
    (tmp_path / "damaged.n1c").write_bytes(blob)
    (tmp_path / "other.n1c").write_bytes(n1codec.encode(x, "bz2"))
    with served(package) as (here, _), served(tmp_path) as (there, _):
        wanted |= {
            "damaged.n1c": "N1CError damaged it is damaged, or no .n1c file",
            "other.n1c": "N1CError unsupported it was written by another codec",
            "none.n1c": f"N1CError unread {there}none.n1c: HTTP 404",
            "secret.n1c": f"N1CError unread {there}secret.n1c: it could not be fetched (",
        }
        page = browser.new_page()
        page.goto(f"{here}example/index.html")
        for name, found in page.evaluate(READ_ALL, [there, list(wanted)]).items():
            assert found.startswith(wanted[name]), name
        low, high = page.evaluate(ENVELOPE, [f"{there}long.n1c", 100, 1100, 250])
        stretches = x[100:1100, [0, 5]].reshape(250, 4, 2)
        assert (stretches.min(axis=1) == np.array(low).T).all()
        assert (stretches.max(axis=1) == np.array(high).T).all()
        low, high = page.evaluate(ENVELOPE, [f"{there}long.n1c", 3, 10, 14])
        assert low == high == np.repeat(x[3:10, [0, 5]], 2, axis=0).T.tolist()
        page.close()


@pytest.mark.slow
def test_the_page_shows_a_second(package: Path, browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.n1c"
    with n1codec.create(path, 40, rate=1000, spec="n1_multi:block=8", gains=[2.5] * 40) as recorder:
        recorder.write(walk(45_500, 40))
    with served(package) as (here, _), served(tmp_path) as (there, sent):
        page, errors = browser.new_page(viewport={"width": 900, "height": 700}), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_default_timeout(30_000)

        def shown(what: str) -> None:
            page.wait_for_function("what => document.documentElement.dataset.shown === what", arg=what)

        page.goto(f"{here}example/index.html?" + urlencode({"file": f"{there}run.n1c", "second": 2, "first": 8}))
        shown("2 8")
        assert "40 channels of int16, 1000 Hz, 45.50 s" in page.inner_text("#said")
        assert re.fullmatch(r"2 to 3\.00 s, \d+ µV from line to line", page.inner_text("#time"))
        assert page.evaluate(INK) > 10_000
        assert {name for name, *_ in sent} == {"run.n1c"}
        # The ends of the file, and of one chunk out of five the groups that are shown.
        assert sum(stop - start for _, start, stop in sent) < path.stat().st_size / 3
        before = len(sent)
        page.keyboard.press("ArrowRight")
        shown("3 8")
        assert len(sent) == before, "the chunk was there"
        page.fill("#first", "0")
        shown("3 0")
        page.evaluate("() => { position.value = 45; position.oninput(); }")
        shown("45 0")
        assert page.inner_text("#time").startswith("45 to 45.50 s, ")
        assert "second=45" in page.url
        page.fill("#address", f"{there}none.n1c")
        page.click("text=Open")
        page.wait_for_selector("#said.wrong")
        assert "HTTP 404" in page.inner_text("#said")
        page.set_input_files("#file", path)
        shown("0 0")
        assert "run.n1c: 40 channels" in page.inner_text("#said")
        page.close()
        assert not errors
