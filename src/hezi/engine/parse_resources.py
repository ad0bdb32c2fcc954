"""Resource limits: ``--cpus --memory --blkio-weight --device-read-bps --device-cgroup-rule`` and their kin.

The request's numbers and texts are checked with docker's words and turned into the runtime specification's resources.
Numbers of 0 ask for nothing, as with docker.
"""

from __future__ import annotations

import os

from hezi import errors
from hezi._util.size import parse_bytes
from hezi.spec import runtime as rt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.engine.facts import HostFacts
    from hezi.engine.request import RunRequest

_MIN_MEMORY = 6 << 20
_NANO = 10**9
_PERIOD = 100_000
_NODES = "/sys/devices/system/node/online"


def parse(request: RunRequest, facts: HostFacts) -> rt.Resources:
    """Return the limits; the device rules in it are the user's alone.

    :raises errors.Error: docker's texts.
    """
    return rt.Resources(
        devices=tuple(_rule(text) for text in request.device_cgroup_rule),
        memory=_memory(request),
        cpu=_cpu(request, facts),
        block_io=_block_io(request),
    )


def _memory(request: RunRequest) -> rt.Memory | None:
    limit, reservation = request.memory or 0, request.memory_reservation or 0
    swap = request.memory_swap or 0
    swappiness = request.memory_swappiness
    if 0 < limit < _MIN_MEMORY:
        raise errors.Error(errors.INVALID, "Minimum memory limit allowed is 6MB")
    if 0 < swap < limit:
        raise errors.Error(errors.INVALID, "Minimum memoryswap limit should be larger than memory limit, see usage")
    if swap > 0 and not limit:
        raise errors.Error(
            errors.INVALID, "You should always set the Memory limit when using Memoryswap limit, see usage"
        )
    check_swappiness(swappiness)
    if 0 < reservation < _MIN_MEMORY:
        raise errors.Error(errors.INVALID, "Minimum memory reservation allowed is 6MB")
    if 0 < limit < reservation:
        raise errors.Error(
            errors.INVALID, "Minimum memory limit can not be less than memory reservation limit, see usage"
        )
    if limit and not swap:
        swap = 2 * limit  # as much swap again
    made = rt.Memory(
        limit or None,
        reservation or None,
        swap or None,
        None if swappiness == -1 else swappiness,
        True if request.oom_kill_disable else None,
    )
    return made if any(value is not None for value in made) else None


def check_swappiness(value: int | None) -> None:
    """Refuse what is no swappiness; -1 is the host's.

    :raises errors.Error: INVALID.
    """
    if value is not None and not -1 <= value <= 100:
        raise errors.Error(errors.INVALID, f"invalid value: {value}. Valid memory swappiness range is 0-100")


def _cpu(request: RunRequest, facts: HostFacts) -> rt.Cpu | None:
    quota, period = _quota(request, facts)
    shares = request.cpu_shares or 0
    if shares < 0:
        raise errors.Error(errors.INVALID, "shares: invalid argument")
    if shares == 1:
        raise errors.Error(errors.INVALID, "the minimum allowed cpu-shares is 2")
    if shares > 1 << 18:
        raise errors.Error(errors.INVALID, "the maximum allowed cpu-shares is 262144")
    runtime, rt_period = request.cpu_rt_runtime or 0, request.cpu_rt_period or 0
    if rt_period and runtime > rt_period:
        raise errors.Error(errors.INVALID, "cpu real-time runtime cannot be higher than cpu real-time period")
    _check_set(request.cpuset_cpus, "cpus", "CPUs", f"0-{facts.cpus - 1}" if facts.cpus > 1 else "0")
    if request.cpuset_mems:
        _check_set(request.cpuset_mems, "mems", "memory nodes", _nodes())
    made = rt.Cpu(
        shares or None,
        quota or None,
        period or None,
        runtime or None,
        rt_period or None,
        request.cpuset_cpus or None,
        request.cpuset_mems or None,
    )
    return made if any(value is not None for value in made) else None


def _quota(request: RunRequest, facts: HostFacts) -> tuple[int, int]:
    nano, period, quota = request.cpus or 0, request.cpu_period or 0, request.cpu_quota or 0
    if nano and period:
        raise errors.Error(errors.INVALID, "Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if nano and quota:
        raise errors.Error(errors.INVALID, "Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    if nano < 0 or nano > facts.cpus * _NANO:
        text = f"Range of CPUs is from 0.01 to {facts.cpus}.00, as there are only {facts.cpus} CPUs available"
        raise errors.Error(errors.INVALID, text)
    if period and not 1000 <= period <= 1_000_000:
        raise errors.Error(
            errors.INVALID, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        )
    if nano:
        quota, period = nano * _PERIOD // _NANO, _PERIOD
    if 0 <= quota < 1000 and (quota or nano):
        raise errors.Error(errors.INVALID, "CPU cfs quota can not be less than 1ms (i.e. 1000)")
    return (-1 if quota < 0 else quota), period


def _check_set(text: str | None, name: str, what: str, available: str) -> None:
    if not text:
        return
    from hezi.linux.cgroup.controllers import cpuset

    # The kernel's own lists may have blanks and empty places.
    strict = all(part.isascii() and part.replace("-", "", 1).isdigit() for part in text.split(","))
    try:
        numbers = cpuset.parse(text if strict else "none")
    except ValueError:
        raise errors.Error(errors.INVALID, f"Invalid value {text} for cpuset {name}: invalid format: {text}") from None
    if not numbers <= cpuset.parse(available):
        raise errors.Error(
            errors.INVALID, f"Requested {what} are not available - requested {text}, available: {available}"
        )


def _nodes() -> str:
    try:
        with open(_NODES, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "0"  # a kernel without NUMA has one


def _block_io(request: RunRequest) -> rt.BlockIO | None:
    weight = request.blkio_weight or 0
    if weight and not 10 <= weight <= 1000:
        raise errors.Error(errors.INVALID, "Range of blkio weight is from 10 to 1000")
    made = rt.BlockIO(
        weight or None,
        _numbered(request.blkio_weight_device, "blkio-weight-device"),
        _numbered(request.device_read_bps, "device-read-bps"),
        _numbered(request.device_write_bps, "device-write-bps"),
        _numbered(request.device_read_iops, "device-read-iops"),
        _numbered(request.device_write_iops, "device-write-iops"),
    )
    return made if any(made) else None


def _numbered(texts: Sequence[str], flag: str) -> tuple[tuple[int, int, int], ...]:
    found = []
    for text in texts:
        try:
            path, value = PARSERS[flag](text)
        except ValueError as error:
            raise errors.Error(errors.INVALID, f'invalid argument "{text}" for "--{flag}" flag: {error}') from None
        try:
            # The name may be a link (/dev/disk/by-id/...): the device behind it is what is meant.
            number = os.stat(path).st_rdev
        except OSError as error:
            raise errors.Error(errors.INVALID, f"stat {path}: {(error.strerror or '').lower()}") from None
        found.append((os.major(number), os.minor(number), value))
    return tuple(found)


# --- one value ------------------------------------------------------------------------------------------------------


def _path_and_value(text: str) -> tuple[str, str]:
    path, colon, value = text.partition(":")
    if not colon:
        message = f"bad format: {text}"
        raise ValueError(message)
    if not path.startswith("/dev/"):
        message = f"bad format for device path: {text}"
        raise ValueError(message)
    return path, value


def parse_weight_device(text: str) -> tuple[str, int]:
    """Read ``/dev/sda:100``.

    :raises ValueError: docker's texts, as the two below.
    """
    path, value = _path_and_value(text)
    if not value.isascii() or not value.isdigit() or len(value) > 5 or (int(value) and not 10 <= int(value) <= 1000):
        message = f"invalid weight for device: {text}"
        raise ValueError(message)
    return path, int(value)


def parse_rate_bps(text: str) -> tuple[str, int]:
    """Read ``/dev/sda:1mb``, bytes per second."""
    path, value = _path_and_value(text)
    try:
        rate = parse_bytes(value)
    except ValueError:
        message = (
            f"invalid rate for device: {text}. The correct format is <device-path>:<number>[<unit>]."
            " Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
        )
        raise ValueError(message) from None
    return path, rate


def parse_rate_iops(text: str) -> tuple[str, int]:
    """Read ``/dev/sda:1000``, operations per second."""
    path, value = _path_and_value(text)
    if not value.isascii() or not value.isdigit() or int(value[:21]) >= 1 << 64:
        message = (
            f"invalid rate for device: {text}. The correct format is <device-path>:<number>."
            " Number must be a positive integer"
        )
        raise ValueError(message)
    return path, int(value)


PARSERS = {
    "blkio-weight-device": parse_weight_device,
    "device-read-bps": parse_rate_bps,
    "device-write-bps": parse_rate_bps,
    "device-read-iops": parse_rate_iops,
    "device-write-iops": parse_rate_iops,
}


def parse_rule(text: str) -> rt.DeviceRule:
    """Read ``c 1:3 rwm``.

    :raises ValueError: docker's text.
    """
    words = text.split(" ")
    numbers = words[1].split(":") if len(words) == 3 else []
    fits = (
        len(numbers) == 2
        and words[0] in {"a", "b", "c"}
        and all(number == "*" or (number.isascii() and number.isdigit()) for number in numbers)
        and 1 <= len(words[2]) <= 3
        and set(words[2]) <= set("rwm")
    )
    if not fits:
        message = f"invalid device cgroup format '{text}'"
        raise ValueError(message)
    major, minor = (None if number == "*" else int(number) for number in numbers)
    return rt.DeviceRule(True, words[0], major, minor, "".join(letter for letter in "rwm" if letter in words[2]))


def _rule(text: str) -> rt.DeviceRule:
    try:
        return parse_rule(text)
    except ValueError as error:
        raise errors.Error(
            errors.INVALID, f'invalid argument "{text}" for "--device-cgroup-rule" flag: {error}'
        ) from None
