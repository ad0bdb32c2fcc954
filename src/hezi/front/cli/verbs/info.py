"""``hezi info`` and ``hezi system info``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "Show what the machine offers and what hezi uses",
    options=(Option("format", help='Print by a Go template; "json" for one line of JSON', short="f"),),
).documented(
    ("info", "Kernel features, control group layout, storage driver"),
    ("info -f '{{.CgroupVersion}} {{.Driver}}'", "Single facts, under docker's names"),
    spellings=("system info", "info"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the engine's facts as an indented list, or docker's document of them by a template."""
    facts = session.engine.system.info()
    fmt = parsed.text("format")
    if not fmt:
        print("\n".join(_lines(facts, "")))
        return 0
    from hezi.front.cli import facts as line

    return line.show(session.program, fmt, _document(session, facts))


def _document(session: Session, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts under docker's names: those that hezi knows, no made-up ones."""
    import os

    states = _states(session) if facts.get("containers") else []
    cgroup, machine = facts["cgroup"], os.uname()
    return {
        "Containers": len(states),
        "ContainersRunning": sum(state in {"running", "restarting"} for state in states),
        "ContainersPaused": states.count("paused"),
        "ContainersStopped": sum(state not in {"running", "restarting", "paused"} for state in states),
        "Images": facts.get("images", 0),
        "Driver": facts.get("driver", {}).get("name", ""),
        **_limits(cgroup.get("controllers", [])),
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": "2" if cgroup["layout"] == "v2" else "1",
        "KernelVersion": facts["kernel"],
        "OperatingSystem": facts["operating_system"],
        "OSType": machine.sysname.lower(),
        "Architecture": facts["architecture"],
        "NCPU": facts["cpus"],
        "MemTotal": facts["memory_bytes"],
        "DockerRootDir": facts["root"],
        "Name": machine.nodename,
        "ServerVersion": facts["version"],
        "DefaultRuntime": "hezi",
        "Swarm": {"LocalNodeState": "inactive"},
        "SecurityOptions": ["name=seccomp,profile=builtin"],
        "Warnings": [],
        "ClientInfo": {"Version": facts["version"], "Os": machine.sysname.lower()},
    }


def _states(session: Session) -> list[str]:
    return [row.state.status for row in session.engine.containers.list(all=True)]


def _limits(controllers: list[str]) -> dict[str, bool]:
    """Return docker's flags of what can be limited, by the controllers that are there."""
    return {
        "MemoryLimit": "memory" in controllers,
        "CpuCfsPeriod": "cpu" in controllers,
        "CpuCfsQuota": "cpu" in controllers,
        "CPUShares": "cpu" in controllers,
        "CPUSet": "cpuset" in controllers,
        "PidsLimit": "pids" in controllers,
    }


def _lines(facts: object, indent: str) -> list[str]:
    if not isinstance(facts, dict):
        return [f"{indent}{facts}"]
    lines = []
    for name, value in facts.items():
        title = str(name).replace("_", " ")
        if isinstance(value, dict):
            lines += [f"{indent}{title}:", *_lines(value, indent + " ")]
        else:
            lines.append(f"{indent}{title}: {_text(value)}")
    return lines


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " ".join(_text(one) for one in value) or "none"
    return "none" if value is None else str(value)
