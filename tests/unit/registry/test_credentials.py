"""Docker's configuration file and credential helpers; secrets that do not print (class B4)."""

from __future__ import annotations

import base64
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from hezi.errors import CORRUPT, INVALID, NOT_FOUND, Error
from hezi.registry.credentials import Anonymous, Credential, DockerConfig, Secret, default_path, encode_basic

HUB = "https://index.docker.io/v1/"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def get(tmp_path: Path, config: Any, domain: str) -> tuple[str, str, str | None] | None:
    path = tmp_path / "config.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    found = DockerConfig(str(path)).get(domain)
    if found is None:
        return None
    return found.username, found.password.reveal(), found.identity_token and found.identity_token.reveal()


def helper(tmp_path: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "bin"
    directory.mkdir(exist_ok=True)
    program = directory / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("auths", "domain", "found"),
    [
        ({HUB: {"auth": encoded("me:pw")}}, "docker.io", ("me", "pw", None)),
        ({"index.docker.io": {"auth": encoded("me:pw")}}, "docker.io", ("me", "pw", None)),
        ({"docker.io": {"auth": encoded("me:pw")}}, "docker.io", ("me", "pw", None)),
        ({"r.example:5000": {"auth": encoded("me:p:w:")}}, "r.example:5000", ("me", "p:w:", None)),
        ({"https://r.example/v1/": {"auth": encoded("me:pw")}}, "r.example", ("me", "pw", None)),
        ({"r.example/": {"auth": encoded("me:pw")}}, "r.example", ("me", "pw", None)),
        ({"r.example": {"auth": encoded("me:pw")}}, "r.example:5000", None),
        ({"r.example:5000": {"auth": encoded("me:pw")}}, "r.example", None),
        ({"r.example": {"auth": encoded("me:pw")}}, "xr.example", None),
        ({HUB: {"auth": encoded("me:pw")}}, "r.example", None),
        ({"r.example": {"username": "me", "password": "pw"}}, "r.example", ("me", "pw", None)),
        ({"r.example": {"auth": encoded("me:"), "identitytoken": "idt"}}, "r.example", ("me", "", "idt")),
        ({"r.example": {"auth": encoded("m\xe9:p\xfc")}}, "r.example", ("m\xe9", "p\xfc", None)),
        ({"r.example": {}}, "r.example", None),
        ({}, "r.example", None),
    ],
)
def test_the_file(tmp_path: Path, auths: dict[str, Any], domain: str, found: object) -> None:
    assert get(tmp_path, {"auths": auths}, domain) == found


@pytest.mark.parametrize(
    "config", ["", "  \n", "{}", '{"auths": null}', '{"HttpHeaders": {"X": "y"}, "psFormat": "x"}']
)
def test_nothing_there(tmp_path: Path, config: str) -> None:
    assert get(tmp_path, config, "docker.io") is None


def test_no_file(tmp_path: Path) -> None:
    assert DockerConfig(str(tmp_path / "none")).get("docker.io") is None
    assert Anonymous().get("docker.io") is None


@pytest.mark.parametrize(
    "config",
    ["{", "[]", '{"auths": []}', '{"auths": {"r.example": "x"}}', '{"auths": {"r.example": {"auth": "%%%"}}}',
     '{"auths": {"r.example": {"auth": "bm9jb2xvbg=="}}}', '{"auths": {"r.example": {"auth": 1}}}',
     '{"credsStore": 1}', '{"credHelpers": {"x": 1}}', '{"auths": {}, "auths": {}}',
     '{"auths": {"r.example": {"auth": "OnB3"}}}'],
)  # fmt: skip
def test_a_broken_file_is_an_error(tmp_path: Path, config: str) -> None:
    with pytest.raises(Error) as caught:
        get(tmp_path, config, "r.example")
    assert caught.value.kind == CORRUPT


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", "/x")
    assert default_path() == "/x/config.json"
    monkeypatch.delenv("DOCKER_CONFIG")
    monkeypatch.setenv("HOME", "/h")
    assert default_path() == "/h/.docker/config.json"


def test_a_helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f'read key; test "$1" = get && echo "$key" >> {tmp_path}/asked; echo \'{{"Username":"me","Secret":"pw"}}\''
    helper(tmp_path, "good", script, monkeypatch)
    config = {"credHelpers": {"r.example:5000": "good"}, "auths": {"r.example:5000": {"auth": encoded("old:old")}}}
    assert get(tmp_path, config, "r.example:5000") == ("me", "pw", None)
    assert get(tmp_path, {"credsStore": "good"}, "docker.io") == ("me", "pw", None)
    assert (tmp_path / "asked").read_text().split() == ["r.example:5000", HUB]


def test_a_helper_with_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, "good", """echo '{"Username":"<token>","Secret":"idt"}'""", monkeypatch)
    assert get(tmp_path, {"credsStore": "good"}, "r.example") == ("", "", "idt")


def test_a_helper_for_each_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, "one", """echo '{"Username":"one","Secret":"1"}'""", monkeypatch)
    helper(tmp_path, "two", """echo '{"Username":"two","Secret":"2"}'""", monkeypatch)
    config = {"credHelpers": {"r.example": "one"}, "credsStore": "two"}
    assert get(tmp_path, config, "r.example") == ("one", "1", None)
    assert get(tmp_path, config, "s.example") == ("two", "2", None)


def test_a_helper_without_credentials_means_anonymous(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, "empty", "echo credentials not found in native keychain; exit 1", monkeypatch)
    config = {"credsStore": "empty", "auths": {"r.example": {"auth": encoded("old:old")}}}
    assert get(tmp_path, config, "r.example") is None


@pytest.mark.parametrize(
    "script",
    ["exit 1", "echo SECRET-in-an-error >&2; exit 3",
     "echo SECRET", "echo '[]'", """echo '{"Username":1,"Secret":"SECRET"}'""",
     "kill -9 $$"],
)  # fmt: skip
def test_a_broken_helper_is_an_error_and_nothing_else_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """CVE-2021-41092: the fallback sent what belonged to one registry to another."""
    helper(tmp_path, "broken", script, monkeypatch)
    config = {"credHelpers": {"r.example": "broken"}, "auths": {"r.example": {"auth": encoded("old:old")}}}
    with pytest.raises(Error) as caught:
        get(tmp_path, config, "r.example")
    assert "SECRET" not in f"{caught.value}{caught.value.hint}"
    assert get(tmp_path, config, "s.example") is None


def test_a_missing_helper(tmp_path: Path) -> None:
    with pytest.raises(Error) as caught:
        get(tmp_path, {"credsStore": "not-installed"}, "r.example")
    assert caught.value.kind == NOT_FOUND
    assert "docker-credential-not-installed" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["../../bin/sh", "a b", "a/b", "x;y", "\u00e9"])
def test_a_helper_is_a_name_and_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(Error) as caught:
        get(tmp_path, {"credsStore": name}, "r.example")
    assert caught.value.kind == INVALID


def test_secrets_do_not_show() -> None:
    secret = Secret("hunter2")
    credential = Credential("me", secret, secret)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r}",
        f"{secret:}",
        repr(credential),
        str([credential]),
        f"{credential}",
    ]
    assert not any("hunter2" in text for text in shown)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps({"a": secret})
    assert secret.reveal() == "hunter2"
    assert encode_basic(credential).reveal() == "Basic " + encoded("me:hunter2")
