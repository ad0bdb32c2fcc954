"""Finding the interpreter that stage 1 runs in."""

from __future__ import annotations

import os
import sys

import pytest

from hezi import errors
from hezi.runtime import interpreter, spawn


def test_it_is_the_program_behind_a_virtual_environment(monkeypatch, tmp_path):
    (tmp_path / "python").symlink_to(os.path.realpath(sys.executable))
    monkeypatch.setattr(sys, "_base_executable", str(tmp_path / "python"))
    assert interpreter.real_path() == os.path.realpath(sys.executable)


def test_an_embedded_interpreter_has_none(monkeypatch):
    monkeypatch.setattr(sys, "_base_executable", "")
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(errors.Error) as caught:
        interpreter.real_path()
    assert caught.value.kind == errors.UNSUPPORTED


def test_a_script_is_refused(tmp_path):
    (tmp_path / "python").write_text('#!/bin/sh\nexec python3 "$@"\n')
    with pytest.raises(errors.Error, match="is a script") as caught:
        interpreter.open_sealed(str(tmp_path / "python"))
    assert caught.value.kind == errors.UNSUPPORTED


def test_one_that_is_gone_is_said(tmp_path):
    with pytest.raises(errors.Error, match="cannot seal") as caught:
        interpreter.open_sealed(str(tmp_path / "python"))
    assert caught.value.kind == errors.NOT_FOUND


def test_a_directory_with_a_colon_or_a_backslash(monkeypatch, tmp_path):
    """Overlay's lower directories are separated by colons."""
    options = []
    monkeypatch.setattr(interpreter.mount, "new_mount", lambda kind, given, attrs: options.extend(given) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        interpreter._overlay("/a:b\\c/python")
    assert dict(options)["lowerdir"].startswith("/a\\:b\\\\c:")


def test_a_shared_library_beside_it_is_found_from_the_sealed_copy(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib").mkdir()
    python = str(tmp_path / "bin/python3")
    assert spawn._environment(python) == {}
    (tmp_path / f"lib/libpython{sys.version_info[0]}.{sys.version_info[1]}.so.1.0").write_text("")
    assert spawn._environment(python) == {"LD_LIBRARY_PATH": str(tmp_path / "lib")}
