"""Image names, against what docker 28.2 says to the same words (recorded from ``docker pull``, which parses first)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hezi.errors import INVALID, Error
from hezi.spec.digest import Digest
from hezi.spec.reference import Reference, is_path, is_tag

H = "a" * 64

# What was typed, and docker's complaint; None: docker went on to the registry.
DOCKER: list[tuple[str, str | None]] = [
    ("busybox", None),
    ("centos:7.4", None),
    ("user/name:tag", None),
    ("host:5000/a/b@sha256:" + "a" * 64, None),
    ("localhost/x", None),
    ("Foo", "invalid reference format: repository name (library/Foo) must be lowercase"),
    ("Foo/bar", None),
    ("foo/Bar", "invalid reference format: repository name (foo/Bar) must be lowercase"),
    ("Foo.com/bar", None),
    ("a" * 64, "invalid repository name ({64a}), cannot specify 64-byte hexadecimal strings"),
    ("b" * 63, None),
    ("b" * 65, None),
    ("A" * 64, "invalid reference format: repository name (library/{64A}) must be lowercase"),
    ("a:b:c", "invalid reference format"),
    (":", "invalid reference format"),
    ("x:", "invalid reference format"),
    ("x@", "invalid reference format"),
    ("@", "invalid reference format"),
    ("/", "invalid reference format"),
    ("//", "invalid reference format"),
    ("/x", "invalid reference format"),
    ("x/", "invalid reference format"),
    ("a//b", "invalid reference format"),
    ("x@sha256:abc", "invalid reference format"),
    ("x@sha256:" + "A" * 64, "invalid checksum digest format"),
    ("x@md5:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "unsupported digest algorithm"),
    ("x@sha256:" + "a" * 63, "invalid checksum digest length"),
    ("x@sha256:" + "a" * 65, "invalid checksum digest length"),
    ("x@sha512:" + "a" * 128, None),
    ("x@sha512:" + "a" * 64, "invalid checksum digest length"),
    ("x@SHA256:" + "a" * 64, "invalid reference format: repository name (library/x@SHA256) must be lowercase"),
    ("x:t@sha256:" + "a" * 64, None),
    ("x@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:t", "invalid reference format"),
    ("library/a/b", None),
    ("docker.io/x", None),
    ("docker.io/a/b", None),
    ("index.docker.io/a", None),
    ("index.docker.io/a/b", None),
    ("docker.io/library/x", None),
    ("http://x/y", "invalid reference format"),
    ("https://docker.io/x", "invalid reference format"),
    ("a..b", "invalid reference format"),
    ("a.b", None),
    ("a._b", "invalid reference format"),
    ("a_.b", "invalid reference format"),
    ("a__b", None),
    ("a___b", "invalid reference format"),
    ("a____b", "invalid reference format"),
    ("a--b", None),
    ("a-----b", None),
    ("a-_b", "invalid reference format"),
    ("a.-b", "invalid reference format"),
    ("-a", "invalid reference format"),
    ("a-", "invalid reference format"),
    ("_a", "invalid reference format"),
    ("a_", "invalid reference format"),
    (".a", "invalid reference format"),
    ("a.", "invalid reference format"),
    ("a.b/c", None),
    ("a-b/c", None),
    ("a_b/c", None),
    ("-a.com/b", "invalid reference format"),
    ("a-.com/b", "invalid reference format"),
    ("a..com/b", "invalid reference format"),
    (".com/b", "invalid reference format"),
    ("com./b", "invalid reference format"),
    ("a.com:/b", "invalid reference format"),
    ("a.com:80/b", None),
    ("a.com:x/b", "invalid reference format"),
    ("a.com:80:80/b", "invalid reference format"),
    ("a.com:99999999/b", None),
    ("[::1]/x", None),
    ("[::1]:5000/x", None),
    ("[::1/x", "invalid reference format"),
    ("::1/x", "invalid reference format"),
    ("[fe80::1%25eth0]/x", "invalid reference format"),
    ("[gg]/x", "invalid reference format"),
    ("[]/x", "invalid reference format"),
    ("127.0.0.1/x", None),
    ("127.0.0.1:5000/x", None),
    ("localhost:5000/x", None),
    ("localhost:5000", None),
    ("localhost:x", None),
    ("localhost", None),
    ("LOCALHOST/x", None),
    ("Localhost/x", None),
    ("x:" + "t" * 128, None),
    ("x:" + "t" * 129, "invalid reference format"),
    ("x:_t", None),
    ("x:.t", "invalid reference format"),
    ("x:-t", "invalid reference format"),
    ("x:t.-_", None),
    ("x:t+1", "invalid reference format"),
    ("x:t/u", "invalid reference format"),
    ("x:T", None),
    ("x:t\xe4g", "invalid reference format"),
    ("t\xe4g", "invalid reference format"),
    ("x y", "invalid reference format"),
    (" x", "invalid reference format"),
    ("x ", "invalid reference format"),
    ("x\ty", "invalid reference format"),
    ("x\n", "invalid reference format"),
    ("x%20", "invalid reference format"),
    ("x?y", "invalid reference format"),
    ("x#y", "invalid reference format"),
    ("x&y", "invalid reference format"),
    ("~x", "invalid reference format"),
    ("x~", "invalid reference format"),
    ("a/b/c/d/e/f/g", None),
    ("a" * 255, "repository name must not be more than 255 characters"),
    ("a" * 256, "repository name must not be more than 255 characters"),
    ("a/" * 120 + "a", None),
    ("docker.io/" + "a" * 237, None),
    ("docker.io/" + "a" * 238, None),
    ("example.com/" + "a" * 243, None),
    ("example.com/" + "a" * 244, None),
    ("../x", "invalid reference format"),
    ("x/../y", "invalid reference format"),
    ("./x", "invalid reference format"),
    ("x/./y", "invalid reference format"),
    ("x@sha256:../../etc", "invalid reference format"),
    ("x@sha256:../../../../../../../../../../../../../../../../../../../../../a", "invalid reference format"),
    ("x:../y", "invalid reference format"),
    ("x\\y", "invalid reference format"),
    ("\u0445", "invalid reference format"),
    ("K/x", None),
    ("\u017f", "invalid reference format"),
    ("xn--n3h.com/x", None),
    ("\u1e9e/x", "invalid reference format"),
    ("x@a+b.c_d-e:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "unsupported digest algorithm"),
    ("x@1a:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "invalid reference format"),
    ("x@a:gggggggggggggggggggggggggggggggg", "invalid reference format"),
    ("user@host/x", "invalid reference format"),
    ("a.b.c", None),
    ("a.b.c:tag", None),
    ("scratch", None),
    ("sha256:" + "a" * 64, None),
    ("x@" + "a" * 64, "invalid reference format"),
    ("1", None),
    ("0/0", None),
    ("a/b:c/d", "invalid reference format"),
    ("a:5000", None),
    ("a:5000/b", None),
    ("a:b/c", "invalid reference format"),
    ("UPPER:5000/x", None),
    ("x:5000/Y", "invalid reference format: repository name (Y) must be lowercase"),
    ("docker.io", None),
    ("docker.io/", "invalid reference format"),
    ("index.docker.io", None),
    ("library/", "invalid reference format"),
    ("x@sha256", "invalid reference format"),
    ("x@:" + "a" * 64, "invalid reference format"),
    ("x@sha256:", "invalid reference format"),
]


@pytest.mark.parametrize(("text", "complaint"), DOCKER)
def test_as_docker(text: str, complaint: str | None) -> None:
    if complaint is None:
        reference = Reference.parse(text)
        assert Reference.parse(str(reference)) == reference
        assert Reference.parse(reference.familiar) == reference
        return
    with pytest.raises(Error) as caught:
        Reference.parse(text)
    assert caught.value.kind == INVALID
    assert complaint.replace("{64A}", "A" * 64).replace("{64a}", H) in caught.value.message


@pytest.mark.parametrize("text", ["a_b.c/d", "x@sha384:" + "a" * 96, "h" * 300 + ".example/x"])
def test_stricter_than_docker(text: str) -> None:
    """A domain that is no host name, a digest that OCI does not register, a host name that DNS cannot hold."""
    with pytest.raises(Error):
        Reference.parse(text)


@pytest.mark.parametrize(
    ("text", "domain", "path", "tag", "familiar"),
    [
        ("busybox", "docker.io", "library/busybox", None, "busybox"),
        ("centos:7.4", "docker.io", "library/centos", "7.4", "centos:7.4"),
        ("user/name:tag", "docker.io", "user/name", "tag", "user/name:tag"),
        ("docker.io/busybox", "docker.io", "library/busybox", None, "busybox"),
        ("index.docker.io/user/x", "docker.io", "user/x", None, "user/x"),
        ("library/a/b", "docker.io", "library/a/b", None, "library/a/b"),
        ("localhost/x", "localhost", "x", None, "localhost/x"),
        ("localhost:5000", "docker.io", "library/localhost", "5000", "localhost:5000"),
        ("host:5000/a/b:t", "host:5000", "a/b", "t", "host:5000/a/b:t"),
        ("Host/a", "Host", "a", None, "Host/a"),
        ("[::1]:5000/a", "[::1]:5000", "a", None, "[::1]:5000/a"),
        ("a.b/c", "a.b", "c", None, "a.b/c"),
    ],
)
def test_normalised(text: str, domain: str, path: str, tag: str | None, familiar: str) -> None:
    reference = Reference.parse(text)
    assert (reference.domain, reference.path, reference.tag, reference.digest) == (domain, path, tag, None)
    assert reference.familiar == familiar
    assert reference.name == f"{domain}/{path}"


def test_tag_and_digest() -> None:
    reference = Reference.parse(f"host:5000/a/b:t@sha256:{H}")
    assert reference == Reference("host:5000", "a/b", "t", Digest(f"sha256:{H}"))
    assert str(reference) == f"host:5000/a/b:t@sha256:{H}"
    assert reference.with_default_tag() is reference
    assert reference.with_tag("u").familiar == "host:5000/a/b:u"
    assert reference.with_digest(Digest(f"sha256:{H}")).tag is None


def test_default_tag() -> None:
    assert str(Reference.parse("busybox").with_default_tag()) == "docker.io/library/busybox:latest"
    assert Reference.parse(f"x@sha256:{H}").with_default_tag().tag is None
    assert Reference.parse("x:y").with_default_tag().tag == "y"


@pytest.mark.parametrize("tag", ["", ".x", "a/b", "x" * 129, "a b"])
def test_with_tag_refuses(tag: str) -> None:
    with pytest.raises(Error):
        Reference.parse("x").with_tag(tag)
    assert not is_tag(tag)


def test_is_path() -> None:
    assert is_path("library/busybox")
    assert not any(is_path(text) for text in ("", "/", "a/", "../a", "A", "a" * 256, "a%2fb", "a?b", "a\0"))


def test_a_megabyte_is_refused_shortly() -> None:
    for text in ("a" * (1 << 20), "A" * (1 << 20), "x/" * (1 << 19), "x@sha256:" + "a" * (1 << 20)):
        with pytest.raises(Error) as caught:
            Reference.parse(text)
        assert len(str(caught.value)) < 1000


@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    """Whatever it is: an error of ours, or a reference that reads back as itself."""
    try:
        reference = Reference.parse(text)
    except Error:
        return
    assert Reference.parse(str(reference)) == reference
    assert str(reference).isascii()


@given(st.from_regex(r"[a-zA-Z0-9._:/@\[\]-]{1,24}", fullmatch=True))
def test_likely_text(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except Error:
        return
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.familiar) == reference
    assert is_path(reference.path)
