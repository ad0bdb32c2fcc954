"""What is wrong with the words of a request alone, and how inspect shows what was right with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hezi import errors
from hezi.engine import freeze, parse_env, parse_line
from hezi.engine.containers import filters, host_config
from hezi.engine.request import RunRequest


@pytest.mark.parametrize(
    "asked",
    [
        {"env_file": ("/no/such/file",)},
        {"label_file": ("/no/such/file",)},
        {"volume": ("a:b:c:d",)},
        {"volume": ("",)},
        {"volume": ("/a:",)},
        {"mount": ("type=bind",)},
        {"mount": ("type=,dst=/m",)},
        {"device": ("x",)},
        {"pid": "bogus"},
        {"uts": "bogus"},
        {"cgroupns": "bogus"},
        {"userns": "bogus"},
        {"restart": "on-failure:x"},
        {"restart": ":3"},
        {"restart": "bogus", "remove": True},
        {"log_driver": "none", "log_opt": ("a=b",)},
        {"memory_swappiness": 101},
        {"health_interval": -1},
        {"no_healthcheck": True, "health_cmd": "x"},
        {"publish": ("x",)},
        {"expose": ("90-80",)},
        {"mac_address": "x"},
        {"network_alias": ("a",)},
        {"security_opt": ("bogus",)},
        {"security_opt": ("seccomp=",)},
        {"security_opt": ("seccomp=/no/such/file",)},
        {"security_opt": ("seccomp=/etc/passwd",)},
    ],
    ids=str,
)
def test_wrong_words(asked: dict[str, object]) -> None:
    with pytest.raises(errors.Error):
        parse_line.check(RunRequest("image", **asked))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "asked",
    [
        # The engine's to judge.
        {"restart": "bogus"},
        {"restart": "on-failure:-1"},
        {"restart": "always:3"},
        {"ipc": "bogus"},
        {"mount": ("type=nosuch,dst=/m",)},
        {"volume": ("rel",)},
        {"health_interval": 1000},
        {"log_driver": "nosuch"},
        {"security_opt": ("bogus=x",)},
        # Right.
        {"security_opt": ("no-new-privileges", "seccomp=unconfined", "systempaths=unconfined")},
        {"pid": "container:other", "restart": "", "memory_swappiness": -1, "network": "net", "network_alias": ("a",)},
        {"expose": ("80", "90-92/udp"), "publish": ("8080:80",), "device": ("/dev/null:/dev/x:r",)},
    ],
    ids=str,
)
def test_words_that_are_the_engines_or_right(asked: dict[str, object]) -> None:
    parse_line.check(RunRequest("image", **asked))  # type: ignore[arg-type]


def test_a_bare_name_in_a_file_of_labels_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "labels"
    file.write_text("a=b\nbare\nc=\n")
    assert parse_env.read_label_file(str(file)) == [("a", "b"), ("c", "")]


def test_of_several_variables_of_one_name_the_last_counts_beside_those_of_files(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("A=file\n")
    asked = RunRequest("image", env=("A=1", "B=2", "A=3"), env_file=(str(file),))
    assert freeze.freeze(asked).env == ("A=file", "A=3", "B=2")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("type=bind,src=/a,dst=/m", {"Type": "bind", "Source": "/a", "Target": "/m"}),
        ("type=bind,src=/a,dst=/m,ro", {"Type": "bind", "Source": "/a", "Target": "/m", "ReadOnly": True}),
        (
            "type=bind,src=/a,dst=/m,bind-propagation=rslave,bind-recursive=disabled",
            {
                "Type": "bind",
                "Source": "/a",
                "Target": "/m",
                "BindOptions": {"Propagation": "rslave", "NonRecursive": True},
            },
        ),
        ("dst=/m", {"Type": "volume", "Target": "/m"}),
        (
            "src=v,dst=/m,volume-nocopy,volume-label=a=b,volume-driver=local,volume-opt=type=tmpfs",
            {
                "Type": "volume",
                "Source": "v",
                "Target": "/m",
                "VolumeOptions": {
                    "NoCopy": True,
                    "Labels": {"a": "b"},
                    "DriverConfig": {"Name": "local", "Options": {"type": "tmpfs"}},
                },
            },
        ),
        (
            "type=tmpfs,dst=/m,tmpfs-size=1m,tmpfs-mode=700",
            {"Type": "tmpfs", "Target": "/m", "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 0o700}},
        ),
    ],
)
def test_mounts_in_inspect(text: str, shown: dict[str, object]) -> None:
    assert host_config.document(RunRequest("image", mount=(text,)))["Mounts"] == [shown]


def test_what_inspect_shows_of_options_that_were_said_twice_or_said_to_be_nothing() -> None:
    asked = RunRequest(
        "image",
        volume=("/a:/b", "/a:/b"),
        ulimit=("nproc=5", "nofile=1", "nofile=2"),
        add_host=("a=1.2.3.4", "b:[::1]"),
        restart="",
        init=False,
        shm_size="0",
        security_opt=("systempaths=unconfined",),
    )
    found = host_config.document(asked)
    assert found["Binds"] == ["/a:/b"]
    assert [(one["Name"], one["Soft"]) for one in found["Ulimits"]] == [("nofile", 2), ("nproc", 5)]
    assert found["ExtraHosts"] == ["a:1.2.3.4", "b:::1"]
    assert found["RestartPolicy"] == {"Name": "", "MaximumRetryCount": 0}
    assert (found["Init"], found["ShmSize"], found["SecurityOpt"]) == (False, 64 << 20, [])
    assert "Init" not in host_config.document(RunRequest("image"))


@pytest.mark.parametrize("text", ["2001-2-3", "2001-02-30", "2001-13-01", "2001-02-03x", "0001-00-01", "2001_02_03"])
def test_no_date(text: str) -> None:
    with pytest.raises(errors.Error):
        filters.until(text)


@pytest.mark.parametrize("text", ["2001-02-03", "2000-02-29", "2001-02-03T04", "2001-02-03T04:05:06.7+02:00"])
def test_date(text: str) -> None:
    assert filters.until(text) > 0
