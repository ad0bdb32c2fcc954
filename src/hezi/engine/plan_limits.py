"""The part of a plan that the kernel's control groups are for: what is made and set before the first process is cloned.

These are no operations of :mod:`hezi.runtime.plan`: :mod:`hezi.linux.cgroup.manager` carries them out, by the names
that the files have in the version of cgroups that each controller is on. Here they have those of the specification.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hezi.engine.request import RunRequest
    from hezi.spec.runtime import DeviceRule, Resources

    Row = tuple[str, str, str]

_FLAG, _DEFAULT = "flag", "default"
_RATES = ("read_bps", "write_bps", "read_iops", "write_iops")
_BYTES = frozenset({"limit", "reservation", "swap"})


def rows(resources: Resources, path: str, request: RunRequest) -> list[Row]:
    """Return name, what and origin of each step.

    :param path: of the container's groups, from the top of each hierarchy.
    """
    found = [("MakeCgroups", f"{path} in every hierarchy", _FLAG if request.cgroup_parent else _DEFAULT)]
    found += [("SetLimit", what, origin) for what, origin in _limits(resources, request)]
    return found


def _limits(resources: Resources, request: RunRequest) -> Iterator[tuple[str, str]]:
    origin = _DEFAULT if request.pids_limit is None else _FLAG
    yield f"pids.limit {resources.pids_limit or 'max'}", origin
    for section, part in (("cpu", resources.cpu), ("memory", resources.memory)):
        values = part._asdict() if part is not None else {}
        for key, value in values.items():
            if value is not None:
                yield f"{section}.{key} {_value(key, value)}", _FLAG
    disks = resources.block_io
    if disks is not None:
        if disks.weight is not None:
            yield f"blockIO.weight {disks.weight}", _FLAG
        for key in ("weight_device", *_RATES):
            for major, minor, value in getattr(disks, key):
                yield f"blockIO.{key} {major}:{minor} {value}", _FLAG
    if resources.devices:
        asked = request.device or request.device_cgroup_rule or request.privileged
        yield f"devices {_rules(resources.devices)}", _FLAG if asked else _DEFAULT


def _value(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key in _BYTES and value == -1:
        return "max"
    return str(value)


def _rules(rules: Sequence[DeviceRule]) -> str:
    """The rules in the order in which they are written, the last one that fits decides."""
    texts = []
    for rule in rules:
        numbers = ":".join("*" if number is None else str(number) for number in (rule.major, rule.minor))
        texts.append(f"{'allow' if rule.allow else 'deny'} {rule.type} {numbers} {rule.access}")
    return ", ".join(texts)
