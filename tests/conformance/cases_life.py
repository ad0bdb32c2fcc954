"""Options about how a container goes on and what is kept of it: restart policies, health checks, logs."""

from __future__ import annotations

from tests.conformance.compare import Case

_CREATE = "create --network none"


def _created(*options: str) -> list[Case]:
    return [Case(f"{_CREATE} {words} @busybox", plain=True) for words in options]


RESTART = _created(
    *(
        f"--restart {text}"
        for text in (
            *("no", "no:0", "no:1", "always", "always:3", "unless-stopped", "unless-stopped:2", "on-failure"),
            *("on-failure:3", "on-failure:", "on-failure:0", "on-failure:x", "on-failure:-1", "on-failure:+1"),
            *(
                "on-failure:1:2",
                "on-failure:99999999999999999999",
                ":3",
                "bogus",
                "bogus:2",
                "''",
                "Always",
                "'always '",
            ),
        )
    ),
    *(f"--rm --restart {text}" for text in ("no", "''", "always", "on-failure", "bogus", "always:1")),
)
HEALTH = _created(
    "--health-cmd true",
    "--health-cmd '' --health-interval 1s",
    "--health-interval 1s",
    "--health-interval -1s",
    "--health-interval 1us",
    "--health-interval x",
    "--health-interval 5",
    "--health-interval 0",
    "--health-interval 1ms",
    "--health-timeout -1s --health-interval -1s",
    "--health-timeout 1ns",
    "--health-retries -1",
    "--health-retries x",
    "--health-start-period -1s",
    "--health-start-period 1us",
    "--no-healthcheck",
    "--no-healthcheck --health-cmd x",
    "--no-healthcheck --health-interval 0s",
    "--no-healthcheck --health-retries 3",
    "--no-healthcheck=false --health-cmd x",
)
_ATTRIBUTES = "--log-opt tag={{.Name}} --log-opt labels=l --log-opt env=E"
LOGS = [
    *_created(
        "--log-driver nosuch",
        "--log-opt foo=1",
        "--log-opt foo",
        "--log-opt =x",
        "--log-driver none --log-opt foo=1",
        "--log-driver none --log-opt mode=bogus",
        "--log-driver local --log-opt foo=1",
        "--log-driver local --log-opt tag=x",
        "--log-driver journald --log-opt foo=1",
        "--log-driver journald --log-opt max-size=1",
        "--log-opt mode=bogus",
        "--log-opt max-buffer-size=1m",
        "--log-opt mode=non-blocking --log-opt max-buffer-size=x",
        "--log-opt max-size=1m --log-opt max-file=2",
    ),
    *(
        f"{words} @busybox echo hi"
        for words in (
            *(f"--log-opt max-size={text}" for text in ("x", "0", "''", "-5", "1q", "10kib", "10k")),
            *(f"--log-opt max-file={text}" for text in ("0", "x", "2", "-2")),
            *(f"--log-opt compress={text}" for text in ("maybe", "false")),
            "--log-opt compress=true --log-opt max-size=10k --log-opt max-file=1",
            "--log-opt compress=true --log-opt max-size=10k --log-opt max-file=2",
            *(f"--log-opt mode={text}" for text in ("blocking", "non-blocking", "''")),
            *(f"--log-opt tag='{text}'" for text in ("{{.Name}}", "{{.Nosuch}}", "{{", "plain")),
            "--log-opt labels=a,b --log-opt env=X,Y",
            "--log-opt labels-regex='('",
            "--log-opt env-regex='^A'",
            "--log-driver none",
            "--log-driver ''",
            "--log-driver local",
            *(
                f"--log-driver local --log-opt {text}"
                for text in ("max-size=x", "max-file=1", "compress=x", "max-size=0")
            ),
            "--log-driver local --log-opt max-file=1 --log-opt compress=false",
            "--log-driver journald",
        )
    ),
    *(
        Case(line, plain=True)
        for line in (
            "run --network none --name vl_a --log-driver local @busybox sh -c 'echo out; echo err >&2'",
            "logs vl_a",
            "run --network none --name vl_b --log-driver none @busybox echo hi",
            "logs vl_b",
            f"run --network none --name vl_c {_ATTRIBUTES} -l l=v -e E=f @busybox echo hi",
            "logs --details vl_c",
            "rm vl_a vl_b vl_c",
        )
    ),
]

CASES = [*RESTART, *HEALTH, *LOGS]
