"""JSON that two readers could read differently, or that costs more than it is worth, is refused."""

from __future__ import annotations

import json
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hezi.errors import CORRUPT, Error
from hezi.spec import jsondoc


def loads(raw: bytes, **options: int) -> object:
    return jsondoc.loads(raw, limit=options.get("limit", 1 << 20), depth=options.get("depth", 64))


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, 2.5, true, null, "\\u00e9\\ud83d\\ude00"]} \n', {"a": [1, 2.5, True, None, "\xe9\U0001f600"]}),
        (b"9223372036854775808", 9223372036854775808),
        (b"1" * 400, int("1" * 400)),
        (b'{"a":{"a":1}}', {"a": {"a": 1}}),
        ('"\xe9"'.encode(), "\xe9"),
        (b"[" * 64 + b"]" * 64, None),
    ],
)
def test_good(raw: bytes, value: object) -> None:
    found = loads(raw)
    assert value is None or found == value


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "Expecting value"),
        (b"{", ""),
        (b"{} {}", "Extra data"),
        (b'{"a":1,"a":2}', "duplicate key"),
        (b'{"x":{"a":1,"b":2,"a":1}}', "duplicate key"),
        (b'{"a":1,"\\u0061":2}', "duplicate key"),
        (b"NaN", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"-Infinity", "Infinity"),
        (b"1e999", "out of range"),
        (b"-1e999", "out of range"),
        (b"1" * 5000, "digits"),
        (b'"\xff"', "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b"\xef\xbb\xbf{}", ""),
        ("{}".encode("utf-16"), ""),
        ("{}".encode("utf-32"), ""),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udfff":1}', "surrogate"),
        (b'[[["\\udc00\\ud800"]]]', "surrogate"),
        (b'"a\nb"', "control"),
        (b'"a\x00b"', "control"),
        (b"{'a':1}", ""),
        (b"[1,]", ""),
        (b"// x\n{}", ""),
        (b"[" * 65 + b"]" * 65, "too deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "too deep"),
        (b"[" * 100_000 + b"]" * 100_000, "too deep"),
        (b'{"a":' * 100_000, "too deep"),
        (b" " * ((1 << 20) + 1), "limit"),
    ],
)
def test_bad(raw: bytes, why: str) -> None:
    with pytest.raises(Error) as caught:
        loads(raw)
    assert caught.value.kind == CORRUPT
    assert why in caught.value.message
    assert len(caught.value.message) < 400


def test_depth_is_counted_in_containers() -> None:
    assert loads(b'{"a":[1]}', depth=2) == {"a": [1]}
    with pytest.raises(Error):
        loads(b'{"a":[1]}', depth=1)
    assert loads(b"1", depth=0) == 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_agrees_with_the_standard_reader(value: object) -> None:
    raw = json.dumps(value).encode()
    assert loads(raw) == value


def test_dumps_is_stable() -> None:
    assert jsondoc.dumps({"b": 1, "a": ["\xe9", None]}) == '{"b":1,"a":["\xe9",null]}'.encode()


def test_object_only() -> None:
    with pytest.raises(Error) as caught:
        jsondoc.load_object(b"[]", limit=10, what="manifest")
    assert caught.value.message == "invalid manifest: it is an array, not an object"


DOCUMENTS = [
    b' \n{"a": [1, -2.5e3, true, null, "\\u00e9x"]} \t\r\n',
    b'"s"',
    b"3",
    b"",
    b" ",
    b" x",
    b"[1,]",
    b"{} {}",
    b"[1]\n  2",
    b"{'a': 1}",
    b'{"a": 1, "a": 2}',
    b"NaN",
    b"1e999",
    b'"\x01"',
    b"\xef\xbb\xbf{}",
    b'{"a" 1}',
    b"[",
    b'\n\n "',
    b"-",
    b"01",
]


@pytest.mark.parametrize("raw", DOCUMENTS)
def test_another_python_reads_the_same(raw: bytes, monkeypatch: pytest.MonkeyPatch):
    def read() -> tuple[bool, object]:
        try:
            return True, jsondoc.loads(raw, limit=100)
        except Error as error:
            return False, str(error)

    expected = read()
    monkeypatch.setitem(sys.modules, "_json", None)
    monkeypatch.setattr(jsondoc, "_scan", jsondoc._scanner())
    assert read() == expected


@pytest.mark.parametrize("raw", DOCUMENTS)
def test_an_error_has_the_place_that_json_gives(raw: bytes):
    try:
        json.loads(raw)
    except json.JSONDecodeError as error:
        if "BOM" not in str(error):
            with pytest.raises(Error, match=re.escape(str(error))):
                jsondoc.loads(raw, limit=100)
    else:
        return


def test_writing_is_the_same_in_another_python(monkeypatch: pytest.MonkeyPatch):
    value = {"a": [1, 2.5, True, None, 'é"\n\x01'], "b": {}, "c": []}
    expected, escaped = jsondoc.dumps(value), jsondoc.dumps([value, "\udcff"], escaped=True)
    assert escaped.isascii()
    assert json.loads(escaped) == [value, "\udcff"]
    assert json.loads(expected) == value
    assert b" " not in expected
    for wrong in ({"a": float("nan")}, {"a": object()}):
        with pytest.raises((ValueError, TypeError)):
            jsondoc.dumps(wrong)
    monkeypatch.setitem(sys.modules, "_json", None)
    assert jsondoc.dumps(value) == expected
    assert jsondoc.dumps([value, "\udcff"], escaped=True) == escaped
