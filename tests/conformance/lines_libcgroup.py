"""Command lines for the tools of libcgroup by the hundred: pieces in all combinations, of which a fixed draw is taken.

``{G}``, ``{P}`` and ``{T}`` as in :mod:`tests.conformance.cases_libcgroup`. A line of which it is known that hezi means
to differ is left out by :data:`DIFFERS`, which says why.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Sequence

# How many of each tool's combinations are drawn.
_DRAWN = 110
_SEED = 20

_PATHS = ("{G}", "/{G}", "{G}/", "{G}/a", "/{G}/a/", "{G}/a/b", "{G}/c", "{G}/m", "{G}/nope", "{G}/a/nope", "/", ".")
_SPECS = (
    "cpu:{G}",
    "cpu:/{G}",
    "cpu:{G}/a",
    "cpu:/{G}/a/",
    "cpu:{G}/a/b",
    "cpu:{G}/c",
    "memory:{G}",
    "memory:{G}/m",
    "pids:{G}",
    "freezer:{G}",
    "devices:{G}",
    "cpuset:{G}",
    "cpu,memory:{G}",
    "memory,cpu:{G}",
    "cpu,pids,freezer:{G}",
    "cpu:{G}/nope",
    "memory:{G}/nope",
    "nope:{G}",
    "cpu,nope:{G}",
    "cpu:",
    "cpu",
    ":{G}",
    "",
    ":",
    "{G}",
)
_GOOD = ("cpu:{G}", "cpu:{G}/a", "cpu:{G}/c", "memory:{G}/m", "pids:{G}", "freezer:{G}", "devices:{G}", "cpu,pids:{G}")
_NEW = (
    "cpu:{G}/new",
    "cpu:/{G}/new/",
    "cpu:{G}/new/er",
    "cpu,memory:{G}/new",
    "pids,freezer,devices:{G}/new",
    "memory:{G}/m/new",
    "cpu:{G}",
    "cpu:{G}/a",
    "nope:{G}/new",
    "cpu",
    "cpu:",
)
_VARIABLES = (
    "cpu.shares",
    "cpu.cfs_quota_us",
    "cpu.cfs_period_us",
    "cpu.stat",
    "memory.limit_in_bytes",
    "memory.oom_control",
    "memory.swappiness",
    "pids.max",
    "pids.current",
    "freezer.state",
    "devices.list",
    "cpuset.cpus",
    "cpuset.mems",
    "cpu.nope",
    "nope.nope",
    "nope",
    "tasks",
    "cgroup.procs",
    "notify_on_release",
)
_SETTINGS = (
    "cpu.shares=100",
    "cpu.shares=2",
    "cpu.shares=x",
    "cpu.cfs_quota_us=20000",
    "cpu.cfs_period_us=50000",
    "memory.limit_in_bytes=64M",
    "memory.limit_in_bytes=x",
    "memory.soft_limit_in_bytes=10M",
    "memory.oom_control=1",
    "pids.max=9",
    "pids.max=max",
    "pids.max=-9",
    "freezer.state=FROZEN",
    "freezer.state=x",
    "cpuset.cpus=0",
    "cpuset.cpus=99",
    "cpuset.mems=0",
    "cpu.nope=1",
    "nope.nope=1",
    "cpu.stat=1",
    "'devices.deny=c 1:5 rwm'",
)


def _flags(*flags: str) -> list[str]:
    """All subsets, as words."""
    return [" ".join(some) for size in range(len(flags) + 1) for some in itertools.combinations(flags, size)]


def _drawn(name: str, pieces: Sequence[Iterable[str]], count: int = _DRAWN) -> Iterator[str]:
    """A draw of the lines ``name piece piece ...``, the same each time."""
    combined = [" ".join(word for word in (name, *words) if word) for words in itertools.product(*pieces)]
    combined = sorted(set(combined))
    chance = random.Random(f"{_SEED}{name}{len(combined)}")
    yield from sorted(chance.sample(combined, min(count, len(combined))))


def _quoted(words: Iterable[str]) -> list[str]:
    return [word or "''" for word in words]


def _lscgroup() -> Iterator[str]:
    ways = ("{}", "-g {}", "-g{}", "--group {}", "--group={}")
    one = [way.format(spec) for way in ways for spec in _quoted(_SPECS) if spec != "''" or way == "{}"]
    yield from _drawn("lscgroup", [one])
    yield from _drawn("lscgroup", [one, one])
    yield from _drawn("lscgroup", [("", "-h", "--", "-x", "-"), _quoted(_SPECS), _quoted(_SPECS)])


def _cgget() -> Iterator[str]:
    shown = ["", "-n", "-v", "-nv", "-n -v", "--values-only", "-vn"]
    one = [f"{way}{name}" for way in ("-r ", "-r", "--variable ", "--variable=") for name in _VARIABLES]
    yield from _drawn("cgget", [shown, one, _PATHS])
    yield from _drawn("cgget", [shown, one, one, _PATHS])
    yield from _drawn("cgget", [shown, one, _PATHS, _PATHS])
    yield from _drawn("cgget", [shown, [f"-g {spec}" for spec in _quoted(_SPECS)]])
    yield from _drawn("cgget", [shown, [f"-g {spec}" for spec in _GOOD], [f"-g {spec}" for spec in _SPECS if spec]])
    controllers = [f"-g {name}" for name in ("cpu", "pids", "freezer", "devices", "cpuset", "cpu,pids", "nope")]
    yield from _drawn("cgget", [shown, controllers, _PATHS])
    yield from _drawn("cgget", [shown, controllers, _PATHS, _PATHS])
    yield from _drawn("cgget", [shown, ["-a", "--all"], one, _PATHS], 20)
    yield from _drawn("cgget", [shown, ["-a"], controllers, ["{G}/c", "{G}/nope", ""]], 20)
    yield from _drawn("cgget", [[*shown, "-h", "-x", "--nope", "--"], ["", *_PATHS[:3]], ["-r", "-g", "", "--"]], 40)


def _cgset() -> Iterator[str]:
    one = [f"{way}{value}" for way in ("-r ", "-r") for value in _SETTINGS]
    yield from _drawn("cgset", [one, _PATHS[:-2]])
    yield from _drawn("cgset", [one, one, _PATHS[:-2]])
    yield from _drawn("cgset", [one, _PATHS[:-2], _PATHS[:-2]])
    yield from _drawn("cgset", [["--copy-from ", "--copy-from="], _PATHS[3:-2], ["{G}/c", "{G}/a", "{G}/a/b"]], 0)
    yield from _drawn("cgset", [[f"--copy-from {path}" for path in _PATHS[3:7]], ["{G}/c", "{G}/a", "{G}/a {G}/c"]])
    yield from _drawn("cgset", [["-x", "-h", "--help", "--nope", "--", ""], ["", *one[:4]], ["", "{G}", "-r"]], 60)


def _cgcreate() -> Iterator[str]:
    users = ("daemon:daemon", "root:daemon", "daemon:", "::")
    owners = ["", *[f"{flag} {who}" for flag in ("-a", "-t") for who in users]]
    flags = ("-d ", "-f ", "-s ", "--dperm=")
    modes = ["", *[f"{flag}{mode}" for flag in flags for mode in ("700", "775", "0640", "x")]]
    specs = [f"{way}{spec}" for way in ("-g ", "-g") for spec in _NEW]
    yield from _drawn("cgcreate", [specs])
    yield from _drawn("cgcreate", [specs, specs])
    yield from _drawn("cgcreate", [owners, modes, [f"-g {spec}" for spec in _NEW[:6]]])
    yield from _drawn("cgcreate", [modes, modes, [f"-g {spec}" for spec in _NEW[:6]]], 60)
    odd = ["-x", "-h", "--help", "--nope", "--", "extra"]
    yield from _drawn("cgcreate", [odd, ["", *specs[:4]], ["", "-a", "-d"]], 60)


def _cgdelete() -> Iterator[str]:
    shown = ["", "-r", "--recursive"]
    one = [f"{way}{spec}" for way in ("", "-g ") for spec in _SPECS if spec]
    yield from _drawn("cgdelete", [shown, one])
    yield from _drawn("cgdelete", [shown, _SPECS[:-4], _SPECS[:-4]])
    yield from _drawn("cgdelete", [["-x", "-h", "--help", "--nope", "--", "-rx"], ["", *_SPECS[:4]], ["", "-g"]], 40)


def _cgexec() -> Iterator[str]:
    look = "grep -oE ':(cpu|memory|pids):.*' /proc/self/cgroup"
    command = ["true", "false", "sh -c 'exit 5'", look, "no-such-one", ""]
    specs = [f"{way}{spec}" for way in ("-g ", "-g") for spec in _SPECS if spec]
    yield from _drawn("cgexec", [["", "--sticky"], specs, command])
    yield from _drawn("cgexec", [["", "--sticky"], specs, specs, command])
    yield from _drawn("cgexec", [["-x", "-h", "--help", "--nope", "--"], ["", *specs[:3]], command[:2]], 40)


def _cgclassify() -> Iterator[str]:
    pids = ["{P}", "{P} {P}", "4194304", "abc", "{P} abc", "-- {P}", "1x {P}", ""]
    specs = [f"{way}{spec}" for way in ("-g ", "-g") for spec in _SPECS if spec]
    yield from _drawn("cgclassify", [["", "--sticky", "--cancel-sticky"], specs, pids])
    yield from _drawn("cgclassify", [specs, specs, pids])
    yield from _drawn("cgclassify", [["-x", "-h", "--help", "--nope", "--"], ["", *specs[:3]], pids[:2]], 40)


def _cgconfigparser() -> Iterator[str]:
    files = [
        f"{way}{{T}}/{name}.conf"
        for way in ("-l ", "-l", "--load=", "--load ")
        for name in ("one", "two", "nested", "twice", "order", "default", "quotes", "comment", "number", "oneline")
    ]
    bad = [f"-l {{T}}/{name}.conf" for name in ("broken", "value", "variable", "controller", "nope", "foreign")]
    rights = ["", "-a daemon:daemon", "-t daemon:daemon", "-d 750", "-f 640", "-s 660", "-d 700 -f 600 -s 600", "-d x"]
    yield from _drawn("cgconfigparser", [rights, files], 60)
    yield from _drawn("cgconfigparser", [rights, files, files], 60)
    yield from _drawn("cgconfigparser", [files, bad], 40)
    yield from _drawn("cgconfigparser", [bad, files], 40)
    yield from _drawn("cgconfigparser", [["-x", "-h", "--help", "--nope", "--", "-L {T}/good"], ["", *files[:4]]], 30)


def _cgsnapshot() -> Iterator[str]:
    shown = ["", "-s", "-t", "-st", "--silent", "--strict"]
    lists = ["-b {T}/empty", "-b {T}/names", "-b {T}/empty -w {T}/names", "-b {T}/names -w {T}/names", "-b {T}/nope"]
    controllers = ["cpu", "memory", "freezer", "cpuset", "nope", "cpu memory", "cpu nope"]
    yield from _drawn("cgsnapshot", [shown, lists, controllers])
    files = ["-f {T}/out", "--file={T}/out", "-f {T}/no/out"]
    yield from _drawn("cgsnapshot", [shown, lists, files, ["cpu", "freezer"]], 40)
    yield from _drawn("cgsnapshot", [["-x", "-h", "--help", "--nope"], ["", "cpu"]], 20)


TOOLS = (_lscgroup, _cgget, _cgset, _cgcreate, _cgdelete, _cgexec, _cgclassify, _cgconfigparser, _cgsnapshot)

_TWICE = r"(?:-r ?|--variable[ =])(?P<name>[\w.]+)(?:=\S*)? (?:-r ?|--variable[ =])(?P=name)(?:=| )"
_TOP = r" (?:/|\.)(?: |$)"
# What a line looks like about which hezi means to differ -> why. Those lines are not compared.
DIFFERS = {
    r" (?:-h|--help)(?: |$)": "the words of the help are hezi's own; test_libcgroup compares its options",
    rf"^cgget .*{_TWICE}": "what is asked for twice is told twice",
    rf"^cgset .*{_TWICE}": "of two values the last one counts; libcgroup's writes neither, and calls it success",
    r"^cgget .*-g ?:": "a group of no controller is no success",
    r"^cgget .*-g \w+,\w+ ": "both are shown, not an empty block",
    rf"^cgget .*(?:procs|tasks|-g).*{_TOP}": "what is at the top is not the test's own, and changes",
    r"^cgget (?!.*(?:-r|--variable|-g))": "what the kernel has put by for a group is more or less a moment later",
    r"^cgget .*-g \S*memory\S*": "what the kernel has put by for a group is more or less a moment later",
    r"^cgdelete .*(?:\w:\S*|-g \S*) (?:-g )?\w+[,:]": "all that is asked for goes",
    r"^cgdelete .*\w,\w": "all that is asked for goes, and a controller that is not there is no success",
    r"^cgdelete (?!.*(?:-r|--rec)).*{G}/a/?$": "a group that is not removed keeps its processes",
    r"^cg(?:create|configparser) --$": "nothing was done: no success",
    r"^cgconfigparser .*{T}/(?:number|oneline).conf .*foreign.conf": "a bad file takes away no group that was there",
}


def differs(line: str) -> str:
    """Why hezi means to differ on a line; "" if it does not."""
    return next((why for pattern, why in DIFFERS.items() if re.search(pattern, line)), "")


LINES = tuple(dict.fromkeys(line for tool in TOOLS for line in tool() if not differs(line)))
