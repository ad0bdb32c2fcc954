"""No command and no flag of docker is unknown to hezi: each works or is refused by name."""

from __future__ import annotations

import json
import os

import pytest

from hezi.engine.request import RunRequest
from hezi.front.cli import commands, completions, parser, values
from hezi.front.cli import main as cli
from hezi.front.cli.global_options import GLOBAL_OPTIONS
from hezi.front.cli.verbs import run

DATA = os.path.join(os.path.dirname(__file__), "../../data/docker-cli-28.2.json")
VERBS = completions.verbs()
SAMPLES = {
    "bool": "true", "int": "7", "uint": "7", "uint16": "7", "bytes": "64m", "limit": "-1", "duration": "5s",
    "decimal": "1.5", "ulimit": "nofile=64:128", "map": "net.x=1",
}  # fmt: skip
OWN_SAMPLES = {
    "add-host": "a:192.0.2.1",
    "dns": "192.0.2.1",
    "blkio-weight-device": "/dev/sda:100",
    "device-cgroup-rule": "c 1:3 rwm",
    **dict.fromkeys(("device-read-bps", "device-read-iops", "device-write-bps", "device-write-iops"), "/dev/sda:7"),
}
# docker's kinds -> ours, where one name does for several
SAME_KIND = {"gpus": "string", "memory-swap": "limit"}


def walk(node, path=()):
    yield " ".join(path), node
    for name, child in ((node or {}).get("subcommands") or {}).items():
        yield from walk(child, (*path, name))


with open(DATA, encoding="utf-8") as file:
    DOCKER = dict(walk(json.load(file)))


@pytest.mark.parametrize("path", [path for path in DOCKER if path])
def test_every_command_is_built_or_refused_by_name(path, capsys):
    if path in commands.GROUPS:
        return
    if path in VERBS:
        assert commands.refusal(path) is None
        return
    assert cli.main(["hezi", *path.split(), "--any-flag", "x"]) == 1
    assert f"hezi: '{path}' " in capsys.readouterr().err


@pytest.mark.parametrize(("path", "verb"), [("", None), *VERBS.items()])
def test_every_flag_works_or_is_refused_by_name(path, verb):
    options = {one.name: one for one in ((*verb.options, parser.HELP) if verb else GLOBAL_OPTIONS)}
    for name, short, kind in (DOCKER.get(path) or {"flags": []})["flags"]:
        assert name in options, f"{path}: --{name} is unknown to hezi"
        option = options[name]
        assert option.short == short
        assert option.kind == SAME_KIND.get(name, kind), name
        assert bool(option.help) == (option.refusal is None), name


@pytest.mark.parametrize("path", VERBS)
def test_refused_flags_say_so(path, capsys):
    verb = VERBS[path]
    for option in (one for one in verb.options if one.refusal):
        value = "stdin" if option.name == "attach" else SAMPLES.get(option.kind, "something")
        if option.kind == "bool" and True in option.harmless:
            value = "false"
        code = cli.main(["hezi", *path.split(), f"--{option.name}={value}", *["x"] * verb.least])
        said = capsys.readouterr().err
        assert said == f"hezi: --{option.name} {option.refusal}\n"
        assert code == verb.failure


def test_harmless_values_of_refused_flags_are_accepted():
    line = ["--disable-content-trust", "--isolation=default", "img"]
    parsed = parser.parse(line, run.VERB.options, interspersed=False)
    assert parser.refuse(run.VERB.options, parsed) is None
    assert parser.refuse(run.VERB.options, parser.parse(["--isolation=hyperv"], run.VERB.options)) is not None


def test_every_working_flag_of_run_reaches_the_request():
    by_hand = {"attach", "rm", "network", "net", "shm-size", "pull", "plan", "sig-proxy", "net-alias", "dns-opt"}
    fields = set(RunRequest._fields)
    for option in (one for one in run.VERB.options if one.refusal is None):
        if option.name in by_hand:
            continue
        assert option.name.replace("-", "_") in fields, option.name
        text = OWN_SAMPLES.get(option.name) or SAMPLES.get(option.kind, "a=b")
        request = run.build_request(parser.parse([f"--{option.name}={text}", "img"], run.VERB.options))
        value = getattr(request, option.name.replace("-", "_"))
        read = (option.check or values.READERS.get(option.kind, str))(text)
        assert value == ((read,) if option.many else read)
        assert isinstance(value, type(RunRequest._field_defaults[option.name.replace("-", "_")]) | str | int)


def test_two_spellings_of_a_flag_keep_the_order_of_the_line():
    line = ["--net", "a", "--network=b", "--dns-opt", "x", "--dns-option", "y", "--network-alias=p", "--net-alias=q"]
    request = run.build_request(parser.parse([*line, "--dns-opt=z", "img"], run.VERB.options))
    assert (request.network, request.networks) == ("a", ("b",))
    assert (request.dns_option, request.network_alias) == (("x", "y", "z"), ("p", "q"))


def test_flags_of_run_set_by_hand():
    line = [
        "--rm",
        "--net",
        "host",
        "--shm-size",
        "1m",
        "--pull",
        "always",
        "--sig-proxy=false",
        "img",
        "a",
        "-b",
        "--rm",
    ]
    request = run.build_request(parser.parse(line, run.VERB.options, interspersed=False))
    assert request.remove
    assert request.network == "host"
    assert request.shm_size == "1048576"
    assert request.pull == "always"
    assert not request.sig_proxy
    assert request.image == "img"
    assert request.command == ("a", "-b", "--rm")
    assert run.build_request(parser.parse(["img"], run.VERB.options)) == RunRequest("img")


def test_no_name_or_letter_is_used_twice():
    for path, verb in VERBS.items():
        names = [one.name for one in verb.options]
        letters = [one.short for one in verb.options if one.short]
        assert len(names) == len(set(names)), path
        assert len(letters) == len(set(letters)), path
