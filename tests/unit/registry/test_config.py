"""What is allowed with which registry, and which proxy is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from hezi.errors import INVALID, Error
from hezi.registry.config import host_policy, is_loopback
from hezi.registry.proxy import proxy_for


def policy(tmp_path: Path, text: str, domain: str) -> object:
    path = tmp_path / "registries.toml"
    path.write_text(text)
    return host_policy(domain, config=str(path), certs_d=str(tmp_path / "certs.d"))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.255.0.9", "::1", "[::1]"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "127",
     "127.1", "0x7f.0.0.1", "2130706433", "127.0.0.1.example", "localhost.example", "xlocalhost", "128.0.0.1",
     "0.0.0.0",
     "::2", "::ffff:127.0.0.1", "127.0.0.256", "127.0.0.1.1", "127.0.0.\u0661", "127.0.0.-1", "local host"],
)  # fmt: skip
def test_not_loopback(host: str) -> None:
    """B4: names that only look like this machine get TLS like any stranger."""
    assert not is_loopback(host)


def test_defaults(tmp_path: Path) -> None:
    found = host_policy("docker.io", config=str(tmp_path / "none"), certs_d=str(tmp_path))
    assert (found.host, found.plain_allowed, found.ca_files) == ("registry-1.docker.io", False, ())
    assert host_policy("localhost:5000", config=str(tmp_path / "none")).plain_allowed
    assert not host_policy("r.example:5000", config=str(tmp_path / "none")).plain_allowed


def test_settings(tmp_path: Path) -> None:
    text = '[registry."r.example:5000"]\ninsecure = true\nca = "/ca"\ncert = "/c"\nkey = "/k"\n[registry."s.example"]\n'
    found = policy(tmp_path, text, "r.example:5000")
    assert found.insecure  # type: ignore[attr-defined]
    assert found.ca_files == ("/ca",)  # type: ignore[attr-defined]
    assert found.client_certificates == (("/c", "/k"),)  # type: ignore[attr-defined]
    for other in ("s.example", "r.example", "r.example:5001", "R.example:5000"):
        assert not policy(tmp_path, text, other).insecure  # type: ignore[attr-defined]


def test_the_environment_names_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.toml"
    path.write_text('[registry."r.example"]\ninsecure = true\n')
    monkeypatch.setenv("HEZI_REGISTRIES_CONFIG", str(path))
    assert host_policy("r.example").insecure


@pytest.mark.parametrize(
    "text",
    ["[", "\xff", 'registry = "x"', "[registries]", "[registry.r.example]\ninsecure = true",
     '[registry."r.example"]\ninsecur = true',
     '[registry."r.example"]\ninsecure = "true"', '[registry."r.example"]\ninsecure = 1',
     '[registry."r.example"]\nca = true', '[registry]\n"r.example" = true'],
)  # fmt: skip
def test_a_wrong_file_is_an_error(tmp_path: Path, text: str) -> None:
    """Also for other registries than the one that is written wrong."""
    with pytest.raises(Error) as caught:
        policy(tmp_path, text, "another.example")
    assert caught.value.kind == INVALID
    assert caught.value.path == str(tmp_path / "registries.toml")


def test_a_port_that_is_none() -> None:
    with pytest.raises(Error):
        host_policy("r.example:99999")


def test_docker_certificates(tmp_path: Path) -> None:
    directory = tmp_path / "certs.d" / "r.example:5000"
    directory.mkdir(parents=True)
    for name in ("b.crt", "a.crt", "client.cert", "client.key", "README"):
        (directory / name).write_text("x")
    found = host_policy("r.example:5000", config=str(tmp_path / "none"), certs_d=str(tmp_path / "certs.d"))
    assert found.ca_files == (str(directory / "a.crt"), str(directory / "b.crt"))
    assert found.client_certificates == ((str(directory / "client.cert"), str(directory / "client.key")),)
    (directory / "client.key").unlink()
    with pytest.raises(Error, match="has no key"):
        host_policy("r.example:5000", config=str(tmp_path / "none"), certs_d=str(tmp_path / "certs.d"))


@pytest.mark.parametrize(
    ("host", "environment", "proxy"),
    [
        ("r.example", {}, None),
        ("r.example", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("r.example", {"https_proxy": "p:3128"}, "http://p:3128"),
        ("r.example", {"HTTP_PROXY": "http://p:3128"}, None),
        ("localhost", {"HTTPS_PROXY": "http://p:3128"}, None),
        ("127.0.0.1", {"HTTPS_PROXY": "http://p:3128"}, None),
        ("[::1]", {"HTTPS_PROXY": "http://p:3128"}, None),
        ("r.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, None),
        ("r.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "r.example"}, None),
        ("a.r.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "r.example"}, None),
        ("xr.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "r.example"}, "http://p"),
        ("r.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": ".r.example"}, "http://p"),
        ("a.r.example", {"HTTPS_PROXY": "http://p", "no_proxy": "x, .r.example"}, None),
        ("a.r.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "*.r.example"}, None),
        ("R.Example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "r.example:443"}, None),
        ("r.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "r.example:444"}, "http://p"),
        ("10.1.2.3", {"HTTPS_PROXY": "http://p", "NO_PROXY": "10.0.0.0/8"}, None),
        ("11.1.2.3", {"HTTPS_PROXY": "http://p", "NO_PROXY": "10.0.0.0/8,nonsense/99"}, "http://p"),
        ("[fd00::1]", {"HTTPS_PROXY": "http://p", "NO_PROXY": "fd00::/8"}, None),
        ("[fd00::1]", {"HTTPS_PROXY": "http://p", "NO_PROXY": "fd00::1"}, None),
        ("r.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": ",,"}, "http://p"),
    ],
)
def test_proxy(host: str, environment: dict[str, str], proxy: str | None) -> None:
    assert proxy_for("https", host, 443, environment) == proxy
