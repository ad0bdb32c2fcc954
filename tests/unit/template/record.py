"""Records docker's answers to template lines in tests/data/template_golden.json.

Run by hand where the docker client is installed: `python -m tests.unit.template.record` asks again for the lines that
are in the file, and for those on standard input (KIND, a tab, the template as a JSON string). A line is of the kind

- context: `docker context inspect -f`, no daemon needed: the language over the values of RICH;
- inspect: `docker inspect -f` of a container, typed and then bare;
- image, volume, network: `docker image inspect -f` and so on;
- ps: `docker ps -a --format`.

All but the first need a daemon at DOCKER_HOST; the containers are those that `prepare` makes.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "template_golden.json"
RICH = {
    "s": "hello",
    "empty": "",
    "html": "<a href=\"x\">'&'</a>",
    "uni": "盒子 é",
    "ctl": "a\tb\nc\u0001\u2028",
    "pct": "100%",
    "nums": [3, 1, 2.5, 1e21, 1e6, 1e-7, 123456789, 0, -4],
    "words": ["b", "a", "c"],
    "mixed": [1, "two", None, True, [1, 2], {"k": "v"}],
    "none": None,
    "yes": True,
    "no": False,
    "elist": [],
    "emap": {},
    "map": {"b": 1, "a": "x", "c-d": None},
    "deep": {"l1": {"l2": {"l3": "bottom"}}},
    "people": [{"Name": "ann", "Age": 31}, {"Name": "bob", "Age": 7}, {"Name": "cy"}],
    "int": 42,
    "big": 12345678901234567890,
    "f": 1.5,
}
COMMANDS = {
    "context": ["docker", "context", "inspect", "-f"],
    "inspect": ["docker", "inspect", "-f"],
    "image": ["docker", "image", "inspect", "-f"],
    "volume": ["docker", "volume", "inspect", "-f"],
    "network": ["docker", "network", "inspect", "-f"],
    "ps": ["docker", "ps", "-a", "--no-trunc", "--format"],
}
LAST = {"context": ["rich"], "inspect": ["one"], "image": ["tiny"], "volume": ["vol"], "network": ["none"], "ps": []}
DESCRIPTION = 'a "rich" <one> & 盒子'


def prepare(config: str, host: str | None) -> dict[str, object]:
    """Make the context and the containers; return them as documents."""
    name = hashlib.sha256(b"rich").hexdigest()
    meta = Path(config, "contexts", "meta", name, "meta.json")
    meta.parent.mkdir(parents=True)
    endpoints = {"docker": {"Host": "unix:///srv/rich.sock", "SkipTLSVerify": False}}
    document = {"Name": "rich", "Metadata": {"Description": DESCRIPTION, **RICH}, "Endpoints": endpoints}
    meta.write_text(json.dumps(document))
    if host is None:
        return {}
    run(["docker", "rm", "-f", "-v", "one", "two"])
    with tempfile.TemporaryDirectory() as directory:
        archive = Path(directory, "empty.tar")
        archive.write_bytes(bytes(10240))
        run(["docker", "import", str(archive), "tiny:latest"])
    run(
        [
            "docker",
            "create",
            "--name",
            "one",
            "--label",
            "b=2",
            "--label",
            "a.b=1",
            "--label",
            "a=x",
            "-e",
            "A=1",
            "-e",
            "B=<2>",
            "-v",
            "/data",
            "-p",
            "8080:80",
            "--expose",
            "99/udp",
            "--hostname",
            "h1",
            "--ulimit",
            "nofile=10:20",
            "--network",
            "none",
            "--stop-timeout",
            "7",
            "tiny",
            "/bin/echo",
            "hi",
        ]
    )
    run(["docker", "create", "--name", "two", "--network", "none", "--health-cmd", "true", "tiny", "/bin/sh"])
    run(["docker", "volume", "rm", "vol"])
    run(["docker", "volume", "create", "--label", "a=b", "-o", "type=tmpfs", "-o", "device=tmpfs", "vol"])
    containers = json.loads(run(["docker", "inspect", "one"])[0])
    lines = run(["docker", "ps", "-a", "--no-trunc", "--format", "json"])[0]
    documents = {"inspect": containers, "ps": [json.loads(line) for line in lines.splitlines()]}
    for kind in ("image", "volume", "network"):
        documents[kind] = json.loads(run(["docker", kind, "inspect", *LAST[kind]])[0])
    return documents


def run(command: list[str]) -> tuple[str, str, int]:
    """Return what a command prints, and its exit code."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout, done.stderr, done.returncode


def main() -> None:
    """Ask for every line and write the file."""
    old = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {"documents": {}, "cases": []}
    lines = [(case["kind"], case["template"]) for case in old["cases"]]
    for line in sys.stdin if not sys.stdin.isatty() else ():
        kind, _, template = line.strip().partition("\t")
        if template:
            lines.append((kind, json.loads(template)))
    host = os.environ.get("DOCKER_HOST")
    with tempfile.TemporaryDirectory() as config:
        os.environ["DOCKER_CONFIG"] = config
        documents = prepare(config, host) or old["documents"]
        cases = []
        for kind, template in dict.fromkeys(lines):
            if host is None and kind != "context":
                cases += [case for case in old["cases"] if (case["kind"], case["template"]) == (kind, template)]
                continue
            out, err, code = run([*COMMANDS[kind], template, *LAST[kind]])
            cases.append({"kind": kind, "template": template, "out": out, "err": err, "code": code})
    text = json.dumps({"documents": documents, "cases": cases}, ensure_ascii=False, indent=1)
    root = os.environ.get("DOCKER_DATA_ROOT")  # where this machine keeps it is nobody's concern
    GOLDEN.write_text((text.replace(root, "/srv/docker") if root else text) + "\n")


if __name__ == "__main__":
    main()
