"""Documents and scripts: links lead somewhere, scripts parse and may be executed, the Makefile's help is whole."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.lint._tree import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SCRIPTS = [".ci/run", "tools/prepare", "tools/pytest"]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    broken = [link for link in links if not (page.parent / link).exists()]
    assert not broken


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_parses_and_is_executable(name: str):
    assert os.access(ROOT / name, os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / name)], check=True)


def test_every_page_of_a_shelf_is_on_its_list():
    for shelf in ("adr", "guide", "reference"):
        listed = (ROOT / "docs" / shelf / "README.md").read_text()
        pages = [path.name for path in (ROOT / "docs" / shelf).glob("*.md") if path.name != "README.md"]
        missing = [name for name in pages if f"({name})" not in listed]
        assert not missing, f"not in docs/{shelf}/README.md: {missing}"


@pytest.mark.needs("tool:make")
def test_make_help_lists_every_target():
    text = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert targets == set(re.findall(r"^  make (\S+)", done.stdout, re.MULTILINE))
