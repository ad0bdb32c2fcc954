"""Record what docker's own command line says about right and wrong command lines.

    python3 tools/record_docker_usage.py > tests/data/docker-usage-28.2.json

Needs the docker client (28.2.2), no daemon. A line that docker takes apart without complaint ends at the daemon that is
not there; it is recorded as accepted. ``tests/unit/cli/test_docker_usage.py`` holds hezi to these records.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

# One command line per line, as a shell would split it into words at blanks; ␣ stands for a blank inside a word,
# ∅ for an empty word.
LINES = """
--foo
-x
-l bad version
-l
--config
--debug=maybe
--tls=x
--tlsverify=2
-vfoo
-Dx version
--log-level
foo
foo bar
foo --bar
image foo
image foo bar
image --foo
image -x
image --help=maybe
container foo
container -x
system foo
run
run -it
run -i
run --
run -it --
run --rm
run --foo
run --foo img
run --foo=bar img
run ---foo img
run --=x img
run --- img
run -x img
run -ix img
run -itx img
run -xit img
run -=x img
run -i=x img
run -t=maybe img
run -it=maybe img
run -é img
run --name
run --name= img
run --name x
run --name=x img
run -e
run -e= img
run -e==x img
run -e =x img
run -e ∅ img
run --env= img
run -eA=b img
run -e=A=b img
run -e A=b img
run -e A -e B=c img
run --env A␣B=c img
run -ie
run -itu
run -u img
run -uroot img
run -u=root img
run -u root img ls -la
run img --rm
run img -x --foo
run img -- -x
run -- img
run -- img --rm
run -it img sh
run -ti img sh
run -i -t img sh
run --interactive --tty img
run --interactive=true img
run --interactive= img
run --interactive=yes img
run --rm=x img
run --rm=maybe img
run --rm=T img
run --rm=1 img
run --rm=0 img
run --rm=FALSE img
run --rm=tRUE img
run --rm true img
run --init=x img
run --privileged=x img
run --privileged=false img
run --read-only=2 img
run --sig-proxy=false img
run --sig-proxy=off img
run --quiet=x img
run -q img
run -q=x img
run --detach=x img
run -d=x img
run -dx img
run --publish-all=x img
run -P=x img
run --no-healthcheck=x img
run --oom-kill-disable=x img
run --disable-content-trust=x img
run --help=x
run --help=x img
run -h
run -h x
run -h x img
run -hx img
run --hostname
run -w
run -w /x img
run -v
run -v /a:/b img
run --volume
run --volume=/a:/b:ro img
run --mount
run --tmpfs
run --tmpfs /x img
run --tmpfs=/x:size=1m img
run --label = img
run --label =x img
run --label a img
run --label a=b img
run -l ∅ img
run -l a=b img
run -l ␣=x img
run --label-file
run --annotation a=b img
run --annotation
run --attach foo img
run --attach=foo img
run -a foo img
run -a STDIN img
run -a stdout -a stderr img
run --ulimit foo img
run --ulimit foo=1 img
run --ulimit nofile img
run --ulimit nofile= img
run --ulimit nofile=x img
run --ulimit nofile=1 img
run --ulimit nofile=1:2 img
run --ulimit nofile=1:2:3 img
run --ulimit nofile=5:1 img
run --ulimit nofile=-1 img
run --ulimit nofile=-1:5 img
run --ulimit nofile=-1:-1 img
run --ulimit nofile=5:-1 img
run --ulimit nofile=0x10 img
run --ulimit =1 img
run --ulimit ∅ img
run --sysctl foo img
run --sysctl kernel.foo=1 img
run --sysctl =1 img
run --sysctl net.ipv4.ip_forward=1 img
run --sysctl net.x img
run --sysctl kernel.msgmax=1 img
run --sysctl fs.mqueue.msg_max=1 img
run --sysctl
run --shm-size x img
run --shm-size= img
run --shm-size=-1 img
run --shm-size 64m img
run --shm-size 1.5g img
run --shm-size 1kib img
run --shm-size 10KB img
run --shm-size 1x img
run --shm-size 1kx img
run --shm-size
run --pids-limit x img
run --pids-limit= img
run --pids-limit 1.5 img
run --pids-limit 010 img
run --pids-limit 08 img
run --pids-limit 0x1f img
run --pids-limit 0b11 img
run --pids-limit 0o17 img
run --pids-limit 1_000 img
run --pids-limit 1__0 img
run --pids-limit +5 img
run --pids-limit -5 img
run --pids-limit --5 img
run --pids-limit ␣5 img
run --pids-limit 99999999999999999999 img
run --pids-limit -99999999999999999999 img
run --oom-score-adj 1.5 img
run --oom-score-adj x img
run --oom-score-adj -500 img
run --memory abc img
run --memory=abc img
run -m abc img
run -m
run -mabc img
run -m 64m img
run --memory-swap x img
run --memory-swap -1 img
run --memory-reservation x img
run --memory-swappiness x img
run --kernel-memory x img
run --cpus x img
run --cpus= img
run --cpus 1/3 img
run --cpus 1/2 img
run --cpus 1.5 img
run --cpus x/y img
run --cpus 1.5.5 img
run --cpu-shares x img
run -c x img
run --cpu-period x img
run --cpu-quota 1e3 img
run --cpu-rt-period x img
run --cpu-rt-runtime x img
run --blkio-weight x img
run --blkio-weight -1 img
run --blkio-weight 99999999 img
run --blkio-weight 500 img
run --health-interval x img
run --health-interval 5 img
run --health-interval 5x img
run --health-interval= img
run --health-interval . img
run --health-interval 1h15m30.5s img
run --health-interval .5s img
run --health-interval 0 img
run --health-interval 5s5 img
run --health-timeout x img
run --health-start-period x img
run --health-start-interval x img
run --health-retries x img
run --stop-timeout x img
run --stop-timeout
run --publish
run -p
run -p80 img
run --entrypoint
run --entrypoint= img
run --env-file
run --group-add
run --cap-add
run --cap-drop ALL img
run --security-opt
run --device
run --cidfile
run --detach-keys
run --domainname
run --platform
run --pull
run --pull=foo img
run --network
run --net none img
run --net
run --pid
run --ipc
run --uts
run --userns
run --cgroupns
run --cgroup-parent
run --runtime
run --gpus
run --restart
run --isolation
container run
container run --foo img
container run -x
container run --name
container run --rm=x img
pull
pull a b
pull --foo a
pull -x a
pull -q
pull -q=x a
pull -aq
pull --platform
pull --platform=
pull -a a b
pull --all-tags=x a
pull --disable-content-trust=x a
pull a --foo
pull a -q b
pull -- a b
pull IMG
pull ∅
pull a@sha256:zz
pull -a a:b
pull ...
pull a:b:c
image pull
image pull a b
image pull --foo
image pull -x a
images a b
images --foo
images -x
images -q=x
images -qx
images --no-trunc=x
images --digests=2
images --all=x
images -f
images --filter
images --format
images a b c -q
images a -x
images --tree=x
image ls a b
image ls --foo
image ls -x
image ls --format
image list a b
image list --foo
image list -x
rmi
rmi -f
rmi --force
rmi --foo x
rmi -x
rmi -f=x a
rmi --no-prune=x a
rmi a --foo
rmi a -f b -x
image rm
image rm -f
image rm --foo a
image rm -fx a
image remove
image remove --foo
version x
version --foo
version -x
version --format
version -f
info x
info a b
info --foo
info -x
info -f
info --format
system info x
system info --foo
system info -f
help foo
help foo bar
help image foo
help run foo
"""


def record(line: str, environment: dict[str, str]) -> dict[str, object]:
    """Run one line and say what docker did with it."""
    words = [word.replace("␣", " ").replace("∅", "") for word in line.split(" ")]
    done = subprocess.run(
        ["docker", *words], capture_output=True, env=environment, stdin=subprocess.DEVNULL, check=False
    )
    said = done.stderr.decode(errors="backslashreplace")
    if "Cannot connect to the Docker daemon" in said:
        return {"args": words, "accepted": True}
    return {"args": words, "code": done.returncode, "stderr": said}


def main() -> int:
    """Record all lines to standard output."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "DOCKER_HOST": "unix:///nonexistent.sock"}
    records = [record(line, environment) for line in LINES.splitlines() if line]
    json.dump(records, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
