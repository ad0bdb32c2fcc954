"""Limits and their mistakes, of ``create`` and ``update``: what is said, and what ``inspect`` has afterwards."""

from __future__ import annotations

_FIELDS = (
    *("Memory", "MemorySwap", "MemoryReservation", "MemorySwappiness", "OomKillDisable", "OomScoreAdj"),
    *("NanoCpus", "CpuShares", "CpuPeriod", "CpuQuota", "CpusetCpus", "CpusetMems"),
    *("CpuRealtimePeriod", "CpuRealtimeRuntime", "BlkioWeight", "BlkioWeightDevice"),
    *("BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps"),
    *("Ulimits", "ShmSize", "DeviceCgroupRules", "CgroupParent"),
)
_LOOK = " ".join(f"{{{{json .HostConfig.{name}}}}}" for name in _FIELDS)
# What hezi has by default is not what docker has (2,048 processes, a cgroup namespace): compared where it is asked for.
_ASKED = {"--pids-limit": "PidsLimit", "--cgroupns": "CgroupnsMode"}
# Of each line the flags of a container made for it.
_CREATE = """
--memory 5m
--memory 6291455
--memory 6m
--memory 0
--memory -1
--memory -6m
--memory ''
--memory 64
--memory 64mb
--memory 64MiB
--memory 1.5g
--memory 64x
--memory 1e9
--memory 99999999999g
--memory '64 m'
-m64m
--memory=64m
--memory 64m --memory 32m
--memory-swap 64m
--memory-swap -1
--memory-swap -2
--memory-swap 0
--memory-swap abc
--memory 64m --memory-swap 32m
--memory 64m --memory-swap 64m
--memory 64m --memory-swap 128m
--memory 64m --memory-swap -1
--memory 64m --memory-swap 0
--memory 64m --memory-swap -2
--memory-reservation 5m
--memory-reservation 1m
--memory-reservation 32m
--memory-reservation abc
--memory-reservation -1
--memory 64m --memory-reservation 128m
--memory 64m --memory-reservation 64m
--memory 64m --memory-reservation 32m
--memory-swappiness 0
--memory-swappiness 50
--memory-swappiness 100
--memory-swappiness 101
--memory-swappiness -1
--memory-swappiness -2
--memory-swappiness x
--memory-swappiness 1.5
--oom-kill-disable
--oom-kill-disable=true
--oom-kill-disable=false
--oom-kill-disable=maybe
--memory 64m --oom-kill-disable
--oom-score-adj 2000
--oom-score-adj 1001
--oom-score-adj 1000
--oom-score-adj -1000
--oom-score-adj -1001
--oom-score-adj 0
--oom-score-adj x
--oom-score-adj ''
--cpus 1000
--cpus 2
--cpus 2.01
--cpus 1.5
--cpus 0
--cpus 0.01
--cpus 0.001
--cpus -1
--cpus x
--cpus ''
--cpus 1e1
--cpus 1/2
--cpus 3/2
--cpus 0.0000000001
--cpus 1 --cpu-quota 50000
--cpus 1 --cpu-period 50000
--cpus 1 --cpu-period 50000 --cpu-quota 50000
--cpus 0 --cpu-quota 50000
--cpu-quota 50000
--cpu-quota 999
--cpu-quota 1000
--cpu-quota 0
--cpu-quota -1
--cpu-quota -2
--cpu-quota x
--cpu-quota 99999999999999999999
--cpu-period 50000
--cpu-period 999
--cpu-period 1000
--cpu-period 1000000
--cpu-period 1000001
--cpu-period 0
--cpu-period -1
--cpu-period x
--cpu-period 50000 --cpu-quota 20000
--cpu-shares 0
--cpu-shares 1
--cpu-shares 2
--cpu-shares -1
--cpu-shares x
--cpu-shares 262144
--cpu-shares 262145
-c 10
--cpuset-cpus 0
--cpuset-cpus 0-1
--cpuset-cpus 0,1
--cpuset-cpus 1,0
--cpuset-cpus 9-
--cpuset-cpus -9
--cpuset-cpus 9
--cpuset-cpus 0-9
--cpuset-cpus ''
--cpuset-cpus x
--cpuset-cpus 0,
--cpuset-cpus ,0
--cpuset-cpus 0,,1
--cpuset-cpus 0:2
--cpuset-cpus 00
--cpuset-cpus ' 0'
--cpuset-cpus 9000
--cpuset-mems 0
--cpuset-mems 1
--cpuset-mems 9
--cpuset-mems x
--cpuset-mems 0-
--cpuset-mems 9000
--blkio-weight 5
--blkio-weight 9
--blkio-weight 10
--blkio-weight 500
--blkio-weight 1000
--blkio-weight 1001
--blkio-weight 0
--blkio-weight -1
--blkio-weight x
--blkio-weight 65536
--blkio-weight-device /dev/vda:5
--blkio-weight-device /dev/vda:500
--blkio-weight-device /dev/vda:1001
--blkio-weight-device /dev/vda
--blkio-weight-device /dev/vda:
--blkio-weight-device /dev/vda:x
--blkio-weight-device /dev/vda:-1
--blkio-weight-device vda:500
--blkio-weight-device /nope:500
--blkio-weight-device :500
--blkio-weight-device ''
--device-read-bps /nope:1
--device-read-bps /dev/vda:1
--device-read-bps /dev/vda:1mb
--device-read-bps /dev/vda:0
--device-read-bps /dev/vda:-1
--device-read-bps /dev/vda:x
--device-read-bps /dev/vda:
--device-read-bps /dev/vda
--device-read-bps vda:1
--device-read-bps ''
--device-read-bps /dev/vda:1:2
--device-read-bps /dev/vda:1mb --device-read-bps /dev/vda:2mb
--device-write-bps /dev/vda:1mb
--device-write-bps /dev/vda:1.5mb
--device-write-bps /nope:1
--device-read-iops /dev/vda:100
--device-read-iops /dev/vda:1k
--device-read-iops /dev/vda:-1
--device-read-iops /nope:1
--device-read-iops /dev/vda
--device-write-iops /dev/vda:100
--device-write-iops /dev/vda:x
--device-write-iops /dev/vda:0
--pids-limit -2
--pids-limit -1
--pids-limit 0
--pids-limit 1
--pids-limit 100
--pids-limit x
--pids-limit ''
--pids-limit 1.5
--pids-limit 99999999999999999999
--ulimit nofile=100
--ulimit nofile=100:200
--ulimit nofile=200:100
--ulimit nofile
--ulimit nofile=
--ulimit nofile=:
--ulimit nofile=:5
--ulimit nofile=5:
--ulimit nofile=x
--ulimit nofile=5:x
--ulimit nofile=1:2:3
--ulimit nofile=-1
--ulimit nofile=-1:-1
--ulimit nofile=-2
--ulimit nofile=5:-1
--ulimit nofile=-1:5
--ulimit nope=5
--ulimit NOFILE=5
--ulimit =5
--ulimit ''
--ulimit core=0
--ulimit core=unlimited
--ulimit cpu=5 --ulimit core=0
--ulimit nofile=10 --ulimit nofile=20
--ulimit nofile=0x10
--ulimit rss=1
--ulimit rtprio=1:2
--ulimit memlock=64k
--shm-size 0
--shm-size -1
--shm-size 32m
--shm-size 1
--shm-size x
--shm-size ''
--shm-size 1.5g
--kernel-memory 32m
--kernel-memory 5m
--kernel-memory x
--kernel-memory 0
--cpu-rt-runtime 1000
--cpu-rt-runtime 0
--cpu-rt-runtime -1
--cpu-rt-runtime x
--cpu-rt-period 1000
--cpu-rt-period 0
--cpu-rt-period x
--cpu-rt-runtime 5000 --cpu-rt-period 1000
--cpu-rt-runtime 1000 --cpu-rt-period 5000
--device-cgroup-rule 'c 1:3 rwm'
--device-cgroup-rule 'c *:* rwm'
--device-cgroup-rule 'b 8:* r'
--device-cgroup-rule 'a *:* rwm'
--device-cgroup-rule 'a 1:3 r'
--device-cgroup-rule 'x 1:3 r'
--device-cgroup-rule 'c 1:3'
--device-cgroup-rule 'c 1:3 x'
--device-cgroup-rule 'c 1 rwm'
--device-cgroup-rule 'c 1:3 rwmr'
--device-cgroup-rule 'c 1:3 '
--device-cgroup-rule 'c  1:3 rwm'
--device-cgroup-rule ' c 1:3 rwm'
--device-cgroup-rule 'c -1:3 rwm'
--device-cgroup-rule 'c 1:x rwm'
--device-cgroup-rule ''
--device-cgroup-rule 'c 1:3 rwm' --device-cgroup-rule 'c 1:5 r'
--cgroup-parent hezi-conf
--cgroup-parent /hezi-conf
--cgroup-parent /hezi-conf/
--cgroup-parent hezi/conf
--cgroup-parent ''
--cgroup-parent /
--cgroup-parent ../up
--cgroup-parent /hezi/../up
--cgroup-parent system.slice
--cgroup-parent 'with space'
--cgroupns bad
--cgroupns host
--cgroupns private
--cgroupns ''
--cgroupns HOST
--cgroupns private --privileged
--cgroupns host --privileged
--memory 64m --memory-swap 128m --memory-reservation 32m --memory-swappiness 7 --oom-kill-disable --pids-limit 9
--cpu-shares 3 --cpu-period 50000 --cpu-quota 20000 --cpuset-cpus 0 --cpuset-mems 0 --blkio-weight 300
"""
# Of each line the flags of an update, of one that runs, one that does not, and one that is not there.
_UPDATE = """

--memory 5m
--memory 64m
--memory 0
--memory -1
--memory x
--memory 300m
--memory 64m --memory-swap 128m
--memory 64m --memory-swap 32m
--memory 64m --memory-swap -1
--memory-swap 128m
--memory-swap -1
--memory-swap 0
--memory-reservation 1m
--memory-reservation 32m
--memory-reservation x
--memory-reservation 900m
--kernel-memory 32m
--kernel-memory 5m
--kernel-memory x
--cpus 1000
--cpus 1
--cpus 1.5
--cpus 0
--cpus -1
--cpus x
--cpus 1 --cpu-quota 50000
--cpus 1 --cpu-period 50000
--cpu-quota 50000
--cpu-quota 999
--cpu-quota -1
--cpu-quota x
--cpu-period 50000
--cpu-period 999
--cpu-period 1000001
--cpu-shares 3
--cpu-shares 0
--cpu-shares -1
--cpu-shares x
--cpuset-cpus 0
--cpuset-cpus 0-1
--cpuset-cpus 9-
--cpuset-cpus 9
--cpuset-cpus ''
--cpuset-mems 0
--cpuset-mems 9
--cpuset-mems x
--blkio-weight 5
--blkio-weight 0
--blkio-weight 1001
--blkio-weight x
--pids-limit -2
--pids-limit -1
--pids-limit 0
--pids-limit 7
--pids-limit x
--cpu-rt-runtime 1000
--cpu-rt-period 1000
--cpu-rt-period x
--restart sometimes
--restart always:3
--restart on-failure:2
--restart no
--restart ''
--memory-swappiness 5
--oom-kill-disable
--ulimit nofile=5
--nope
--help=x
--memory
--memory 64m --restart nope
--cpus 1 --memory 5m
--pids-limit 8 --cpu-shares 9 --memory-reservation 40m
"""


# Flags on which hezi means to differ -> why. They are not compared.
_AT_ONCE = "what the kernel will not take is refused at once, not by a start"
_NO_FILE = "what this host's kernel has no file for is kept as asked for, and told of by the start; docker forgets it"
_GONE = "the kernel no longer offers it"
DIFFERS = {
    "--memory 99999999999g": "a size beyond all numbers is none; docker's wraps around",
    "--cpus 0.001": _AT_ONCE,
    "--cpu-shares 1": _AT_ONCE,
    "--cpu-shares -1": _AT_ONCE,
    "--cpu-shares 262145": _AT_ONCE,
    "--ulimit nofile=-2": _AT_ONCE,
    "--cgroup-parent /": _AT_ONCE,
    "--cgroup-parent ../up": "no parent is outside of where groups are made",
    "--cgroup-parent /hezi/../up": "no parent is outside of where groups are made",
    "--cgroup-parent system.slice": "slices are systemd's, and refused where that does not make the groups",
    "--oom-kill-disable": "limits are put on, and warned of, by the start",
    "--oom-kill-disable=true": "limits are put on, and warned of, by the start",
    **dict.fromkeys((f"--blkio-weight {weight}" for weight in (5, 9, 10, 500, 1000, 1001)), _NO_FILE),
    "--blkio-weight-device /dev/vda:500": _NO_FILE,
    "--cpu-shares 3 --cpu-period 50000 --cpu-quota 20000 --cpuset-cpus 0 --cpuset-mems 0 --blkio-weight 300": _NO_FILE,
    "--kernel-memory 32m": _GONE,
    "--kernel-memory 0": _GONE,
    "--memory-reservation 900m": "a reservation above the limit is refused by update as by create",
    "--cpu-rt-runtime 1000": "what the kernel refuses is not passed over (update of one that runs)",
    "--pids-limit -1": "no limit is null from the beginning, 0 after an update; docker has the default of hezi nowhere",
    "--pids-limit 0": "0 is hezi's default, as no flag is",
    "--pids-limit -2": "no limit is null",
    "--cgroupns ''": "the default is a namespace of its own",
}


def _compared(text: str) -> list[str]:
    return [flags for flags in text.splitlines()[1:] if flags not in DIFFERS]


def _look(flags: str) -> str:
    # A value that is none leaves the default, which is not docker's.
    asked = [item for item in _ASKED.items() if item[0] in flags and not flags.endswith(" x")]
    return " ".join([_LOOK, *(f"{{{{json .HostConfig.{name}}}}}" for _, name in asked)])


def _created(text: str) -> list[str]:
    lines = []
    for flags in _compared(text):
        lines += [f"create --name rr {flags} @life true", f"inspect -f '{_look(flags)}' rr", "rm -f rr"]
    return lines


def _updated(text: str, start: str, names: str) -> list[str]:
    """Each from the same beginning."""
    lines = []
    for flags in _compared(text):
        lines += [start, f"update {flags} {names}", f"inspect -f '{_look(flags)}' uu", "rm -f uu"]
    return lines


SESSIONS = {
    "limits of create": "\n".join(_created(_CREATE)),
    "limits of update, of what does not run": "\n".join(
        _updated(_UPDATE, "create --name uu -m 200m --memory-swap 300m --cpu-shares 100 @life true", "uu")
    ),
    "limits of update, of what runs": "\n".join(
        _updated(_UPDATE, "run -d --name uu -m 200m --memory-swap 300m --cpu-shares 100 @life sleep 1000", "uu")
    ),
    "limits of update, of one that is there and one that is not": "\n".join(
        line
        for flags in ("--pids-limit 5", "--memory 5m", "--cpus x", "--restart no", "")
        for line in (
            "create --name uu @life true",
            f"update {flags} nosuch",
            f"update {flags} uu nosuch",
            f"update {flags} nosuch uu",
            f"update {flags} uu uu",
            f"inspect -f '{_LOOK}' uu",
            "rm -f uu",
        )
    ),
}
