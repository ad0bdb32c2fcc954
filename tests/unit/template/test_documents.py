"""inspect's documents: what docker's types add to the JSON."""

from __future__ import annotations

import pytest

from hezi.front.cli.template.errors import TemplateError
from hezi.front.cli.template.formats import format_inspect
from hezi.front.cli.template.values import Duration, Time

CONTAINER = {
    "Id": "abc",
    "State": {"Pid": 7, "Health": {"Status": "healthy", "Log": [{"Start": "2026-01-02T03:04:05.6Z", "ExitCode": 0}]}},
    "Config": {"Env": None, "Labels": None, "Healthcheck": {"Test": ["CMD", "true"], "Interval": 90_000_000_000}},
    "HostConfig": {"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}, "PidsLimit": None},
}


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (250_000_000, "250ms"),
        (1_000_000_000, "1s"),
        (1_500_000_000, "1.5s"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_000, "1h0m0s"),
        (-2_000_000_000, "-2s"),
    ],
)
def test_durations(nanoseconds: int, shown: str):
    assert str(Duration(nanoseconds)) == shown


def test_times():
    assert str(Time("2026-01-02T03:04:05.6Z")) == "2026-01-02 03:04:05.6 +0000 UTC"
    assert str(Time("2026-01-02T03:04:05+02:00")) == "2026-01-02 03:04:05 +0200 +0200"
    assert str(Time("")) == ""


@pytest.mark.parametrize(
    ("template", "printed"),
    [
        ("{{.State.Health.Status}}", "healthy"),
        ("{{range .State.Health.Log}}{{.Start}}: {{.ExitCode}}{{end}}", "2026-01-02 03:04:05.6 +0000 UTC: 0"),
        ("{{json .State.Health.Log}}", '[{"Start":"2026-01-02T03:04:05.6Z","ExitCode":0}]'),
        ("{{.Config.Healthcheck.Interval}} {{json .Config.Healthcheck.Interval}}", "1m30s 90000000000"),
        ("{{.Config.Healthcheck.Retries}}", "0"),
        ("{{.Config.Env}} {{json .Config.Env}} {{.Config.Labels}} {{json .Config.Labels}}", "[] null map[] null"),
        ("{{.HostConfig.LogConfig.Config}}", "map[max-size:1m]"),
        ('{{index .HostConfig.LogConfig.Config "zz"}}|', "|"),
        ("{{.HostConfig.PidsLimit}}", "<nil>"),
        ("{{eq .State.Pid 7}}", "true"),
        ("{{.ID}}", "abc"),
        ("{{.Id}} {{.State.Pid}}", "abc 7"),  # only the JSON has this name: the whole line is done over
        ('{{join .Config.Healthcheck.Test " "}}', "CMD true"),
    ],
)
def test_fields(template: str, printed: str):
    assert format_inspect(template, [CONTAINER]) == printed + "\n"


def test_several_documents():
    other = CONTAINER | {"Id": "def"}
    assert format_inspect("{{.Id}}", [CONTAINER, other]) == "abc\ndef\n"
    assert format_inspect("json", [{"b": 1, "a": "<"}, {}]) == '[{"b":1,"a":"<"},{}]\n'
    assert format_inspect("", [{"b": [1, {}], "a": {"c": []}}]) == (
        '[\n    {\n        "b": [\n            1,\n            {}\n        ],\n'
        '        "a": {\n            "c": []\n        }\n    }\n]\n'
    )


def test_the_phase_tells_exit_codes_apart():
    with pytest.raises(TemplateError) as parse:
        format_inspect("{{", [CONTAINER])
    with pytest.raises(TemplateError) as execute:
        format_inspect("{{.Nope}}", [CONTAINER])
    assert (parse.value.phase, execute.value.phase) == ("parse", "execute")
