"""Resource limits of a request turned into the specification's, or refused with docker's words."""

from __future__ import annotations

import pytest

from hezi import errors
from hezi.engine import api, parse_resources
from hezi.engine.facts import HostFacts
from hezi.engine.request import RunRequest
from hezi.spec import runtime as rt

HOST = HostFacts(machine="x86_64", hostname="host", capabilities=(), cpus=4)
MB = 1 << 20


def parse(**fields: object) -> rt.Resources:
    return parse_resources.parse(RunRequest("img", **fields), HOST)


def test_nothing_asked_for_is_nothing():
    assert parse() == rt.Resources()
    assert parse(memory=0, cpus=0, cpu_shares=0, memory_swappiness=-1, blkio_weight=0) == rt.Resources()


def test_memory_alone_gets_as_much_swap_again():
    assert parse(memory=64 * MB).memory == rt.Memory(limit=64 * MB, swap=128 * MB)
    assert parse(memory=64 * MB, memory_swap=-1).memory == rt.Memory(limit=64 * MB, swap=-1)
    assert parse(memory=64 * MB, memory_swap=80 * MB).memory == rt.Memory(limit=64 * MB, swap=80 * MB)


def test_a_swappiness_of_0_is_one():
    assert parse(memory_swappiness=0).memory == rt.Memory(swappiness=0)


def test_processors_become_a_quota():
    assert parse(cpus=1_500_000_000).cpu == rt.Cpu(quota=150_000, period=100_000)
    assert parse(cpu_quota=-5).cpu == rt.Cpu(quota=-1)


def test_device_rules():
    assert parse(device_cgroup_rule=("c 1:* mr", "a *:* rwm")).devices == (
        rt.DeviceRule(True, "c", 1, None, "rm"),
        rt.DeviceRule(True, "a", None, None, "rwm"),
    )


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"cpus": 4_000_000_001}, "Range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available"),
        ({"cpus": -1}, "Range of CPUs is from 0.01 to 4.00"),
        ({"cpuset_cpus": "0-4"}, "Requested CPUs are not available - requested 0-4, available: 0-3"),
        *(
            ({"cpuset_cpus": text}, f"Invalid value {text} for cpuset cpus: invalid format: {text}")
            for text in ("0,", ",0", "0,,1", " 0", "0 ,1", "-1", "1-", "0-1-2", "\u0660")
        ),
        ({"cpu_shares": 262145}, "the maximum allowed cpu-shares is 262144"),
        ({"blkio_weight": 9}, "Range of blkio weight is from 10 to 1000"),
        ({"blkio_weight": 1001}, "Range of blkio weight is from 10 to 1000"),
        ({"blkio_weight_device": ("/dev/null:9",)}, "invalid weight for device: /dev/null:9"),
        ({"device_cgroup_rule": ("c １:1 r",)}, "invalid device cgroup format"),
        ({"device_cgroup_rule": ("c 1:1 rwmr",)}, "invalid device cgroup format"),
    ],
)
def test_refused(fields: dict[str, object], text: str):
    with pytest.raises(errors.Error) as caught:
        parse(**fields)
    assert caught.value.kind == errors.INVALID
    assert text in caught.value.message


def test_the_document_has_the_names_of_the_specification():
    resources = rt.Resources(
        cpu=rt.Cpu(shares=2, quota=-1, rt_runtime=3, cpus="0"),
        memory=rt.Memory(limit=5, swap=-1, oom_kill_disable=True),
        block_io=rt.BlockIO(10, ((8, 0, 20),), write_bps=((8, 1, 30),)),
    )
    spec = rt.Spec(process=rt.Process(args=("x",)), linux=rt.Linux(resources=resources))
    found = rt.to_json(spec)
    assert found["linux"]["resources"] == {
        "cpu": {"shares": 2, "quota": -1, "realtimeRuntime": 3, "cpus": "0"},
        "memory": {"limit": 5, "swap": -1, "disableOOMKiller": True},
        "blockIO": {
            "weight": 10,
            "weightDevice": [{"major": 8, "minor": 0, "weight": 20}],
            "throttleWriteBpsDevice": [{"major": 8, "minor": 1, "rate": 30}],
        },
    }


def test_programs_may_write_limits_as_people_do():
    request = api.build_request("img", (), {"memory": "64m", "cpus": 1.5, "memory_swap": "-1", "cpu_shares": 5})
    assert (request.memory, request.cpus, request.memory_swap, request.cpu_shares) == (64 * MB, 1_500_000_000, -1, 5)
    with pytest.raises(errors.Error, match="takes a number of processors"):
        api.build_request("img", (), {"cpus": "many"})
    with pytest.raises(errors.Error, match="option 'memory'"):
        api.build_request("img", (), {"memory": "much"})
