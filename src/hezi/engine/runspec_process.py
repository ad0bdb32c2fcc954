"""Policy of the process: command, environment, directory, limits and capabilities. Pure."""

from __future__ import annotations

from hezi import errors
from hezi.engine import defaults, parse_env, parse_limits, parse_security
from hezi.spec import runtime as rt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.accounts import Account
    from hezi.engine.facts import HostFacts
    from hezi.engine.request import RunRequest
    from hezi.spec.image import ContainerConfig


def command(request: RunRequest, image: ContainerConfig) -> tuple[tuple[str, ...], str]:
    """Return argv and its origin.

    ``--entrypoint`` resets the image's CMD too, since that was written for the image's entry point.

    :raises errors.Error: nothing says what to run.
    """
    if request.entrypoint is None:
        entrypoint = image.entrypoint or ()
        arguments = request.command or image.cmd or ()
        origin = "flag" if request.command and not entrypoint else "image"
    else:
        entrypoint = (request.entrypoint,) if request.entrypoint else ()
        arguments = request.command
        origin = "flag"
    args = (*entrypoint, *arguments)
    if not args:
        hint = "give a command after the image"
        raise errors.Error(errors.INVALID, "no command specified", hint=hint)
    if any("\0" in arg for arg in args):
        raise errors.Error(errors.INVALID, "the command holds a NUL byte")
    return args, origin


def environment(
    request: RunRequest, image: ContainerConfig, account: Account, hostname: str, facts: HostFacts
) -> dict[str, tuple[str, str]]:
    """Return the program's environment: name -> (value, origin)."""
    host = facts.environment
    flags: list[tuple[str, str | None]] = []
    for path in request.env_file:
        flags.extend(parse_env.read_env_file(path, host))
    flags.extend(parse_env.parse_env(text, host) for text in request.env)
    first = [("PATH", defaults.PATH), ("HOSTNAME", hostname)]
    if request.tty:
        first.append(("TERM", "xterm"))
    merged = parse_env.merge_env(image.env, flags, first)
    if not merged.get("HOME", ("", ""))[0]:
        merged["HOME"] = (account.home, "image")
    return merged


def directory(request: RunRequest, image: ContainerConfig) -> tuple[str, str]:
    """Return the working directory and its origin.

    :raises errors.Error: it is relative.
    """
    path, origin = (request.workdir, "flag") if request.workdir else (image.working_dir, "image")
    if not path:
        return "/", "default"
    if "\0" in path:
        raise errors.Error(errors.INVALID, "the working directory holds a NUL byte")
    if not path.startswith("/"):
        if origin == "flag":
            text = f"the working directory '{path}' is invalid, it needs to be an absolute path"
            raise errors.Error(errors.INVALID, text)
        # Docker reads an image's relative WORKDIR from the root.
        path = f"/{path}"
    return path, origin


def capabilities(request: RunRequest, account: Account, facts: HostFacts) -> rt.Capabilities:
    """Return the five sets: bounding by the options, the rest by who the program is.

    Inheritable and ambient stay empty: programs with file capabilities would get them otherwise (CVE-2022-24769). A
    program of another user than root gets nothing that it may use at once, as execve(2) would leave it.
    """
    known = defaults.KNOWN_CAPABILITIES
    add = [parse_security.parse_capability(name, "CapAdd", known) for name in request.cap_add]
    drop = [parse_security.parse_capability(name, "CapDrop", known) for name in request.cap_drop]
    bounding = parse_security.choose_capabilities(
        add,
        drop,
        default=defaults.CAPABILITIES,
        everything=facts.capabilities,
        privileged=request.privileged,
    )
    own = bounding if account.uid == 0 else ()
    return rt.Capabilities(bounding=bounding, effective=own, permitted=own)


def rlimits(request: RunRequest) -> tuple[rt.Rlimit, ...]:
    """Return the limits, the last one of each kind."""
    limits = {limit[0]: rt.Rlimit(*limit) for limit in map(parse_limits.parse_ulimit, request.ulimit)}
    return tuple(limits.values())
