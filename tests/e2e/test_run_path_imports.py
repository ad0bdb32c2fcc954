"""What a real `hezi run` loads: the budget of tests/lint/test_imports.py, measured on the whole way."""

from __future__ import annotations

import re

import pytest

from tests.lint.test_imports import BANNED_ON_THE_RUN_PATH
from tests.support.harness import Hezi

# -X importtime writes a line for each module, with its name at the end.
LINE = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)


def _modules(stderr: str) -> set[str]:
    return set(LINE.findall(stderr))


@pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox")
def test_a_run_of_an_image_that_is_here_loads_nothing_heavy(hezi_env: Hezi, busybox_image: str):
    hezi_env.run("run", "--rm", "--network", "none", busybox_image, "true", check=True)  # compiles the seccomp profile
    result = hezi_env.run(
        "run", "--rm", "--network", "none", busybox_image, "true", env={"PYTHONPROFILEIMPORTTIME": "1"}, check=True
    )
    loaded = _modules(result.stderr)
    assert "hezi.front.cli.main" in loaded
    # `python -m` is runpy, which the installed command does without.
    heavy = {name.partition(".")[0] for name in loaded} & BANNED_ON_THE_RUN_PATH
    assert not heavy
    assert not {name for name in loaded if name.startswith("hezi.registry.") and name != "hezi.registry.errors"}


@pytest.mark.needs("root", "docker-registry", "skopeo", "busybox")
def test_a_pull_without_a_terminal_does_not_load_rich(hezi_env: Hezi, busybox_image: str):
    result = hezi_env.run("pull", busybox_image, env={"PYTHONPROFILEIMPORTTIME": "1"}, check=True)
    assert not {name for name in _modules(result.stderr) if name.partition(".")[0] in {"rich", "asyncio"}}
