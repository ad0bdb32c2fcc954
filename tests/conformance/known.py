"""Where hezi answers otherwise than docker, and why. Every line here is a case."""

from __future__ import annotations

from tests.conformance.cases_process import STATUS

_REASONS: dict[str, list[str]] = {
    "docker gives up where it may not raise a limit or have a capability; hezi goes on with less, and says so": [
        f"--privileged @busybox {STATUS}",
        f"--privileged -u ann @busybox {STATUS}",
        f"--privileged --cap-drop ALL @busybox {STATUS}",
        f"--privileged --cap-drop chown @busybox {STATUS}",
        f"--cap-add ALL @busybox {STATUS}",
        f"--cap-add all -u ann @busybox {STATUS}",
        f"--cap-add ALL --cap-drop ALL @busybox {STATUS}",
        f"--cap-add ALL --cap-drop CHOWN @busybox {STATUS}",
        "--privileged @busybox sh -c 'mount -t tmpfs x /tmp && echo mounted'",
        "--ulimit nofile=-1 @busybox sh -c 'ulimit -n; ulimit -Hn'",
        "--ulimit nofile=1073741824 @busybox sh -c 'ulimit -n'",
        "--privileged @busybox cat /proc/self/limits",
        "--oom-score-adj -500 @busybox cat /proc/self/oom_score_adj",
    ],
    "an engine of 2020 knows neither the capability nor the form of the option; that of 2025 does": [
        f"--cap-add PERFMON @busybox {STATUS}",
        f"--cap-add BPF --cap-add CHECKPOINT_RESTORE @busybox {STATUS}",
        "-v : @busybox ls",
        "-v a:/mnt @busybox ls",
        "pull -q --platform linux/arm64 @busybox",
    ],
    "what is no program is 126, as in shells; docker leaves it to runc 1.1, which exits 1 or 125": [
        "--entrypoint /garbage @custom",
        "--entrypoint /noshebang @custom",
        "--entrypoint /badinterp @custom",
        "--entrypoint /empty @custom",
        "--entrypoint /loop @custom",
    ],
    "a program that is not found is 127 with us, also where PATH has no absolute directory": [
        "-e PATH=. -w /bin @busybox ls -d .",
        "-e PATH=:/nowhere -w /bin @busybox ls -d .",
    ],
    "docker takes words of errors for a missing program (127) that are about something else; ours are 125": [
        "--sysctl net.ipv4.nosuch=1 @busybox true",
        "--cidfile %d/no/such/dir @busybox true",
        "-v %d:/dev @busybox ls /dev",
        "--mount type=tmpfs,dst=/proc @busybox ls",
        "--device /dev/nosuch @busybox ls",
        "-v va_nowhere:/m @busybox ls",
        "-v va_nodev:/m @busybox ls",
    ],
    "a mistake that docker does not look at is refused by name": [
        "-h 'bad name' @busybox hostname",
        "--stop-signal 65 @busybox true",
        "--stop-signal 99 @busybox true",
        "--mount type=tmpfs,dst=/mnt --tmpfs /mnt @busybox ls",
    ],
    "what docker refuses for no reason works: a group named twice, a relative working directory in an image": [
        "--group-add www --group-add www @busybox id",
        "@relwork",
    ],
    "numbers of processes, pipes and links are not the same twice": [
        "--init @busybox sh -c 'echo $$; ls /proc | grep -c ^[0-9]'",
        "@busybox ls -l /proc/self/fd/",
        "@busybox ls -ldn / /etc /tmp /root /dev /proc /sys",
    ],
    "no /.dockerenv; more is masked (the union of docker's and podman's); files of /etc are mounted first": [
        "@busybox sh -c 'cut -d\" \" -f5 /proc/self/mountinfo'",
        "-t @busybox sh -c 'cut -d\" \" -f5 /proc/self/mountinfo'",
        "@busybox ls -A /",
        "@empty /bin/busybox ls -A /",
        "@busybox ls -la /.dockerenv",
    ],
    "a cgroup namespace of its own, the v2 hierarchy too, and neither the tun nor the console device": [
        "@busybox sh -c 'ls /sys/fs/cgroup'",
        "@busybox sh -c 'cat /proc/self/cgroup | cut -d: -f2-'",
        "@busybox cat /sys/fs/cgroup/devices/devices.list",
        "--device /dev/null:/dev/mynull @busybox cat /sys/fs/cgroup/devices/devices.list",
    ],
    "an engine of 2020 has no ::1 on the loopback interface; that of 2025 has": [
        "@busybox ip -o addr",
    ],
    "its own name and version": [
        "--version x",
    ],
}

KNOWN = {line: reason for reason, lines in _REASONS.items() for line in lines}
