"""The cpu controller: shares among groups that compete, and a quota that holds even when nobody does.

What v1 (``cpu``, with the accounts of ``cpuacct``) and v2 have in common, and under which names::

    shares      cpu.shares          cpu.weight       2..262144, default 1024 / 1..10000, default 100
    quota       cpu.cfs_quota_us    cpu.max          -1 / max
    period      cpu.cfs_period_us   cpu.max
    burst       cpu.cfs_burst_us    cpu.max.burst
    idle        cpu.idle            cpu.idle         5.15
    rt_runtime  cpu.rt_runtime_us   -                CONFIG_RT_GROUP_SCHED
    rt_period   cpu.rt_period_us    -
"""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.cgroup.group import Group

NAME = "cpu"
UNLIMITED = -1
_EINVAL, _ERANGE, _EOPNOTSUPP = 22, 34, 95
_DEFAULT_PERIOD = 100_000


class Limits(NamedTuple):
    """Shares as v1 counts them, times in microseconds; None leaves alone, a quota of -1 is none."""

    shares: int | None = None
    quota: int | None = None
    period: int | None = None
    rt_runtime: int | None = None
    rt_period: int | None = None


class Use(NamedTuple):
    """What was used, in microseconds, and how often the quota stopped the group.

    :ivar periods: that had something to run; ``throttled`` of them were cut short, for ``throttled_us`` altogether.
    """

    total_us: int | None
    periods: int
    throttled: int
    throttled_us: int


def weight_of_shares(shares: int) -> int:
    """Convert v1's shares to v2's weight so that the defaults meet: 1024 is 100, 2 is 1, 262144 is 10000.

    A parabola through these points in logarithms, as crun 1.23 and runc 1.3.2 have it; the straight line used before
    made the default of v1 a weight of 39.
    """
    if shares <= 2:
        return 1
    if shares >= 262144:
        return 10000
    logarithm = _log2(shares)
    exponent = (logarithm * logarithm + 125 * logarithm) / 612.0 - 7.0 / 34.0
    return int(-(-(10**exponent) // 1))


def _log2(number: int) -> float:
    # The math module would be one more to load on the way to a container's start.
    whole = number.bit_length() - 1
    fraction, rest = 0.0, number / (1 << whole)
    step = 0.5
    for _ in range(40):
        rest *= rest
        if rest >= 2.0:
            rest /= 2.0
            fraction += step
        step /= 2
    return whole + fraction


def shares_of_weight(weight: int) -> int:
    """Convert v2's weight to the fewest of v1's shares that come to it; the default to the default."""
    if weight == 100:
        return 1024
    low, high = 2, 262144
    while low < high:
        middle = (low + high) // 2
        if weight_of_shares(middle) < weight:
            low = middle + 1
        else:
            high = middle
    return low


def apply(group: Group, limits: Limits) -> None:
    """Set limits and read them back.

    :raises OSError: EINVAL, the kernel does not take it, or the parent has less; ERANGE, it has another value then;
        EOPNOTSUPP, this kernel has no realtime groups.
    """
    if limits.rt_period is not None or limits.rt_runtime is not None:
        _apply_realtime(group, limits.rt_period, limits.rt_runtime)
    if limits.shares is not None:
        if group.version == 1:
            group.set("cpu.shares", str(limits.shares))
        else:
            group.set("cpu.weight", str(weight_of_shares(limits.shares)))
    if limits.quota is None and limits.period is None:
        return
    if group.version == 2:
        _, known_period = quota(group)
        value = limits.quota if limits.quota is not None else quota(group)[0]
        text = "max" if value <= 0 else str(value)
        group.set("cpu.max", f"{text} {limits.period or known_period}")
        return
    _apply_quota(group, limits.quota, limits.period)


def _apply_quota(group: Group, wanted: int | None, period: int | None) -> None:
    if period is not None:
        try:
            group.set("cpu.cfs_period_us", str(period))
        except OSError as error:
            # The quota there may be too much for the new period within what the parent has: without it first.
            if error.errno != _EINVAL or wanted is None:
                raise
            group.write("cpu.cfs_quota_us", "-1")
            group.set("cpu.cfs_period_us", str(period))
    if wanted is not None:
        group.set("cpu.cfs_quota_us", str(wanted if wanted > 0 else UNLIMITED))


def _apply_realtime(group: Group, period: int | None, runtime: int | None) -> None:
    if not group.has("cpu.rt_runtime_us"):
        text = "no realtime groups: cgroup v2, or a kernel without CONFIG_RT_GROUP_SCHED"
        raise abi.error(_EOPNOTSUPP, "cpu", group.path, text)
    if period is not None:
        group.set("cpu.rt_period_us", str(period))
    if runtime is not None:
        group.set("cpu.rt_runtime_us", str(runtime))


def quota(group: Group) -> tuple[int, int]:
    """Return (quota, period) in microseconds; a quota of -1 is none."""
    if group.version == 2:
        if not group.has("cpu.max"):  # the top
            return UNLIMITED, _DEFAULT_PERIOD
        text, period = group.read("cpu.max").split()
        return (UNLIMITED if text == "max" else int(text)), int(period)
    return int(group.read("cpu.cfs_quota_us")), int(group.read("cpu.cfs_period_us"))


def shares(group: Group) -> int:
    """Return the shares as v1 counts them."""
    if group.version == 1:
        return int(group.read("cpu.shares"))
    return shares_of_weight(int(group.read("cpu.weight"))) if group.has("cpu.weight") else 1024


def use(group: Group, accounts: Group | None = None) -> Use:
    """What was used.

    :param accounts: v1's group of the ``cpuacct`` controller, which may be on another hierarchy.
    """
    stat = dict(line.split(" ", 1) for line in group.read("cpu.stat").splitlines())
    if group.version == 2:
        total = int(stat["usage_usec"])
        stopped = int(stat.get("throttled_usec", 0))
    else:
        total_ns = accounts.read("cpuacct.usage") if accounts is not None else ""
        total = int(total_ns) // 1000 if total_ns else -1
        stopped = int(stat.get("throttled_time", 0)) // 1000
    counted = None if total < 0 else total
    return Use(counted, int(stat.get("nr_periods", 0)), int(stat.get("nr_throttled", 0)), stopped)
