"""Take the pictures of the viewer that README.md has, in headless Chromium.

    python tools/viewer_pictures.py run-001_g0_t0.imec0.ap.bin [--to docs/images]

The recording is the public Neuropixels 2.0 one that docs/neuropixels.md names. What else it needs tools/bench_viewer.py
says.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import urlencode

from bench_viewer import CHROMIUM, settled, viewer

PICTURES: dict[str, dict[str, str | int]] = {
    "probe": {"order": "depth", "first": 44, "last": 76, "start": 3000, "stop": 7500, "focus": 284,
              "steps": "300-6000+cmr"},
    "spikes": {"view": "spikes", "order": "depth", "steps": "300-6000+cmr"},
    "compression": {"view": "compression", "order": "depth", "focus": 80, "codec": "round:error=4|lpc|rice",
                    "against": "mdct:step=20", "line": "difference"},
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+")
    parser.add_argument("--to", type=Path, default=Path("docs/images"))
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with viewer(given.data) as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, values in PICTURES.items():
            page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
            page.goto(f"{address}?{urlencode(values)}")
            settled(page)
            page.wait_for_timeout(500)
            page.screenshot(path=given.to / f"viewer-{name}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
