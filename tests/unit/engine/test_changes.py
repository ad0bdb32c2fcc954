"""``commit --change``: Dockerfile instructions that change an image's configuration."""

from __future__ import annotations

import pytest

from hezi import errors
from hezi.engine import changes
from hezi.spec.image import ContainerConfig

BASE = ContainerConfig(env=("PATH=/bin", "A=1"), cmd=("sh",), working_dir="/srv", labels=(("old", "1"),))


def apply(*lines: str) -> ContainerConfig:
    return changes.apply(BASE, lines)


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ('CMD ["a", "b c"]', "cmd", ("a", "b c")),
        ("cmd echo $A  x", "cmd", ("/bin/sh", "-c", "echo $A  x")),
        ("CMD []", "cmd", ()),
        ("CMD", "cmd", ("/bin/sh", "-c")),
        ("ENTRYPOINT []", "entrypoint", None),
        ("EXPOSE 127.0.0.1:8080:80 0 $NO", "exposed_ports", ("0/tcp", "80/tcp")),
        ("USER a b", "user", "a b"),
        ("WORKDIR /x/../y", "working_dir", "/x/../y"),
        ('Entrypoint ["/init"]', "entrypoint", ("/init",)),
        ("ENV B=2", "env", ("PATH=/bin", "A=1", "B=2")),
        ("ENV PATH=$PATH:/x A='$A' C=\"d e\" D=f\\ g", "env", ("PATH=/bin:/x", "A=$A", "C=d e", "D=f g")),
        ("ENV A  all that follows", "env", ("PATH=/bin", "A=all that follows")),
        ("ENV X=${NO:-y}${A:+z}${NO:+w}", "env", ("PATH=/bin", "A=1", "X=yz")),
        ("EXPOSE 80 53/udp 8000-8002", "exposed_ports", ("53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp")),
        ("LABEL new=\"a b\" 'x y'=z", "labels", (("new", "a b"), ("old", "1"), ("x y", "z"))),
        ("USER 5:6", "user", "5:6"),
        ("WORKDIR sub/../dir", "working_dir", "/srv/dir"),
        ("WORKDIR /abs", "working_dir", "/abs"),
        ('VOLUME ["/a", "/b c"]', "volumes", ("/a", "/b c")),
        ("VOLUME /a /b", "volumes", ("/a", "/b")),
        ("ONBUILD RUN true", "onbuild", ("RUN true",)),
        ("STOPSIGNAL SIGINT", "stop_signal", "SIGINT"),
    ],
)
def test_instructions(line: str, field: str, value: object) -> None:
    assert getattr(apply(line), field) == value


def test_several_build_on_one_another() -> None:
    made = apply("WORKDIR a", "WORKDIR b\nENV X=1 \\\n Y=2", "ENV Z=$X")
    assert (made.working_dir, made.env[2:]) == ("/srv/a/b", ("X=1", "Y=2", "Z=1"))


def test_an_entrypoint_drops_the_command_before_it() -> None:
    assert apply("ENTRYPOINT x").cmd is None
    assert apply("ENTRYPOINT x", 'CMD ["y"]').cmd == ("y",)
    assert apply('CMD ["y"]', "ENTRYPOINT x", "ENTRYPOINT z").cmd == ("y",)


def test_health_checks() -> None:
    health = apply("HEALTHCHECK --interval=1m30s --retries=2 CMD curl x").healthcheck
    assert health is not None
    assert (health.test, health.interval, health.retries) == (("CMD-SHELL", "curl x"), 90 * 10**9, 2)
    none = apply("HEALTHCHECK NONE").healthcheck
    assert none is not None
    assert none.test == ("NONE",)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("RUN true", "run is not a valid change command"),
        ("FROM x", "from is not a valid change command"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV A", "ENV must have two arguments"),
        ("LABEL a=b c", "can't find = in"),
        ("EXPOSE 99999", "Invalid containerPort"),
        ("EXPOSE 9-8", "Invalid range"),
        ("EXPOSE 80/icmp", "Invalid proto"),
        ("EXPOSE x:80", "Invalid hostPort"),
        ("VOLUME []", "requires at least one argument"),
        ("HEALTHCHECK NONE x", "takes no arguments"),
        ("", "file with no instructions"),
        ("# nothing", "file with no instructions"),
        ("ONBUILD ONBUILD RUN x", "Chaining"),
        ("ENV A=${X", "missing closing brace"),
        ("HEALTHCHECK --interval=x CMD y", "is no duration"),
    ],
)
def test_refusals(line: str, text: str) -> None:
    with pytest.raises(errors.Error, match=text):
        apply(line)


def test_import_knows_no_stop_signal() -> None:
    with pytest.raises(errors.Error, match="stopsignal is not a valid"):
        changes.apply(BASE, ["STOPSIGNAL 9"], stop_signal=False)
