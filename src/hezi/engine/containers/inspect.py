"""``inspect``: docker's document of a container."""

from __future__ import annotations

import os

from hezi._util import clock
from hezi.db import images as image_rows
from hezi.engine import (
    defaults,
    find_container,
    freeze,
    image_of,
    mount_points,
    network_view,
    record,
)
from hezi.engine.containers import disk, host_config, states
from hezi.engine.guests import place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.db.connection import Database
    from hezi.engine.containers.model import State
    from hezi.engine.paths import Paths
    from hezi.engine.record import Details
    from hezi.engine.request import RunRequest
    from hezi.spec.image import ContainerConfig

# Go's zero time, which docker shows for "never".
_NEVER = "0001-01-01T00:00:00Z"


def document(paths: Paths, database: Database, name: str, *, sizes: bool = False) -> dict[str, Any]:
    """See :meth:`hezi.engine.containers.api.Container.inspect`."""
    with database.read() as connection:
        row = find_container.find(connection, name)
        layers = image_rows.chain_ids(connection, row.image_id)
        image = image_rows.get(connection, row.image_id)
        known = image_of.config(paths, connection, row)
        details = record.decode(row.config)
        request = freeze.thaw(row.image_name, dict(details.request))
        network = network_view.settings(connection, row, details, request, place_of(paths).namespace(row.id))
    from hezi.spec.image import ContainerConfig

    config = known.config if known is not None else ContainerConfig()
    directory = f"{paths.containers}/{row.id}"
    state = states.in_full(paths, row, details)
    found: dict[str, Any] = {
        "Id": row.id,
        "Created": clock.rfc3339(row.created_ns),
        "Path": details.args[0] if details.args else "",
        "Args": list(details.args[1:]),
        "State": _state(state),
        "Image": row.image_id,
        "ResolvConfPath": f"{directory}/resolv.conf",
        "HostnamePath": f"{directory}/hostname",
        "HostsPath": f"{directory}/hosts",
        "LogPath": _log_path(directory, row.id, request),
        "Name": f"/{row.name}",
        "RestartCount": state.restart_count,
        "Driver": "overlay",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        "HostConfig": host_config.document(request, row.name),
        "GraphDriver": _driver(paths, directory, layers),
    }
    if sizes:
        own = disk.written(paths, row.id)
        found["SizeRw"] = own
        found["SizeRootFs"] = own + (image.size if image else 0)
    found["Mounts"] = mount_points.shown(details.mounts)
    found["Config"] = _config(request, config, details)
    found["NetworkSettings"] = network
    return found


def _time(nanoseconds: int) -> str:
    return clock.rfc3339(nanoseconds) if nanoseconds else _NEVER


def _state(state: State) -> dict[str, Any]:
    code = state.exit_code
    unknown = code is None and state.status == "exited"
    found: dict[str, Any] = {
        "Status": state.status,
        "Running": state.running,
        "Paused": state.status == "paused",
        "Restarting": state.status == "restarting",
        "OOMKilled": state.oom_killed,
        "Dead": False,
        "Pid": state.pid,
        "ExitCode": states.UNKNOWN_EXIT if unknown else (code or 0),
        "Error": state.error or ("the exit code is unknown: nobody was there to see it" if unknown else ""),
        "StartedAt": _time(state.started_ns),
        "FinishedAt": _time(state.finished_ns),
    }
    if state.health is not None:
        found["Health"] = state.health
    return found


def _driver(paths: Paths, directory: str, layers: list[str]) -> dict[str, Any]:
    lower = ":".join(f"{paths.root}/layers/{chain.partition(':')[2]}/diff" for chain in reversed(layers))
    data = {"LowerDir": lower, "UpperDir": f"{directory}/upper", "WorkDir": f"{directory}/work"}
    return {"Data": data, "Name": "overlay"}


def _config(request: RunRequest, image: ContainerConfig, details: Details) -> dict[str, Any]:
    given = request.attach if request.attach and not request.detach else _streams(request)
    found: dict[str, Any] = {
        "Hostname": details.hostname,
        "Domainname": request.domainname or "",
        "User": request.user or image.user,
        "AttachStdin": "stdin" in given,
        "AttachStdout": "stdout" in given,
        "AttachStderr": "stderr" in given,
    }
    if details.exposed:
        found["ExposedPorts"] = {port: {} for port in sorted(details.exposed)}
    found |= {
        "Tty": request.tty,
        "OpenStdin": request.interactive,
        "StdinOnce": "stdin" in given and request.interactive,
        "Env": _environment(request, image),
    }
    entrypoint = image.entrypoint
    command = request.command or image.cmd
    if request.entrypoint is not None:
        entrypoint = (request.entrypoint,) if request.entrypoint else None
        command = request.command
    # As docker: what the image names, and -v without a source; volumes with a name are told of in Mounts alone.
    volumes: dict[str, Any] = {path: {} for path in (*image.volumes, *request.volume) if ":" not in path}
    found |= {
        "Cmd": list(command) if command else None,
        **_health(request, image),
        "Image": request.image,
        "Volumes": volumes or None,
        "WorkingDir": _clean(request.workdir) if request.workdir else image.working_dir,
        "Entrypoint": list(entrypoint) if entrypoint else None,
        "OnBuild": list(image.onbuild) or None,
        "Labels": dict(details.labels),
    }
    if request.stop_signal or image.stop_signal:
        found["StopSignal"] = request.stop_signal or image.stop_signal
    if request.stop_timeout is not None:
        found["StopTimeout"] = request.stop_timeout
    return found


def _streams(request: RunRequest) -> tuple[str, ...]:
    """What it is attached to when nothing is said of that."""
    if request.detach:
        return ()
    return ("stdin", "stdout", "stderr") if request.interactive else ("stdout", "stderr")


def _clean(path: str) -> str:
    # Two slashes at the beginning mean something of their own to POSIX, nothing to Go.
    return os.path.normpath("/" + path.lstrip("/")) if path.startswith("/") else path


def _log_path(directory: str, container_id: str, request: RunRequest) -> str:
    from hezi.engine import parse_logs

    # As docker: only the json-file is for others to read.
    name = parse_logs.file_name(request.log_driver or "json-file", container_id)
    return f"{directory}/{name}" if name.endswith("-json.log") else ""


def _health(request: RunRequest, image: ContainerConfig) -> dict[str, Any]:
    from hezi.engine import parse_health

    check = parse_health.merge(request, image)
    return {} if check is None else {"Healthcheck": parse_health.document(check)}


def _environment(request: RunRequest, image: ContainerConfig) -> list[str]:
    """As docker: what was asked for, a bare name for what is not to be there, then what the image adds."""
    asked = {text.partition("=")[0] for text in request.env}
    added = [entry for entry in image.env if entry.partition("=")[0] not in asked]
    found = [*request.env, *added]
    if not any(entry.startswith("PATH=") for entry in found):
        found.append(f"PATH={defaults.PATH}")
    return found
