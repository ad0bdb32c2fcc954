"""What is wrong with the words of a request whatever image and host it meets.

docker's command line refuses these before it asks its engine: ``create`` exits with 125 for them, and with 1 for what
its engine refuses.
"""

from __future__ import annotations

import os

from hezi import errors
from hezi.engine import modes, parse_device, parse_env, parse_security

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.request import RunRequest


def check(request: RunRequest) -> None:
    """Look at the words alone: no image, container or volume is asked for.

    :raises errors.Error: INVALID, docker's texts.
    """
    _check_numbers(request)
    _check_network(request)
    _check_files(request)
    for name in ("pid", "uts", "cgroupns"):
        modes.check(name, getattr(request, name))
    if request.userns not in {None, "", "host"}:
        from hezi.engine import userns

        userns.check(request)
    _check_profile(request)
    if request.restart:
        from hezi.engine import parse_restart

        parse_restart.check_form(request)
    if request.log_driver == "none" and request.log_opt:
        from hezi.engine import parse_logs

        parse_logs.parse_logs(request.log_driver, request.log_opt)


def _check_numbers(request: RunRequest) -> None:
    if request.memory_swappiness is not None:
        from hezi.engine import parse_resources

        parse_resources.check_swappiness(request.memory_swappiness)
    times = (request.health_interval, request.health_timeout, request.health_start_period, request.health_retries)
    if request.no_healthcheck or any(number < 0 for number in (*times, request.health_start_interval)):
        from hezi.engine import parse_health

        parse_health.asked(request)


def _check_network(request: RunRequest) -> None:
    if request.publish or request.expose:
        from hezi.engine import parse_ports

        parse_ports.wanted(request.publish, (), (), everything=False)
        for text in request.expose:
            parse_ports.parse_expose(text)
    if "=" in (request.network or "") or request.networks:
        from hezi.engine import networking

        networking.networks(request)
    if request.mac_address:
        from hezi.engine import parse_network

        parse_network.check_mac(request.mac_address)
    if request.network_alias and request.network in {None, "", "none", "host", "bridge", "default"}:
        raise errors.Error(errors.INVALID, "network-scoped aliases are only supported for user-defined networks")


def _check_files(request: RunRequest) -> None:
    for path in request.env_file:
        parse_env.read_env_file(path, os.environ)
    for path in request.label_file:
        parse_env.read_label_file(path)
    if request.volume:
        from hezi.engine import parse_volume

        for text in request.volume:
            parse_volume.sections(text)
    if request.mount:
        from hezi.engine import parse_mount

        for text in request.mount:
            parse_mount.check_form(text)
    for text in request.device:
        parse_device.parse_device(text)


def _check_profile(request: RunRequest) -> None:
    """The form of ``--security-opt``, and a profile of system calls that is no file or no JSON."""
    for option in request.security_opt:
        key, value = parse_security.split(option)
        if value is None and key != "no-new-privileges":
            raise parse_security.invalid(option)
        if value == "" or not key:
            raise parse_security.invalid(option)
        if key == "seccomp" and value not in {None, "unconfined", "builtin"}:
            _read_profile(value or "")


def _read_profile(path: str) -> None:
    import json

    doing = f"opening seccomp profile ({path}) failed"
    try:
        with open(path, "rb") as file:
            json.loads(file.read(1 << 20))
    except OSError as error:
        raise errors.from_os_error(doing, error) from error
    except ValueError as error:
        raise errors.Error(errors.INVALID, f"seccomp profile ({path}) is not JSON: {error}") from error
