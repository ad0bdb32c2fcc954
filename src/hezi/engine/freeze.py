"""A request cut loose from its caller: what depends on the caller's environment, files and directory is put into it.

A container is started again from its request by other processes, after days, from other directories.
"""

from __future__ import annotations

import os

from hezi.engine import cgroup_place, parse_env
from hezi.engine.request import RunRequest

# The network of containers that are given none; without it that is the bridge, as with docker.
DEFAULT_NETWORK = "HEZI_NETWORK"
# What only the first call is about.
_NOT_KEPT = ("image", "pull", "quiet", "platform", "sig_proxy")


def freeze(request: RunRequest) -> RunRequest:
    """Return ``request`` with the files of ``--env-file`` and ``--label-file`` read, variables and paths resolved.

    :raises hezi.errors.Error: a file cannot be read, or is wrong.
    """
    changes: dict[str, object] = {}
    if not request.network and os.environ.get(DEFAULT_NETWORK):
        changes["network"] = os.environ[DEFAULT_NETWORK]
    if not request.cgroup_manager and os.environ.get(cgroup_place.VARIABLE):
        changes["cgroup_manager"] = os.environ[cgroup_place.VARIABLE]
    if request.env_file or len(request.env) > 1 or any("=" not in text for text in request.env):
        host = os.environ
        pairs = [pair for path in request.env_file for pair in parse_env.read_env_file(path, host)]
        # As docker: of several -e the last one counts, what files say stays beside it.
        pairs += dict(parse_env.parse_env(text, host) for text in request.env).items()
        changes["env"] = tuple(name if value is None else f"{name}={value}" for name, value in pairs)
        changes["env_file"] = ()
    if request.label_file:
        labels = (f"{name}={value}" for path in request.label_file for name, value in parse_env.read_label_file(path))
        changes["label"] = (*labels, *request.label)
        changes["label_file"] = ()
    if any(text.startswith(".") for text in request.volume):
        changes["volume"] = tuple(_absolute_source(text) for text in request.volume)
    if any("=." in text for text in request.mount):
        changes["mount"] = tuple(map(_absolute_mount, request.mount))
    if any(text.startswith(_SECCOMP) for text in request.security_opt):
        changes["security_opt"] = tuple(_absolute_profile(text) for text in request.security_opt)
    return request._replace(**changes) if changes else request  # type: ignore[arg-type]  # only tuples of texts above


_SECCOMP = ("seccomp=", "seccomp:")


def _absolute_source(text: str) -> str:
    source, colon, rest = text.partition(":")
    relative = source in {".", ".."} or source.startswith(("./", "../"))
    return f"{os.path.abspath(source)}{colon}{rest}" if relative else text


def _absolute_mount(text: str) -> str:
    from hezi.engine import parse_mount

    parts = parse_mount.fields(text)
    for number, part in enumerate(parts):
        key, _, value = part.partition("=")
        if key.lower() in {"source", "src"} and (value == "." or value.startswith("./")):
            parts[number] = f"{key}={os.path.abspath(value)}"
    return parse_mount.joined(parts)


def _absolute_profile(text: str) -> str:
    value = text[len(_SECCOMP[0]) :]
    if not text.startswith(_SECCOMP) or value in {"", "unconfined", "builtin"}:
        return text
    return f"{_SECCOMP[0]}{os.path.abspath(value)}"


def differing(request: RunRequest) -> dict[str, object]:
    """Return the fields that are not at their defaults, JSON-able, for :func:`thaw`."""
    defaults = RunRequest._field_defaults
    pairs = zip(RunRequest._fields, request, strict=True)
    return {name: value for name, value in pairs if name not in _NOT_KEPT and value != defaults[name]}


def thaw(image: str, fields: dict[str, object]) -> RunRequest:
    """Return the request that was kept by :func:`differing`; fields of another version are left out."""
    known = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in fields.items()
        if name in RunRequest._fields and name not in _NOT_KEPT
    }
    return RunRequest(image, **known)  # type: ignore[arg-type]  # written by differing()
