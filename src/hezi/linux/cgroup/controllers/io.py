"""The io controller, v1's blkio: shares of a disk, and limits in bytes and operations for each device.

What they have in common, and under which names::

    weight           blkio.bfq.weight, blkio.weight             io.bfq.weight, io.weight
    weight of a device  blkio.bfq.weight_device, blkio.weight_device  the same files, one line for each device
    read_bps         blkio.throttle.read_bps_device             io.max rbps
    write_bps        blkio.throttle.write_bps_device            io.max wbps
    read_iops        blkio.throttle.read_iops_device            io.max riops
    write_iops       blkio.throttle.write_iops_device           io.max wiops

v1 counts weights from 10 to 1000 (bfq from 1), v2 from 1 to 10000. v1 throttles what goes to the device at once; writes
that wait in the page cache are the kernel's own and pass.
"""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.linux.cgroup.group import Group

    # (major, minor, value)
    PerDevice = tuple[int, int, int]

NAME = {1: "blkio", 2: "io"}
_ERANGE, _EOPNOTSUPP = 34, 95
_THROTTLES = {
    "read_bps": ("blkio.throttle.read_bps_device", "rbps"),
    "write_bps": ("blkio.throttle.write_bps_device", "wbps"),
    "read_iops": ("blkio.throttle.read_iops_device", "riops"),
    "write_iops": ("blkio.throttle.write_iops_device", "wiops"),
}
_WEIGHTS = {1: ("blkio.bfq.weight", "blkio.weight"), 2: ("io.bfq.weight", "io.weight")}


class Limits(NamedTuple):
    """Weights as v1 counts them (10 to 1000); a rate of 0 takes a limit away."""

    weight: int | None = None
    weight_device: Sequence[PerDevice] = ()
    read_bps: Sequence[PerDevice] = ()
    write_bps: Sequence[PerDevice] = ()
    read_iops: Sequence[PerDevice] = ()
    write_iops: Sequence[PerDevice] = ()


class Use(NamedTuple):
    """What went to and came from all devices."""

    read_bytes: int
    write_bytes: int
    reads: int
    writes: int


def v2_weight(weight: int) -> int:
    """Convert 10..1000 to 1..10000, in a straight line as runc and crun do for ``io.weight``."""
    return 1 + (weight - 10) * 9999 // 990


def weight_file(group: Group) -> str | None:
    """The file that takes the weight here: only schedulers that know weights have one; None without."""
    return next((name for name in _WEIGHTS[group.version] if group.has(name)), None)


def weight_device_file(group: Group) -> str | None:
    """The file that takes the weight for one device, None without."""
    name = weight_file(group)
    if name is None or group.version == 2:
        return name
    return f"{name}_device" if group.has(f"{name}_device") else None


def can_throttle(group: Group) -> bool:
    """Whether rates can be limited here."""
    return group.has("io.max" if group.version == 2 else "blkio.throttle.read_bps_device")


def apply(group: Group, limits: Limits) -> None:
    """Set the limits and read them back.

    :raises OSError: ENODEV, no such device; EINVAL or ERANGE for a value; EOPNOTSUPP, no scheduler with weights.
    """
    if limits.weight is not None:
        _apply_weight(group, limits.weight)
    for major, minor, weight in limits.weight_device:
        name = weight_device_file(group)
        if name is None:
            raise abi.error(_EOPNOTSUPP, "io", group.path, "no weight for each device")
        shown = weight if group.version == 1 or "bfq" in name else v2_weight(weight)
        _put_line(group, name, f"{major}:{minor}", str(shown))
    for field, (v1_name, key) in _THROTTLES.items():
        for major, minor, rate in getattr(limits, field):
            if group.version == 1:
                _put_line(group, v1_name, f"{major}:{minor}", str(rate))
            else:
                _put_max(group, f"{major}:{minor}", key, rate)


def _apply_weight(group: Group, weight: int) -> None:
    name = weight_file(group)
    if name is None:
        raise abi.error(_EOPNOTSUPP, "io", group.path, "no scheduler with weights")
    shown = weight if group.version == 1 or "bfq" in name else v2_weight(weight)
    group.write(name, str(shown))
    found = group.read(name).split()
    if str(shown) not in found:
        raise abi.error(_ERANGE, "write", f"{group.path}/{name}", f"asked for {shown}, the kernel has {found}")


def lines(group: Group, name: str) -> dict[str, str]:
    """Read a file with a line for each device: ``8:0 1048576``."""
    return dict(line.split(" ", 1) for line in group.read(name).splitlines() if ":" in line)


def _put_line(group: Group, name: str, device: str, value: str) -> None:
    group.write(name, f"{device} {value}")
    found = lines(group, name).get(device, "0")
    if found != value:
        detail = f"asked for {value} for {device}, the kernel has {found}"
        raise abi.error(_ERANGE, "write", f"{group.path}/{name}", detail)


def _put_max(group: Group, device: str, key: str, rate: int) -> None:
    value = "max" if rate == 0 else str(rate)
    group.write("io.max", f"{device} {key}={value}")
    words = lines(group, "io.max").get(device, "").split()
    if (f"{key}={value}" not in words) and (words or rate):
        detail = f"asked for {key}={value} for {device}, the kernel has {words}"
        raise abi.error(_ERANGE, "write", f"{group.path}/io.max", detail)


def throttles(group: Group) -> dict[str, dict[str, int]]:
    """Return the limited rates: field of :class:`Limits` -> device -> rate."""
    found: dict[str, dict[str, int]] = {}
    for field, (v1_name, key) in _THROTTLES.items():
        if group.version == 1:
            found[field] = {device: int(value) for device, value in lines(group, v1_name).items()}
            continue
        pairs = {
            device: dict(word.split("=", 1) for word in text.split()) for device, text in lines(group, "io.max").items()
        }
        found[field] = {device: int(one[key]) for device, one in pairs.items() if one.get(key, "max") != "max"}
    return found


def use(group: Group) -> Use:
    """What went over all devices, with the groups below."""
    total = dict.fromkeys(("rbytes", "wbytes", "rios", "wios"), 0)
    if group.version == 2:
        for text in lines(group, "io.stat").values():
            for word in text.split():
                key, _, value = word.partition("=")
                if key in total:
                    total[key] += int(value)
    else:
        _add_v1(group, "blkio.throttle.io_service_bytes_recursive", total, ("rbytes", "wbytes"))
        _add_v1(group, "blkio.throttle.io_serviced_recursive", total, ("rios", "wios"))
    return Use(total["rbytes"], total["wbytes"], total["rios"], total["wios"])


def transferred(group: Group) -> tuple[int, int]:
    """Bytes read and written over all devices, with the groups below: half of the work of :func:`use` on v1."""
    if group.version == 2:
        found = use(group)
        return found.read_bytes, found.write_bytes
    total = dict.fromkeys(("rbytes", "wbytes"), 0)
    _add_v1(group, "blkio.throttle.io_service_bytes_recursive", total, ("rbytes", "wbytes"))
    return total["rbytes"], total["wbytes"]


def _add_v1(group: Group, name: str, total: dict[str, int], keys: tuple[str, str]) -> None:
    for line in group.read(name).splitlines():
        words = line.split()
        if len(words) == 3 and words[1] in {"Read", "Write"}:
            total[keys[words[1] == "Write"]] += int(words[2])
