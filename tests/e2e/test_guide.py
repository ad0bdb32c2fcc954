"""Every command of the guide does what the guide says."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import console
from tests.support.harness import REPOSITORY, Hezi

GUIDES = sorted(path for path in (REPOSITORY / "docs" / "guide").glob("*.md") if path.name != "README.md")


@pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox")
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_guide(guide: Path, hezi_env: Hezi, busybox_image: str, tmp_path: Path, leftovers_guard: None):
    found = console.commands(guide)
    assert found, "a guide without commands"
    environment = {**hezi_env.env, "REGISTRY": busybox_image.rpartition("/")[0]}
    # `hezi` and `python` of the guide are those of the tests.
    python = shlex.quote(sys.executable)
    functions = f'hezi() {{ {python} -m hezi "$@"; }}\npython() {{ {python} "$@"; }}\n'
    wrong = []
    for line, command, expected in found:
        done = subprocess.run(
            ["bash", "-c", f"{functions}exec 2>&1\n{command}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
            env=environment,
            cwd=tmp_path,
            check=False,
        )
        if not console.matches(expected, done.stdout):
            wrong.append(f"{guide.name}:{line}: $ {command}\nexpected:\n{expected}got:\n{done.stdout}")
    assert not wrong, "\n".join(wrong)
