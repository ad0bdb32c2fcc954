"""Tables as docker's tabwriter aligns them, and records whose columns are asked for only when shown."""

from __future__ import annotations

import pytest

from hezi.front.cli.template.formats import format_inspect, format_records
from hezi.front.cli.template.gojson import encode
from hezi.front.cli.template.table import tabulate
from hezi.front.cli.template.values import Record


@pytest.mark.parametrize(
    ("text", "aligned"),
    [
        ("", ""),
        ("a", "a"),
        ("a\tb\n", "a         b\n"),
        ("a\tb", "a         b"),
        ("aaaaaaaa\tb\na\tb\n", "aaaaaaaa   b\na          b\n"),
        ("aaaaaaa\tb\n", "aaaaaaa   b\n"),
        ("盒子盒子\tb\nx\ty\n", "盒子盒子   b\nx          y\n"),
        ("\x1b[1mé\u0301a\tb", "\x1b[1mé\u0301a     b"),
        ("a\t\tb\n", "a                   b\n"),
        ("\ta\n", "          a\n"),
        ("a\t\n", "a         \n"),
        ("aaaaaaaaaaaa\tb\nno cells here\nc\td\n", "aaaaaaaaaaaa   b\nno cells here\nc         d\n"),
        ("aaaaaaaaaaaa\vb\fc\td\n", "aaaaaaaaaaaa   b\nc         d\n"),
        ("a\tbbbbbbbbbbbb\tc\nx\ty\nz\tw\tv\n", "a         bbbbbbbbbbbb   c\nx         y\nz         w         v\n"),
    ],
)
def test_columns(text: str, aligned: str):
    assert tabulate(text) == aligned


def test_costly_columns_are_asked_for_only_when_shown():
    asked = []
    records = [Record({"Names": "one", "Size": lambda: asked.append("Size") or "3B"})]
    assert format_records("table {{.Names}}", records, {"Names": "NAMES"}) == "NAMES\none\n"
    assert not asked
    assert format_records("{{.Size}}", records, {}) == "3B\n"
    assert asked == ["Size"]


def test_no_records():
    assert format_records("table {{.Names}}\\t{{.Zz}}", [], {"Names": "NAMES"}) == "NAMES     <no value>\n"
    assert format_records("json", [], {}) == ""
    assert format_inspect("{{.Id}}", []) == "\n"
    assert format_inspect("json", []) == "[]\n"
    assert format_inspect("", []) == "[]\n"


def test_bytes_that_are_no_text():
    name = b"a\xff".decode(errors="surrogateescape")
    assert format_records("{{.Names}}", [Record({"Names": name})], {}).encode(errors="surrogateescape") == b"a\xff\n"
    assert encode(name) == '"a\ufffd"'
    assert format_records("{{len .Names}}", [Record({"Names": name})], {}) == "2\n"
