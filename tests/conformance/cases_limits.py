"""Resource limits: what the program's own control groups have, and what is refused."""

from __future__ import annotations


def _show(*files: str) -> str:
    return f"@busybox sh -c 'cd /sys/fs/cgroup; cat {' '.join(files)}'"


_CPU = _show("cpu/cpu.shares", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")
_SETS = _show("cpuset/cpuset.cpus", "cpuset/cpuset.mems")
_MEMORY = _show(
    *(f"memory/memory.{name}_in_bytes" for name in ("limit", "memsw.limit", "soft_limit")),
    *("memory/memory.swappiness", "memory/memory.oom_control"),
)
_RATES = _show(
    *(f"blkio/blkio.throttle.{what}_device" for what in ("read_bps", "write_bps", "read_iops", "write_iops"))
)
_DISK = "/dev/vda"

CASES = [
    *(
        f"{flags} {_CPU}"
        for flags in (
            "",
            "--cpus 1",
            "--cpus 0.5",
            "--cpus .25",
            "--cpus 0",
            "--cpus=1.0000001",
            "--cpus 0.001",
            "--cpus 9999",
            "--cpus -1",
            "--cpus abc",
            "--cpus 1 --cpu-period 50000",
            "--cpus 1 --cpu-quota 50000",
            "-c 512",
            "--cpu-shares 2",
            "--cpu-shares 1",
            "--cpu-shares 0",
            "--cpu-shares -1",
            "--cpu-shares 262144",
            "--cpu-shares 262145",
            "--cpu-period 50000",
            "--cpu-period 50000 --cpu-quota 20000",
            "--cpu-period 999",
            "--cpu-period 1000001",
            "--cpu-quota 20000",
            "--cpu-quota 999",
            "--cpu-quota -1",
            "--cpu-quota -5",
            "--cpu-rt-runtime 1000",
            "--cpu-rt-runtime 5000 --cpu-rt-period 1000",
        )
    ),
    *(
        f"{flags} {_SETS}"
        for flags in (
            "",
            "--cpuset-cpus 0",
            "--cpuset-cpus 0-1",
            "--cpuset-cpus 0,1",
            "--cpuset-cpus 7999",
            "--cpuset-cpus abc",
            "--cpuset-cpus 1-0",
            "--cpuset-mems 0",
            "--cpuset-mems 77",
            "--cpuset-mems x",
        )
    ),
    *(
        f"{flags} {_MEMORY}"
        for flags in (
            "",
            "-m 64m",
            "-m 67108865",
            "-m 0",
            "-m 1m",
            "-m 6m",
            "-m 1x",
            "-m -5",
            "-m 64m --memory-swap 96m",
            "-m 64m --memory-swap 64m",
            "-m 64m --memory-swap -1",
            "-m 64m --memory-swap 32m",
            "--memory-swap 64m",
            "--memory-swap -1",
            "--memory-reservation 32m",
            "--memory-reservation 1m",
            "-m 64m --memory-reservation 128m",
            "--memory-swappiness 10",
            "--memory-swappiness 0",
            "--memory-swappiness -1",
            "--memory-swappiness 101",
            "--memory-swappiness -2",
            "-m 64m --oom-kill-disable",
            "-m 64m --oom-kill-disable=false",
        )
    ),
    *(
        f"{flags} {_show('pids/pids.max')}"
        for flags in ("--pids-limit 7", "--pids-limit 0", "--pids-limit -1", "--pids-limit 9999999999")
    ),
    *(
        f"{flags} {_RATES}"
        for flags in (
            f"--device-read-bps {_DISK}:1mb --device-write-bps {_DISK}:2048",
            f"--device-read-iops {_DISK}:100 --device-write-iops {_DISK}:200",
            f"--device-read-bps {_DISK}:1mb --device-read-bps {_DISK}:2mb",
            f"--device-read-bps {_DISK}:0",
            f"--device-read-bps {_DISK}",
            f"--device-read-bps {_DISK}:-1",
            f"--device-read-bps {_DISK}:xx",
            "--device-read-bps vda:1mb",
            "--device-read-bps /dev/null:1mb",
            "--device-read-bps /etc/passwd:1mb",
            f"--device-read-iops {_DISK}:1mb",
            f"--blkio-weight-device {_DISK}:5",
            f"--blkio-weight-device {_DISK}:x",
            "--blkio-weight-device vda:100",
        )
    ),
    *(
        f"--device-cgroup-rule '{rule}' @busybox grep -E '10:229|9:' /sys/fs/cgroup/devices/devices.list"
        for rule in ("c 10:229 rwm", "b 9:* r", "c 10:229", "x 1:3 rwm", "c 1 rwm", "c *:* rmwx", "C 1:3 r")
    ),
]
