"""Restart policy, health check, log options: what is read, and docker's words (28.2 and 20.10) for what is not."""

from __future__ import annotations

import pytest

from hezi import errors
from hezi.engine import parse_health, parse_logs, parse_restart
from hezi.engine.parse_logs import About
from hezi.engine.request import RunRequest
from hezi.runtime.monitor_start import LogConfig, RestartPolicy
from hezi.spec.image import ContainerConfig, Healthcheck

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", RestartPolicy()),
        ("no", RestartPolicy("no")),
        ("no:0", RestartPolicy("no")),
        ("always", RestartPolicy("always")),
        ("unless-stopped", RestartPolicy("unless-stopped")),
        ("on-failure", RestartPolicy("on-failure")),
        ("on-failure:", RestartPolicy("on-failure")),
        ("on-failure:0", RestartPolicy("on-failure")),
        ("on-failure:+1", RestartPolicy("on-failure", 1)),
        ("on-failure:3", RestartPolicy("on-failure", 3)),
    ],
)
def test_restart(text: str, expected: RestartPolicy) -> None:
    assert parse_restart.policy(RunRequest("img", restart=text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bogus", "invalid restart policy 'bogus'"),
        ("bogus:2", "invalid restart policy 'bogus'"),
        ("Always", "invalid restart policy 'Always'"),
        ("always ", "invalid restart policy 'always '"),
        ("always:3", "maximum retry count cannot be used with restart policy 'always'"),
        ("no:1", "maximum retry count cannot be used with restart policy 'no'"),
        ("unless-stopped:2", "maximum retry count cannot be used with restart policy 'unless-stopped'"),
        ("on-failure:-1", "maximum retry count cannot be negative"),
        (":3", "invalid restart policy format: no policy provided before colon"),
        *(
            (f"on-failure:{count}", "invalid restart policy format: maximum retry count must be an integer")
            for count in ("x", "1:2", "1_0", " 1", "٣", "99999999999999999999", "9" * 5000, "+", "-")
        ),
    ],
)
def test_restart_refused(text: str, message: str) -> None:
    with pytest.raises(errors.Error) as caught:
        parse_restart.policy(RunRequest("img", restart=text))
    assert (caught.value.kind, str(caught.value)) == (errors.INVALID, message)


@pytest.mark.parametrize("text", ["always", "on-failure", "on-failure:2", "bogus", "always:1"])
def test_restart_beside_rm(text: str) -> None:
    with pytest.raises(errors.Error, match="conflicting options: cannot specify both --restart and --rm"):
        parse_restart.policy(RunRequest("img", restart=text, remove=True))


@pytest.mark.parametrize("text", ["", "no", None])
def test_no_restart_beside_rm(text: str | None) -> None:
    assert parse_restart.policy(RunRequest("img", restart=text, remove=True)) == RestartPolicy()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"health_interval": -1}, "--health-interval cannot be negative"),
        ({"health_timeout": -SECOND, "health_interval": -SECOND}, "--health-interval cannot be negative"),
        ({"health_timeout": -1}, "--health-timeout cannot be negative"),
        ({"health_retries": -1}, "--health-retries cannot be negative"),
        ({"health_start_period": -1}, "--health-start-period cannot be negative"),
        ({"health_start_interval": -1}, "--health-start-interval cannot be negative"),
        ({"health_interval": 1000}, "Interval in Healthcheck cannot be less than 1ms"),
        ({"health_timeout": 1}, "Timeout in Healthcheck cannot be less than 1ms"),
        ({"health_start_period": 999_999}, "StartPeriod in Healthcheck cannot be less than 1ms"),
        ({"health_start_interval": 1}, "StartInterval in Healthcheck cannot be less than 1ms"),
        *(
            ({"no_healthcheck": True, **more}, "--no-healthcheck conflicts with --health-* options")
            for more in ({"health_cmd": "x"}, {"health_retries": 3}, {"health_interval": -1})
        ),
    ],
)
def test_health_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(errors.Error) as caught:
        parse_health.asked(RunRequest("img", **fields))  # type: ignore[arg-type]
    assert (caught.value.kind, str(caught.value)) == (errors.INVALID, message)


IMAGE = Healthcheck(("CMD", "check", "it"), 5 * SECOND, 0, SECOND, 0, 4)


@pytest.mark.parametrize(
    ("fields", "image", "expected"),
    [
        ({}, None, None),
        ({}, IMAGE, IMAGE),
        ({"health_cmd": "true"}, None, Healthcheck(("CMD-SHELL", "true"))),
        ({"health_cmd": "true"}, IMAGE, IMAGE._replace(test=("CMD-SHELL", "true"))),
        ({"health_interval": SECOND, "health_timeout": 2}, None, errors.INVALID),
        ({"health_interval": SECOND, "health_retries": 1}, IMAGE, IMAGE._replace(interval=SECOND, retries=1)),
        ({"health_start_interval": 10**6}, IMAGE, IMAGE._replace(start_interval=10**6)),
        ({"no_healthcheck": True}, IMAGE, IMAGE._replace(test=("NONE",))),
        ({"no_healthcheck": True}, None, Healthcheck(("NONE",))),
        # What an image says is taken as far as a user could have said it.
        ({}, Healthcheck(("CMD", "x"), 1, -5, -(10**9), 2, -1), Healthcheck(("CMD", "x"))),
    ],
)
def test_health_merged(fields: dict[str, object], image: Healthcheck | None, expected: object) -> None:
    request = RunRequest("img", **fields)  # type: ignore[arg-type]
    if expected == errors.INVALID:
        with pytest.raises(errors.Error, match="cannot be less than 1ms"):
            parse_health.merge(request, ContainerConfig(healthcheck=image))
    else:
        assert parse_health.merge(request, ContainerConfig(healthcheck=image)) == expected


@pytest.mark.parametrize(
    ("test", "shell", "expected"),
    [
        ((), (), ()),
        (("NONE",), (), ()),
        (("NONE", "x"), (), ()),
        (("CMD",), (), ()),
        (("CMD", "a", "b c"), ("/bin/ash", "-c"), ("a", "b c")),
        (("CMD-SHELL", "a && b"), (), ("/bin/sh", "-c", "a && b")),
        (("CMD-SHELL", "a && b"), ("/bin/ash", "-ec"), ("/bin/ash", "-ec", "a && b")),
        (("CMD-SHELL",), (), ()),
        (("WHATEVER", "a"), (), ()),
    ],
)
def test_health_command(test: tuple[str, ...], shell: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert parse_health.command(Healthcheck(test), ContainerConfig(shell=shell)) == expected
    assert parse_health.command(None, ContainerConfig(shell=shell)) == ()


ABOUT = About(
    id="0123456789abcdef" * 4,
    name="web",
    image_id="sha256:" + "ab" * 32,
    image_name="busybox:1",
    args=("sleep", "1"),
    labels={"team": "a", "tier": "b", "other": "c"},
    env=("MODE=prod", "TEAM=x=y", "EMPTY="),
)


def config(driver: str | None, *options: str) -> LogConfig:
    return parse_logs.log_config(parse_logs.parse_logs(driver, options), "/p", ABOUT)


def config_with(*fields: tuple[str, str]) -> LogConfig:
    return LogConfig("json-file", "/p", fields=fields)


@pytest.mark.parametrize(
    ("driver", "options", "expected"),
    [
        (None, (), LogConfig("json-file", "/p", 10_000_000, 3)),
        ("", ("max-size=1m",), LogConfig("json-file", "/p", 1_000_000, 3)),
        ("json-file", ("max-size=10k", "max-file=5"), LogConfig("json-file", "/p", 10_000, 5)),
        ("json-file", ("max-size=10kib",), LogConfig("json-file", "/p", 10_000, 3)),
        ("json-file", ("max-size=-1", "max-file=1"), LogConfig("json-file", "/p", 0, 1)),
        ("json-file", ("max-size=2k", "max-size=1k"), LogConfig("json-file", "/p", 1000, 3)),
        ("json-file", ("compress=true", "mode=non-blocking"), LogConfig("json-file", "/p", compress=True)),
        ("json-file", ("compress=0", "mode=blocking", "mode="), LogConfig("json-file", "/p")),
        ("json-file", ("tag={{.Name}}/{{ .ID }}x",), config_with(("tag", "web/0123456789abx"))),
        (
            "json-file",
            ("labels=tier,team,nosuch", "env=TEAM,EMPTY,NOSUCH", "tag=t"),
            config_with(("EMPTY", ""), ("TEAM", "x=y"), ("tag", "t"), ("team", "a"), ("tier", "b")),
        ),
        ("json-file", ("labels-regex=^t", "env-regex=^M"), config_with(("MODE", "prod"), ("team", "a"), ("tier", "b"))),
        ("local", (), LogConfig("local", "/p", 20 << 20, 5, compress=True)),
        ("local", ("max-size=1k", "max-file=1", "compress=false"), LogConfig("local", "/p", 1024, 1)),
        ("local", ("max-size=0",), LogConfig("local", "/p", 0, 5)),
        ("none", (), LogConfig("none")),
    ],
)
def test_logs(driver: str | None, options: tuple[str, ...], expected: LogConfig) -> None:
    assert config(driver, *options) == expected


NO_FIELD = 'template: log-tag:1:2: executing "log-tag" at <.Nosuch>: can\'t evaluate field Nosuch in type *logger.Info'
NO_PACKING = "compress cannot be true when max-file is less than 2 or max-size is not set"
NO_BOOL = 'error reading compress log option: strconv.ParseBool: parsing "x": invalid syntax'
NO_TEMPLATE = "--log-opt tag={{lower .Name}}: only {{.Field}} is read in tags, and no other template"


def test_fields_of_the_journal() -> None:
    fields = dict(config("journald", "labels=team", "env-regex=.", "tag={{.ImageName}} {{.Command}}").fields)
    assert fields == {
        "TEAM": "a",
        "MODE": "prod",
        "EMPTY": "",
        "CONTAINER_ID": "0123456789ab",
        "CONTAINER_ID_FULL": ABOUT.id,
        "CONTAINER_NAME": "web",
        "CONTAINER_TAG": "busybox:1 sleep 1",
        "IMAGE_NAME": "busybox:1",
        "SYSLOG_IDENTIFIER": "busybox:1 sleep 1",
    }
    about = ABOUT._replace(labels={"_MESSAGE": "forged", "1": "no name", "a.b-c": "x", "priority": "0"})
    ask = parse_logs.parse_logs("journald", ["labels-regex=."])
    found = dict(parse_logs.log_config(ask, "", about).fields)
    assert found["A_B_C"] == "x"
    assert found["CONTAINER_TAG"] == "0123456789ab"
    assert not {"MESSAGE", "PRIORITY", ""} & found.keys()


@pytest.mark.parametrize(
    ("driver", "options", "message"),
    [
        ("nosuch", (), 'error looking up logging plugin nosuch: plugin "nosuch" not found'),
        ("syslog", (), "log driver syslog is not built in hezi"),
        ("gelf", ("a=b",), "log driver gelf is not built in hezi"),
        ("none", ("max-size=1m",), "invalid logging opts for driver none"),
        (None, ("foo=1",), "unknown log opt 'foo' for json-file log driver"),
        (None, ("=x",), "unknown log opt '' for json-file log driver"),
        (None, ("foo",), "unknown log opt 'foo' for json-file log driver"),
        ("local", ("tag=x",), "unknown log opt 'tag' for log driver local"),
        ("journald", ("max-size=1",), "unknown log opt 'max-size' for journald log driver"),
        (None, ("mode=bogus",), "logger: logging mode not supported: bogus"),
        (None, ("max-buffer-size=1m",), "logger: max-buffer-size option is only supported with 'mode=non-blocking'"),
        (
            None,
            ("mode=non-blocking", "max-buffer-size=x"),
            "error parsing option max-buffer-size: invalid size: 'x'",
        ),
        *(
            (None, (option,), f"failed to initialize logging driver: {reason}")
            for option, reason in (
                ("max-size=x", "invalid size: 'x'"),
                ("max-size=", "invalid size: ''"),
                ("max-size=0", "max-size must be a positive number"),
                ("max-size=-5", "invalid size: '-5'"),
                ("max-size=1q", "invalid size: '1q'"),
                ("max-file=0", "max-file cannot be less than 1"),
                ("max-file=-2", "max-file cannot be less than 1"),
                ("max-file=x", 'strconv.Atoi: parsing "x": invalid syntax'),
                ("compress=maybe", 'strconv.ParseBool: parsing "maybe": invalid syntax'),
                ("tag={{", "template: log-tag:1: unclosed action"),
                ("tag={{.Nosuch}}", NO_FIELD),
                ("labels-regex=(", "error parsing regexp: missing ), unterminated subpattern at position 0: `(`"),
            )
        ),
        (None, ("tag={{lower .Name}}",), NO_TEMPLATE),
        (
            None,
            ("compress=true", "max-file=1"),
            f"failed to initialize logging driver: {NO_PACKING}",
        ),
        (
            "local",
            ("max-size=x",),
            "failed to initialize logging driver: invalid value for max-size: x: invalid size: 'x'",
        ),
        (
            "local",
            ("max-file=1",),
            "failed to initialize logging driver: compression cannot be enabled when max file count is 1",
        ),
        (
            "local",
            ("compress=x",),
            f"failed to initialize logging driver: {NO_BOOL}",
        ),
    ],
)
def test_logs_refused(driver: str | None, options: tuple[str, ...], message: str) -> None:
    with pytest.raises(errors.Error) as caught:
        parse_logs.parse_logs(driver, options)
    assert str(caught.value) == message


def test_an_option_without_effect_is_told() -> None:
    assert "max-buffer-size" in parse_logs.parse_logs(None, ["mode=non-blocking", "max-buffer-size=1m"]).notice
    assert not parse_logs.parse_logs(None, ["mode=non-blocking"]).notice
