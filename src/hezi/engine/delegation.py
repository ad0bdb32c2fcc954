"""``--security-opt writable-cgroups``: whether this host can let a container share out its own control group.

What a container may write it must not be able to use against its limits, which are in the topmost group it sees. The
kernel sees to that on v2 alone, for a container with a cgroup namespace, where v2 is mounted with ``nsdelegate``: then
the limits of the namespace's top belong to who made it (Documentation/admin-guide/cgroup-v2.rst, "Delegation").
"""

from __future__ import annotations

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.cgroup.survey import Survey

_OPTION = '--security-opt "writable-cgroups=true" cannot be met'
_PRIVILEGED = "--privileged makes control groups writable, and trusts the container with them"


def check(host: Survey, cgroupns: str) -> None:
    """Refuse what the kernel would not keep within bounds.

    :param cgroupns: ``private`` or ``host``, as ``--cgroupns`` has it.
    :raises errors.Error: UNSUPPORTED, and why.
    """
    if cgroupns != "private":
        raise errors.Error(errors.UNSUPPORTED, f"{_OPTION} with --cgroupns {cgroupns}: the groups seen are the host's")
    v1 = sorted({name for one in host.hierarchies if one.hierarchy.version == 1 for name in one.hierarchy.controllers})
    if v1:
        text = f"{_OPTION}: a container could lift its own limits where they are on v1 ({', '.join(v1)})"
        raise errors.Error(errors.UNSUPPORTED, text, hint=_PRIVILEGED)
    if host.v2 is None:
        raise errors.Error(errors.UNSUPPORTED, f"{_OPTION}: cgroup v2 is not mounted", hint=_PRIVILEGED)
    if "nsdelegate" not in host.v2.options:
        text = f"{_OPTION}: a container could lift its own limits where cgroup v2 is mounted without nsdelegate"
        hint = f"mount -o remount,nsdelegate {host.v2.hierarchy.mount_point}"
        raise errors.Error(errors.UNSUPPORTED, text, hint=hint)
