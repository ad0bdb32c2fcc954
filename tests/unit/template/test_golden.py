"""Every recorded template gives what docker gave: output, error text and exit code (see record.py)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hezi.front.cli.template.errors import TemplateError
from hezi.front.cli.template.evaluate import execute
from hezi.front.cli.template.formats import PARSING, check, format_inspect, format_records
from hezi.front.cli.template.functions import FUNCTIONS
from hezi.front.cli.template.parser import parse
from hezi.front.cli.template.values import Record, Struct
from tests.unit.template.record import DESCRIPTION, RICH

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "template_golden.json").read_text())
HEADERS = {
    "Names": "NAMES", "Image": "IMAGE", "State": "STATE", "Status": "STATUS", "Networks": "NETWORKS",
    "Labels": "LABELS", "Ports": "PORTS", "Command": "COMMAND", "ID": "CONTAINER ID", "Size": "SIZE",
    "LocalVolumes": "LOCAL VOLUMES",
}  # fmt: skip

# Where hezi answers otherwise, and why.
IN_RICH = "{{with .Metadata.Metadata.AdditionalFields}}%s{{end}}"
DIFFERENT = {
    ("context", "{{1i}}"): "no complex numbers",
    (
        "context",
        "{{.Metadata.Metadata.Foo}}",
    ): "Go says `interface {}` for a field declared so; a Struct has no such fields",
    ("context", IN_RICH % "{{len .none}}"): "a nil value and none at all are not told apart here",
    ("context", IN_RICH % "{{call 1}}"): "Go repeats the argument's text",
    ("context", IN_RICH % "{{call .s}}"): "Go repeats the argument's text",
    ("context", IN_RICH % '{{printf "%x" 3.5}}'): "no hexadecimal floating point numbers",
}


def context() -> Struct:
    """Return the context that the lines of kind "context" were asked of, with Go's names of its types."""
    rich = json.loads(json.dumps(RICH), parse_int=float)  # numbers of untyped JSON are floats in Go
    docker = Struct({"Description": DESCRIPTION, "AdditionalFields": rich}, "command.DockerContext", escapes=True)
    endpoint = Struct({"Host": "unix:///srv/rich.sock", "SkipTLSVerify": False}, "docker.EndpointMeta")
    metadata = Struct(
        {"Name": "rich", "Metadata": docker, "Endpoints": {"docker": endpoint}}, "store.Metadata", escapes=True
    )
    fields = {"Metadata": metadata, "TLSMaterial": {}, "Storage": Struct({}, "store.StorageInfo")}
    return Promoting(fields, "context.contextWithTLSListing", escapes=True)


class Promoting(Struct):
    """A struct with an embedded one, whose fields it has too."""

    def field(self, name: str) -> object:
        """Return a field of the embedded struct or of this one."""
        embedded = self.fields["Metadata"]
        return super().field(name) if name in self.fields else embedded.field(name)


def answer(kind: str, template: str) -> tuple[str, str, int]:
    """Return what hezi answers as docker would print it: stdout, stderr, exit code."""
    try:
        if kind == "context":
            return execute(parse(template, FUNCTIONS), context()) + "\n", "", 0
        if kind != "ps":
            return format_inspect(template, GOLDEN["documents"][kind]), "", 0
        records = [record(line) for line in GOLDEN["documents"]["ps"]]
        check(template, record(dict.fromkeys(GOLDEN["documents"]["ps"][0], "") | {"Image": "<no image>"}))
        return format_records(template, records, HEADERS), "", 0
    except TemplateError as error:
        message = f"{PARSING}: {error}" if kind == "context" else str(error)
        code = 64 if error.phase == "parse" and kind != "ps" else 1
        return "" if error.phase == "parse" or kind == "ps" else "\n", message + "\n", code


def record(line: dict[str, str]) -> Record:
    """Return a line of `ps` with its labels as `.Label` finds them."""
    labels = dict(pair.split("=", 1) for pair in line["Labels"].split(",") if pair)
    return Record(line, {"Label": lambda key: labels.get(key, "")}, "*formatter.ContainerContext")


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['kind']}: {case['template']}")
def test_as_docker(case: dict[str, str]):
    given = answer(case["kind"], case["template"])
    recorded = (case["out"], case["err"], case["code"])
    if (case["kind"], case["template"]) in DIFFERENT:
        assert given != recorded, "no longer different"
    else:
        assert given == recorded
