"""How smooth the viewer is: redraws, drags and keys in headless Chromium, and the memory of the server.

    python tools/bench_viewer.py RECORDINGS... [--first 100] [--fps 20]

It needs playwright and Chromium; $N1_CHROMIUM names another one than /usr/lib/chromium/chromium, which is Debian's
without the wrapper that adds flags for a GPU. Each line is a measurement; its last column says whether it is within
its bound, and the exit code is 1 if one is not. A redraw is counted from the input's time stamp to the frame that
shows it: "first" may be drawn from coarser tiles, "whole" has all tiles. A drag is 30 moves of the mouse, of which
Playwright sends one a frame. "CPU" is the time of the page's thread for a frame, which other work on the machine
changes least.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = os.environ.get("N1_CHROMIUM", "/usr/lib/chromium/chromium")
VIEWS = {
    "48 plots": "?last=48",
    "overlaid, lines": "?mode=overlaid&last=100000&look=lines",
    "overlaid, density": "?mode=overlaid&last=100000&look=density",
    "image": "?view=image",
    "48 plots, filtered": "?last=48&steps=300-6000",
    "spikes": "?view=spikes",
    "two codecs": "?view=compression&last=48&against=zstd:level=3",
    "correlation": "?view=correlation&order=average",
}
WATCH = """
() => {
  window.seen = [];
  const note = (event) => {
    const began = event.timeStamp;
    const frames = window.n1.frames;
    let first = 0;
    const look = () => requestAnimationFrame(() => {
      if (!first && window.n1.frames > frames) first = performance.now() - began;
      if (first && window.n1.pending === 0) window.seen.push([first, performance.now() - began]);
      else if (performance.now() - began < 5000) look();
    });
    look();
  };
  addEventListener("keydown", note, true);
}
"""


class Row:
    """One measurement, as it is printed."""

    def __init__(self, what: str, value: str, good: bool | None = None) -> None:
        self.what, self.value, self.good = what, value, good

    def __str__(self) -> str:
        return f"{self.what:<44}{self.value:<44}{'' if self.good is None else 'good' if self.good else 'TOO SLOW'}"


@contextmanager
def viewer(data: list[str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start the viewer of some recordings, and stop it; give its address and its process."""
    command = [sys.executable, "-m", "n1codec", "view", *data, "--port", "0", "--no-browser"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        yield next(line.split(" at ")[1].split()[0] for line in server.stderr if "The viewer is at " in line), server
    finally:
        server.terminate()
        server.wait()


def until(page: Any, expression: str, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > end:
            raise TimeoutError(expression)
        page.wait_for_timeout(30)


def settled(page: Any) -> None:
    until(page, "Boolean(window.n1 && window.n1.frames && window.n1.settled)")


def keys(page: Any, what: str, pressed: list[str], first_bound: float, pause: float = 0.0) -> Row:
    """Press keys, one after the other has been answered, or at a steady rate, and tell how long redraws took."""
    page.evaluate("window.seen = []")
    before = page.evaluate("window.n1.keys")
    for key in pressed:
        began = time.monotonic()
        page.keyboard.press(key)
        if pause:
            time.sleep(max(0.0, pause - (time.monotonic() - began)))
        else:
            count = page.evaluate("window.seen.length")
            until(page, f"window.seen.length > {count - 1} && window.n1.pending === 0")
            page.wait_for_timeout(30)
    settled(page)
    page.wait_for_timeout(100)
    taken = page.evaluate("window.n1.keys") - before
    seen = page.evaluate("window.seen")
    first, whole = (sorted(pair[i] for pair in seen) for i in (0, 1))
    medians = f"first {statistics.median(first):.0f} ms, whole {statistics.median(whole):.0f} ms"
    value = f"{medians}, {taken} of {len(pressed)} keys"
    return Row(what, value, statistics.median(first) < first_bound and taken == len(pressed))


def drag(page: Any, what: str, fps_bound: float, down: bool = False) -> Row:
    box = page.locator("#plot").bounding_box()
    x, y = box["x"] + 0.7 * box["width"], box["y"] + 0.3 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 8, y + (8 if down else 0))
    spent = page.context.new_cdp_session(page)
    spent.send("Performance.enable", {"timeDomain": "threadTicks"})
    used, before, began = cpu(spent), page.evaluate("window.n1.frames"), time.monotonic()
    for step in range(30):
        page.mouse.move(x - 8 - 8 * step, y + (8 * step if down else 0))
    seconds = time.monotonic() - began
    frames, used = page.evaluate("window.n1.frames") - before, cpu(spent) - used
    spent.detach()
    page.mouse.up()
    settled(page)
    fps = frames / seconds
    each = 1000 * used / max(frames, 1)
    return Row(what, f"{fps:.0f} frames a second, CPU {each:.0f} ms each", fps >= fps_bound)


def cpu(session: Any) -> float:
    """Return the seconds of CPU time that the page's thread has used."""
    found = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"])


def measure(browser: Any, address: str, first: float, fps: float) -> Iterator[Row]:
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    began = time.monotonic()
    page.goto(address, wait_until="commit")
    until(page, "Boolean(window.n1 && window.n1.first)")
    yield Row("page asked for, first traces", f"{time.monotonic() - began:.2f} s", time.monotonic() - began < 4)
    page.close()
    for name, query in VIEWS.items():
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(address + query)
        settled(page)
        page.evaluate(WATCH)
        page.locator("#plot").focus()
        if name == "correlation":
            yield keys(page, f"{name}: next order", ["r"] * 5, first)
            yield keys(page, f"{name}: fewer and more channels", ["{", "{", "}", "["] * 3, first)
            yield drag(page, f"{name}: drag", fps, down=True)
            page.close()
            continue
        yield keys(page, f"{name}: zoom", ["+"] * 6 + ["-"] * 3, first)
        yield drag(page, f"{name}: drag, zoomed", fps)
        yield keys(page, f"{name}: pan", ["ArrowRight", "ArrowLeft"] * 5, first)
        yield keys(page, f"{name}: pan, 20 keys a second", ["ArrowRight", "ArrowRight", "ArrowLeft"] * 20, first, 0.05)
        if name == "48 plots":
            yield keys(page, f"{name}: channels after, before", ["]", "]", "[", "["] * 3, first)
        yield keys(page, f"{name}: next order", ["r"] * 5, first)
        page.keyboard.press("0")
        settled(page)
        page.close()


def memory(pid: int) -> int:
    """Return the most MiB of a process that it had resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+")
    parser.add_argument("--first", type=float, default=100, help="bound of the first redraw, median, in ms")
    parser.add_argument("--fps", type=float, default=20, help="bound of a drag, in frames a second")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    began = time.monotonic()
    bad = 0
    with viewer(given.data) as (address, server):
        print(Row("processes that wanted a core, last minute", f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"))
        print(Row("command to address", f"{time.monotonic() - began:.2f} s"))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            urllib.request.urlopen(address + "api/matrix?measure=pearson").read()  # orders need it
            for row in measure(browser, address, given.first, given.fps):
                print(row, flush=True)
                bad += row.good is False
            browser.close()
        peak = memory(server.pid)
        row = Row("server, peak resident memory", f"{peak} MiB", peak < 500)
        print(row)
        bad += row.good is False
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
