"""Each option of create with values good and bad, and what inspect then says: sessions that begin with no container."""

from __future__ import annotations


def made(template: str, *flags: str, image: str = "@life") -> list[str]:
    """Lines that make a container with each of ``flags``, and look at it. ``;`` stands between flags and a command."""
    lines = []
    for number, words in enumerate(flags):
        before, _, command = words.partition(" ; ")
        lines += [f"create --name n{number} {before} {image} {command}".rstrip(), f"inspect -f '{template}' n{number}"]
    return lines


_ENV = made(
    "{{json .Config.Env}}",
    *("-e A=1", "-e A=", "-e A", "-e FROMHOST", "-e UNSET_ON_HOST", "-e FROM", "-e FROM=", "-e =x", "-e ''", "-e ="),
    *("-e 'A B=c'", "-e 'A=b c'", "-e A=1 -e A=2", "-e A=1 -e B=2 -e A=3", "-e PATH=/x", "-e A=b=c", "-e ' A=1'"),
    *("--env A=1", "--env=A=1", "--env=", "-e=A=1", "-eA=1", "-e A=ä", "-e 'A=\"q\"'", "-e 1A=2", "-e A-B=1"),
    *("--env-file %d/env", "--env-file=%d/env", "--env-file %d/badenv", "--env-file %d/noeq", "--env-file %d/none"),
    *("--env-file %d/sub", "--env-file ''", "--env-file %d/env -e E=flag", "-e E=flag --env-file %d/env"),
    *("--env-file %d/env --env-file %d/labels", "--env-file /dev/null", "--env-file env", "--env-file ./env"),
)
_LABELS = made(
    "{{json .Config.Labels}}",
    *("-l a=b", "-l a", "-l a=", "-l =b", "-l ''", "-l =", "-l 'a b=c d'", "-l a=1 -l a=2", "-l a=b=c", "-l 'a=b,c=d'"),
    *("--label a=b", "--label=a=b", "-l=a=b", "-la=b", "--label-file %d/labels", "--label-file %d/none"),
    *(
        "--label-file %d/env",
        "--label-file %d/badenv",
        "--label-file %d/noeq",
        "--label-file ''",
        "--label-file %d/sub",
    ),
    *("--label-file %d/labels -l a=flag", "-l a=flag --label-file %d/labels", "--label-file %d/exists", "-l ü=ö"),
)
_LABELS += [
    "create --name f1 -l kind=mine -l extra @life:full",
    "inspect -f '{{json .Config.Labels}}' f1",
    "create --name f2 -l kind= @life:full",
    "inspect -f '{{json .Config.Labels}}' f2",
    "create --name f3 --annotation a=b --annotation c=d=e @life",
    "create --annotation a @life",
    "create --annotation =b @life",
    "create --annotation '' @life",
]
_PROCESS = made(
    "{{.Path}} {{json .Args}} {{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Config.User}} {{.Config.WorkingDir}}",
    *("", " ; echo x", " ; ''", " ; -x", " ; --rm", " ; -- x", "-- @life", "--entrypoint sh", "--entrypoint ''"),
    *("--entrypoint sh ; -c x", "--entrypoint '' ; echo a", "--entrypoint 'sh -c'", '--entrypoint \'["a","b"]\''),
    *("--entrypoint=", "--entrypoint a --entrypoint b", "-w /tmp", "-w rel", "-w ''", "-w /a/../b", "-w //x//", "-w ."),
    *("-w '/with space'", "-w /", "--workdir=/x", "-w / -w /tmp", "-u 0", "-u root", "-u ann", "-u ann:www", "-u :33"),
    *("-u 0:0", "-u ''", "-u nosuch", "-u a:b:c", "-u -1", "-u 1000:", "-u ' ann'", "--user ann", "--user=5"),
)
_FULL = made(
    "{{.Path}} {{json .Args}} {{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Config.User}} {{.Config.WorkingDir}}",
    *("", " ; other", " ; ''", "--entrypoint sh", "--entrypoint ''", "--entrypoint '' ; sh", "--entrypoint sh ; -c x"),
    *("-u ''", "-u 0", "-w ''", "-w /tmp", "-w rel"),
    image="@life:full",
)
_NAMES = """
create --name ok @life
create --name ok @life
create --name /ok @life
create --name OK @life
create --name a @life
create --name 1 @life
create --name 12 @life
create --name _a @life
create --name .a @life
create --name -a @life
create --name a. @life
create --name a- @life
create --name a_ @life
create --name a..b @life
create --name a--b @life
create --name a/b @life
create --name a:b @life
create --name a@b @life
create --name a,b @life
create --name a+b @life
create --name 'a b' @life
create --name ' ab' @life
create --name 'ab ' @life
create --name aä @life
create --name '' @life
create --name / @life
create --name // @life
create --name /a/b @life
create --name=eq @life
create --name one --name two @life
create --name
create --name x
inspect -f '{{.Name}}' ok OK 12 a. a- a_ a..b a--b eq two
inspect -f '{{.Name}}' /two
inspect -f '{{.Name}}' //two
inspect -f '{{.Name}}' tw
inspect -f '{{.Name}}' ''
inspect -f '{{.Name}}' {short two}
rename ok better
rename better better
rename better two
rename better a/b
rename better b
rename better -x
rename better ''
rename '' x
rename nosuch x
rename better
rename
rename a b c
rename /better /best
rename {cut best} third
inspect -f '{{.Name}}' third best better
rm third nosuch third
rm -f third
rm eq eq
rm '' two
rm {short two} {id a_}
ps -a --format '{{.Names}}'
"""
_RESTART = made(
    "{{json .HostConfig.RestartPolicy}}",
    *(
        f"--restart {text}"
        for text in (
            *(
                "no",
                "no:0",
                "no:1",
                "always",
                "always:0",
                "always:3",
                "unless-stopped",
                "unless-stopped:2",
                "on-failure",
            ),
            *(
                "on-failure:3",
                "on-failure:",
                "on-failure:0",
                "on-failure:-1",
                "on-failure:+1",
                "on-failure:01",
                "bogus",
            ),
            *("''", "Always", "'always '", "No", "on-failure:3x", "'on-failure: 3'", "never", "always:", ":"),
        )
    ),
    *("--restart no --restart always", "--restart=always", "--rm", "--rm=true", "--rm=false --restart always"),
)
_HEALTH = made(
    "{{json .Config.Healthcheck}}",
    *("--health-cmd true", "--health-cmd 'a b c'", "--health-cmd ''", "--health-interval 1s", "--health-interval 90s"),
    *("--health-cmd x --health-interval 1m30s --health-timeout 5s --health-retries 2 --health-start-period 1h",),
    *(
        "--health-cmd x --health-start-interval 2s",
        "--health-cmd x --health-interval 0",
        "--health-cmd x --health-retries 0",
    ),
    *(
        "--health-interval x",
        "--health-interval 5",
        "--health-interval 1d",
        "--health-interval ''",
        "--health-timeout 1",
    ),
    *(
        "--health-timeout 1ms",
        "--health-timeout 0s",
        "--health-retries x",
        "--health-retries 3",
        "--health-retries 1.5",
    ),
    *("--health-start-period 5ms", "--health-start-period 1.5s", "--health-start-period 1x", "--health-interval .5h"),
    *("--no-healthcheck", "--no-healthcheck=true", "--no-healthcheck=x", "--health-cmd a --health-cmd b"),
)
_STOP = made(
    "{{.Config.StopSignal}} {{json .Config.StopTimeout}}",
    *(
        f"--stop-signal {name}"
        for name in ("TERM", "SIGTERM", "sigterm", "15", "KILL", "9", "RTMIN", "RTMIN+3", "SIGRTMAX")
    ),
    *(
        f"--stop-signal {name}"
        for name in ("BOGUS", "0", "-1", "64", "34", "'TERM '", "''", "SIG", "SIGSIG", "1x", "RTMAX-2")
    ),
    *(f"--stop-signal {name}" for name in ("CLD", "IOT", "POLL", "IO", "STKFLT", "UNUSED", "PWR", "WINCH", "RTMIN+15")),
    *(
        f"--stop-signal {name}"
        for name in ("RTMIN+16", "RTMAX-15", "RTMAX-0", "RTMIN-1", "INFO", "EMT", "LOST", "CHLD")
    ),
    *(
        f"--stop-timeout {text}"
        for text in ("0", "1", "-1", "-5", "x", "1.5", "1s", "''", "99999999999", "0x10", "010")
    ),
)
_MODES = made(
    "{{.HostConfig.PidMode}}|{{.HostConfig.IpcMode}}|{{.HostConfig.UTSMode}}|{{.HostConfig.UsernsMode}}",
    *(f"--pid {text}" for text in ("host", "''", "private", "bogus", "container:", "container:nosuch", "HOST")),
    *(
        f"--ipc {text}"
        for text in ("host", "''", "private", "shareable", "none", "bogus", "container:", "container:nosuch")
    ),
    *(f"--uts {text}" for text in ("host", "''", "private", "bogus", "container:x")),
    *(f"--userns {text}" for text in ("host", "''", "private", "bogus")),
)
_SWITCHES = made(
    "{{json .HostConfig.Init}} {{.HostConfig.Privileged}} {{.HostConfig.ReadonlyRootfs}}",
    *("--cgroupns host", "--cgroupns private", "--cgroupns bogus", "--init", "--init=false", "--init=x"),
    *("--privileged", "--privileged=false", "--privileged=1", "--privileged=T", "--read-only", "--read-only=0"),
)
_STREAMS = made(
    "{{with .Config}}{{.Tty}} {{.OpenStdin}}{{.StdinOnce}} {{.AttachStdin}}/{{.AttachStdout}}/{{.AttachStderr}}{{end}}",
    *("", "-i", "-t", "-it", "-a stdin", "-a stdout", "-a stderr", "-a STDOUT", "-a stdin -i", "-a stdout -a stderr"),
    *("-a bogus", "-a ''", "-a stdin -a stdout -i -t", "--attach stdout", "--interactive --tty", "-i=false -t=false"),
    *("--tty=x", "-ti", "-itt", "-a stdout,stderr"),
)
_HOST = made(
    "{{.Config.Hostname}}|{{.Config.Domainname}}",
    *("-h box", "-h box.dom", "-h box_x", "-h a --domainname dom", "-h a --domainname d.e.f", "--domainname d -h ''"),
    *("--hostname=eq", "-h UPPER", "-h 1", "-h a-b", "-h a..b", "-h a.", "--domainname '' -h x", "-h ä", "-h a -h b"),
)
_RIGHTS = made(
    "{{json .HostConfig.CapAdd}} {{json .HostConfig.CapDrop}} {{json .HostConfig.SecurityOpt}}",
    *(
        "--cap-add SYS_ADMIN",
        "--cap-add sys_admin",
        "--cap-add CAP_SYS_ADMIN",
        "--cap-add cap_sys_admin",
        "--cap-add ALL",
    ),
    *("--cap-add all", "--cap-add NET_ADMIN --cap-add CHOWN", "--cap-add CHOWN --cap-add NET_ADMIN --cap-add CHOWN"),
    *(
        "--cap-add NOSUCH",
        "--cap-add ''",
        "--cap-add 'CHOWN '",
        "--cap-add CHOWN,KILL",
        "--cap-drop ALL",
        "--cap-drop all",
    ),
    *("--cap-drop CHOWN", "--cap-drop chown --cap-drop kill", "--cap-drop NOSUCH", "--cap-drop ''", "--cap-drop 1"),
    *("--cap-add CHOWN --cap-drop CHOWN", "--cap-add ALL --cap-drop ALL", "--cap-add ALL --cap-add CHOWN"),
    *("--cap-drop ALL --cap-add net_raw", "--cap-add CAP_ALL", "--cap-add SETUID --cap-drop SETGID"),
    *(
        "--security-opt no-new-privileges",
        "--security-opt no-new-privileges:true",
        "--security-opt no-new-privileges=false",
    ),
    *("--security-opt no-new-privileges:x", "--security-opt seccomp=unconfined", "--security-opt seccomp:unconfined"),
    *("--security-opt seccomp=%d/none", "--security-opt seccomp=%d/file", "--security-opt apparmor=unconfined"),
    *("--security-opt label=disable", "--security-opt label:disable", "--security-opt label=type:x"),
    *(
        "--security-opt bogus",
        "--security-opt bogus=x",
        "--security-opt ''",
        "--security-opt =",
        "--security-opt seccomp=",
    ),
    *("--security-opt systempaths=unconfined", "--security-opt systempaths=x", "--security-opt a=b --security-opt c=d"),
)
_SYSCTLS = made(
    "{{json .HostConfig.Sysctls}} {{.HostConfig.OomScoreAdj}} {{.HostConfig.ShmSize}} {{json .HostConfig.GroupAdd}}",
    *("--sysctl net.ipv4.ip_forward=1", "--sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=9000", "--sysctl a=b"),
    *(
        "--sysctl net.ipv4.ip_forward",
        "--sysctl net.ipv4.ip_forward=",
        "--sysctl =1",
        "--sysctl ''",
        "--sysctl kernel.x=1",
    ),
    *("--sysctl net.ipv4.a=1 --sysctl net.ipv4.a=2", "--sysctl vm.swappiness=1", "--sysctl fs.mqueue.msg_max=5"),
    *(
        "--sysctl kernel.shmmax=1",
        "--sysctl kernel.sem='1 2 3 4'",
        "--sysctl net.ipv4.x='a=b'",
        "--sysctl kernel.hostname=x",
    ),
    *(f"--oom-score-adj {text}" for text in ("0", "1000", "1001", "-1000", "-1001", "x", "''", "1.5")),
    *(
        f"--shm-size {text}"
        for text in ("1m", "64M", "1g", "0", "-1", "x", "''", "1.5m", "1kb", "1KiB", "100", "1b", "1t", "1mm")
    ),
    *("--group-add www", "--group-add 33", "--group-add www --group-add 5", "--group-add nosuch", "--group-add ''"),
)
_LIMITS = made(
    "{{with .HostConfig}}{{.Memory}} {{.MemorySwap}} {{.MemoryReservation}} {{json .MemorySwappiness}} {{.NanoCpus}} "
    "{{.CpuShares}} {{.CpuPeriod}} {{.CpuQuota}} {{.CpusetCpus}} {{json .OomKillDisable}}{{end}}",
    *(
        f"-m {text}"
        for text in ("64m", "64M", "1g", "1.5g", "67108864", "64mb", "64MiB", "6m", "5m", "0", "-1", "x", "''")
    ),
    *("-m 64m --memory-swap 128m", "-m 64m --memory-swap -1", "-m 64m --memory-swap 32m", "--memory-swap 64m"),
    *("--memory-swap -1", "-m 64m --memory-swap 0", "--memory-reservation 32m", "-m 64m --memory-reservation 32m"),
    *("-m 32m --memory-reservation 64m", "--memory-reservation x", "--memory-swappiness 0", "--memory-swappiness 60"),
    *(
        "--memory-swappiness -1",
        "--memory-swappiness 101",
        "--memory-swappiness x",
        "--cpus 1",
        "--cpus 0.5",
        "--cpus .5",
    ),
    *(
        "--cpus 1.23456789",
        "--cpus 0",
        "--cpus -1",
        "--cpus x",
        "--cpus ''",
        "--cpus 1e0",
        "--cpus 1/2",
        "--cpus 1.0000000001",
    ),
    *("--cpus 1 --cpu-quota 1000", "--cpus 1 --cpu-period 50000", "-c 512", "-c 0", "-c -1", "-c x", "--cpu-shares 1"),
    *(
        "--cpu-period 50000",
        "--cpu-period 10",
        "--cpu-quota 20000",
        "--cpu-quota 10",
        "--cpu-quota -1",
        "--cpu-quota x",
    ),
    *(
        "--cpuset-cpus 0",
        "--cpuset-cpus 0-1",
        "--cpuset-cpus x",
        "--cpuset-cpus ''",
        "--cpuset-cpus 0,0",
        "--cpuset-mems 0",
    ),
    *(
        "--pids-limit 10",
        "--pids-limit 0",
        "--pids-limit -1",
        "--pids-limit x",
        "--pids-limit -5",
        "--oom-kill-disable",
    ),
)
_ULIMITS = made(
    "{{json .HostConfig.Ulimits}}",
    *(
        f"--ulimit {text}"
        for text in ("nofile=100", "nofile=100:200", "nofile=200:100", "nofile=x", "nofile=", "nofile")
    ),
    *(
        f"--ulimit {text}"
        for text in ("nofile=1:2:3", "NOFILE=1", "bogus=1", "core=0", "core=-1", "core=-1:-1", "nofile=-1:5")
    ),
    *(
        f"--ulimit {text}"
        for text in ("nofile=5:-1", "nofile=1.5", "''", "=5", "rtprio=3", "nproc=5 --ulimit nofile=6")
    ),
    *("--ulimit nofile=1 --ulimit nofile=2", "--ulimit cpu=10:10", "--ulimit nofile=0x10"),
)

SESSIONS = {
    "env": _ENV,
    "labels": _LABELS,
    "process": _PROCESS,
    "process of an image": _FULL,
    "names": [line for line in _NAMES.splitlines() if line],
    "restart": _RESTART,
    "health": _HEALTH,
    "stopping": _STOP,
    "modes": _MODES,
    "switches": _SWITCHES,
    "streams": _STREAMS,
    "hostnames": _HOST,
    "rights": _RIGHTS,
    "sysctls": _SYSCTLS,
    "limits": _LIMITS,
    "ulimits": _ULIMITS,
}
