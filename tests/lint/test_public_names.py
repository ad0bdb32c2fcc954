"""Every public name of the package is there, and is what the documentation says it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

import hezi
from tests.lint._tree import SOURCE, module_names


@pytest.mark.parametrize("name", hezi.__all__)
def test_public_name_resolves(name: str):
    home = hezi._PUBLIC.get(name)
    if home is not None:
        assert module_names(home), f"{name} is promised from {home}, which does not exist"
    assert getattr(hezi, name) is not None


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Motor'"):
        _ = hezi.Motor


def test_package_says_it_is_typed():
    assert (SOURCE / "hezi" / "py.typed").exists()


def test_dir_lists_the_public_names():
    program = "import hezi; print(*dir(hezi))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=SOURCE)
    assert done.stdout.split() == sorted(hezi.__all__)


@pytest.mark.parametrize("name", [name for name in module_names("hezi") if (SOURCE / name.replace(".", "/")).is_dir()])
def test_packages_hold_no_program(name: str):
    """An ``__init__.py`` runs whenever anything below it is imported, so it holds a docstring and no more."""
    if name == "hezi":
        return
    text = (SOURCE / name.replace(".", "/") / "__init__.py").read_text()
    program = [line for line in text.splitlines() if line.startswith(("import ", "from ", "def ", "class "))]
    assert program in ([], ["from __future__ import annotations"])
