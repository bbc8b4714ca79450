"""The documentation: its links, its versions, and the site that ``make docs`` builds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT

import n1codec

PAGES = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"), ROOT / "examples" / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if not re.match(r"\w+:", target):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    for path in re.findall(r"`((?:native|tests|algorithms|tools|n1codec|examples)/[\w/.-]+)`", page.read_text()):
        assert (ROOT / path).exists() or path == "algorithms/numeric/bitpack.py", path


def test_every_page_is_in_the_table_of_contents() -> None:
    tree = re.findall(r"```\{toctree\}.*?```", (ROOT / "docs" / "index.md").read_text(), re.DOTALL)
    listed = {line for block in tree for line in block.splitlines() if re.fullmatch(r"[\w-]+", line)}
    assert listed == {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}


def test_the_version_stands_in_one_place() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in pyproject
    assert not re.search(r"^version *=", pyproject, re.MULTILINE)
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited
    assert cited[1] == n1codec.__version__
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == n1codec.__version__


def test_the_first_release_has_a_date_when_it_is_released() -> None:
    unreleased = "(unreleased)" in (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    assert ("date-released" in (ROOT / "CITATION.cff").read_text()) != unreleased


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not find_spec("sphinx") or not find_spec("furo"):
        assert not os.environ.get("N1_REQUIRE_ALL"), "the extra docs is not installed"
        pytest.skip("needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", ROOT / "docs", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.mark.slow
def test_the_site_asks_no_other_host(site: Path) -> None:
    pages = list(site.glob("*.html"))
    assert len(pages) > 10
    for page in pages:
        text = page.read_text()
        assert not re.search(r"""\b(src|srcset|action|data)\s*=\s*["']?(https?:)?//""", text), page
        for link in re.findall(r"<link\b[^>]*>", text):
            assert not re.search(r"""href\s*=\s*["']?(https?:)?//""", link), link
    for style in site.rglob("*.css"):
        assert not re.search(r"""(url\(|@import)\s*["']?(https?:)?//""", style.read_text()), style


@pytest.mark.slow
def test_the_api_is_on_the_site(site: Path) -> None:
    page = (site / "api.html").read_text()
    for name in ("encode", "decode", "encode_file", "decode_file", "get_codec"):
        assert f'id="n1codec.{name}"' in page
    assert "samples" in page
    assert "Raises" in page


def test_what_the_readme_counts() -> None:
    said = " ".join((ROOT / "README.md").read_text().split())
    for program in ("encode.py", "decode.py"):
        assert f"scripts of {(ROOT / program).stat().st_size} bytes that start Python" in said
    assert said.index("ENCODE=./n1enc DECODE=./n1dec") < said.index("`./encode` and `./decode` are scripts")
    ratio = re.search(r"n1's (\d\.\d\d) are (\d\.\d\d)", said)
    assert ratio
    assert round(float(ratio[1]) * 10 / 16, 2) == float(ratio[2])
