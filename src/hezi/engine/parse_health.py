"""``--health-*``, ``--no-healthcheck`` and the image's HEALTHCHECK, merged as docker merges them.

Pure: what comes out is the test as a program with its times; the plan that executes it is made by who starts the
container (:class:`hezi.runtime.monitor_start.HealthConfig`).
"""

from __future__ import annotations

from hezi import errors
from hezi.spec.image import Healthcheck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.engine.request import RunRequest
    from hezi.spec.image import ContainerConfig

_MIN_NS = 1_000_000
_NONE = Healthcheck(("NONE",))
_SHELL = ("/bin/sh", "-c")
# field of the request's health_*, docker's name of it in the container's configuration
_TIMES = (
    ("interval", "Interval"),
    ("timeout", "Timeout"),
    ("start_period", "StartPeriod"),
    ("start_interval", "StartInterval"),
)


def asked(request: RunRequest) -> Healthcheck | None:
    """Return what the request itself says, None for nothing.

    :raises errors.Error: docker's texts: a negative or tiny time, or ``--no-healthcheck`` beside another of them.
    """
    found = Healthcheck(
        ("CMD-SHELL", request.health_cmd) if request.health_cmd else (),
        request.health_interval,
        request.health_timeout,
        request.health_start_period,
        request.health_start_interval,
        request.health_retries,
    )
    if request.no_healthcheck:
        if any(found):
            raise errors.Error(errors.INVALID, "--no-healthcheck conflicts with --health-* options")
        return _NONE
    for name in ("interval", "timeout", "retries", "start_period", "start_interval"):
        if getattr(found, name) < 0:
            option = f"--health-{name.replace('_', '-')}"
            raise errors.Error(errors.INVALID, f"{option} cannot be negative")
    for name, shown in _TIMES:
        if 0 < getattr(found, name) < _MIN_NS:
            raise errors.Error(errors.INVALID, f"{shown} in Healthcheck cannot be less than 1ms")
    return found if any(found) else None


def merge(request: RunRequest, config: ContainerConfig) -> Healthcheck | None:
    """Return the container's ``Config.Healthcheck``: what was not asked for is the image's.

    :raises errors.Error: as :func:`asked`.
    """
    own, image = asked(request), config.healthcheck
    image = _sane(image) if image is not None else None
    if own is None or image is None:
        return own or image
    return Healthcheck(
        own.test or image.test,
        own.interval or image.interval,
        own.timeout or image.timeout,
        own.start_period or image.start_period,
        own.start_interval or image.start_interval,
        own.retries or image.retries,
    )


def _sane(image: Healthcheck) -> Healthcheck:
    """Take the default for each time that nobody could have asked for: an image's word is not to be trusted."""
    return image._replace(
        interval=_sane_ns(image.interval),
        timeout=_sane_ns(image.timeout),
        start_period=_sane_ns(image.start_period),
        start_interval=_sane_ns(image.start_interval),
        retries=max(image.retries, 0),
    )


def _sane_ns(time: int) -> int:
    return time if time >= _MIN_NS else 0


def command(health: Healthcheck | None, config: ContainerConfig) -> tuple[str, ...]:
    """Return the program that tests the container; empty when there is no test, or none that anybody knows.

    :param config: of the image, whose SHELL takes the tests that are text.
    """
    kind, *words = health.test if health is not None and health.test else ("NONE",)
    if kind == "CMD":
        return tuple(words)
    if kind == "CMD-SHELL" and words:
        return (*(config.shell or _SHELL), *words)
    return ()


def document(check: Healthcheck) -> dict[str, Any]:
    """Return docker's ``Healthcheck`` of inspect: what is set of it."""
    fields = {
        "Test": list(check.test),
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
        "StartInterval": check.start_interval,
        "Retries": check.retries,
    }
    return {name: value for name, value in fields.items() if value}
