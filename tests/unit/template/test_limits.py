"""A hostile or broken template ends with an error, soon; loading the package costs little."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hezi.errors import INVALID
from hezi.front.cli.template.errors import MAX_DEPTH, TemplateError
from hezi.front.cli.template.formats import format_inspect, format_records
from hezi.front.cli.template.values import Record
from tests.lint._tree import SOURCE

RECORD = Record({"Names": "one", "Size": lambda: "3B"}, {"Label": lambda key: key})
PIECES = [
    "{{", "}}", "{{-", "-}}", "/*", "*/", ".", ".Names", "$", "$x", ":=", "=", "|", "(", ")", '"', '"a"', "`",
    "'a'", "1", "-1",
    "0x", "1.5", " ", "\n", "if", "else", "end", "range", "with", "define", "template", "block", "break", "nil", "true",

    "print", "printf", '"%*d"', "index", "slice", "len", "eq", "and", "json", "split", "join", "pad", "盒", "\0", ",",
]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ('{{define "a"}}{{template "a"}}{{end}}{{template "a"}}', f"exceeded maximum template depth ({MAX_DEPTH})"),
        ("{{range 1000000000}}{{end}}", "steps"),
        ("{{range 100000}}{{range 100000}}x{{end}}{{end}}", "steps"),
        ('{{$x := "xxxxxxxxxx"}}{{range 100}}{{$x = print $x $x}}{{end}}', "longer than"),
        ('{{$x := pad "x" 9999999 9999999}}{{range 100}}{{$x}}{{end}}', "longer than"),
        ('{{pad "x" 999999999999 1}}', "longer than"),
        ('{{$x := pad "x" 40000 40000}}{{join (split $x "") $x}}', "longer than"),
        ("{{" + "(" * 5000 + "1" + ")" * 5000 + "}}", "nested too deeply"),
        ("{{if 1}}" * 5000 + "{{end}}" * 5000, "nested too deeply"),
        ("x" * 2_000_000, "longer than"),
    ],
    ids=lambda value: value[:40],
)
def test_ends_soon(template: str, said: str):
    start = time.monotonic()
    with pytest.raises(TemplateError, match=said.replace("(", r"\(").replace(")", r"\)")):
        format_records(template, [RECORD], {})
    assert time.monotonic() - start < 20


def test_a_long_but_honest_template_works():
    template = "{{.Names}}" * 20_000
    assert format_records(template, [RECORD], {}) == "one" * 20_000 + "\n"


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_template_or_an_error(template: str):
    for ask in (lambda: format_records(template, [RECORD], {}), lambda: format_inspect(template, [{"Names": None}])):
        try:
            assert isinstance(ask(), str)
        except TemplateError as error:
            assert error.kind == INVALID  # noqa: PT017  an error is as good an end as a text


def test_loading_is_cheap():
    program = (
        "import sys, typing, re; before = set(sys.modules); import hezi.front.cli.template.formats;"
        "print(*sorted(name for name in set(sys.modules) - before if not name.startswith('hezi')))"
    )
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r}); {program}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"__future__", "math"}
