"""Where hezi answers otherwise than docker to cases_lines_*.py, and why. Each line is one of a session.

What is said of a container that only one of the two has made is not compared either (test_lines.py).
"""

from __future__ import annotations

_REASONS: dict[str, list[str]] = {
    "an engine of 2020 does not know the option, or the type of mount; that of 2025 does": [
        "create --name f3 --annotation a=b --annotation c=d=e @life",
        "create --name n6 --health-cmd x --health-start-interval 2s @life",
        "create --name n63 --mount type=image,src=@life,dst=/m @life",
        "volume prune -f --all --filter label=a=1",
    ],
    "a mistake that docker's engine finds when the container starts, or never, is refused when it is made": [
        "create --name n11 --stop-signal -1 @life",
        "create --name n12 --ipc bogus @life",
        "create --name n13 --ipc container: @life",
        "create --name n13 -h ä @life",
        "create --name n36 --security-opt label=type:x @life",
        "create --name n43 -c -1 @life",
        "create --name n45 --cpu-shares 1 @life",
        "create --name n16 -v : @life",
        "create --name n25 -v / @life",
        "create --name n26 -v rel @life",
        "run --rm -v rel @life true",
        "create --name n6 --tmpfs /t:bogus @life",
        "create --name n15 --tmpfs /t:a:b @life",
        "create --name n19 --tmpfs /t:remount @life",
        "create --ip 1.2.3.4 @life",
        "create --expose 80/x @life",
        "create --log-opt max-size=x @life",
        "ps -a -f publish=80/x",
    ],
    "docker takes a letter before a colon for a drive of Windows": [
        "create --name n37 -v v:/m @life",
    ],
    "docker discards weights of disks where the kernel has none, whatever they are; the range is looked at first": [
        "create --name n37 --blkio-weight 10 @life",
        "create --name n38 --blkio-weight 1000 @life",
        "create --name n39 --blkio-weight 9 @life",
        "create --name n40 --blkio-weight 1001 @life",
        "create --name n44 --blkio-weight-device /dev/vda:100 @life",
        "update --blkio-weight 5 u1",
    ],
    "refused by name, whatever is said in it": [
        "create --gpus '' @life",
        "create --gpus x=y=z @life",
        "create --storage-opt '' @life",
        "create --storage-opt bogus @life",
    ],
    "docker takes words of errors for a missing program (127); ours are 125": [
        "run --rm --cidfile %d/no/dir @life echo x",
    ],
    "runc needs more descriptors than the limit that it sets": [
        "run --rm --ulimit nofile=10:20 @life sh -c 'ulimit -n; ulimit -Hn'",
    ],
    "docker leaves containers that it made before it looked at the keys": [
        "ps -a",
    ],
    "docker's engine writes what hinders an exec to the program's output, and exits 126; documented is 127": [
        "exec e1 ''",
        "exec e1 '' x",
        "exec e1 ' '",
        "exec e1 .",
        "exec e1 ./nosuch",
        "exec e1 nosuch a b",
        "exec -w /etc/passwd e1 pwd",
        "exec -u -1 e1 id",
        "exec -u a:b:c e1 id",
        "exec -u 4294967296 e1 id",
        "exec -e PATH=/nowhere e1 ls /",
        "exec e1 --",
    ],
    "docker's command line of 2025 tells an engine of 2020 nothing of the signal: it does not see that it is none": [
        "stop -s x s1",
        "stop -s BOGUS s1",
        "wait s1",
        "stop --signal bogus s1",
        "inspect -f '{{.State.Running}}' s1",
    ],
    "docker writes to what is below the mounts of a container that runs; hezi to what the container sees": [
        "cp %d/file live:/proc/x",
        "exec live cat /dev/shm/x",
    ],
    "docker's engine of 2020 prunes named volumes too; that of 2025 anonymous ones": [
        "volume prune -f --filter label!=a",
        "volume ls -q",
    ],
    "docker's engine of 2025 refuses it, that of 2020 takes the first": [
        "volume ls -q -f dangling=true -f dangling=false",
    ],
    "docker's engine of 2020 knows no short ids in this filter, no other words for true, no ports without a network": [
        "ps -a -f before={short two} --format '{{.Names}}'",
        "ps -a -f is-task=1 --format '{{.Names}}'",
        "ps -a -f expose=80 --format '{{.Names}}'",
        "ps -a -f expose=80/tcp --format '{{.Names}}'",
    ],
    "a container's name has no slashes in front of its slash": [
        "inspect -f '{{.Name}}' //two",
    ],
    "names that the engine gives are its own": [
        "ps -a --format '{{.Names}}'",
    ],
}

KNOWN = {line: reason for reason, lines in _REASONS.items() for line in lines}
