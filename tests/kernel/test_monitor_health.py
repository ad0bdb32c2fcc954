"""Health checks by the monitor."""

from __future__ import annotations

import pytest

from hezi.runtime import exec as joining
from hezi.runtime.monitor_start import HealthConfig
from tests.kernel import boxes, monitored
from tests.kernel.monitored import wait_until

pytestmark = pytest.mark.needs("root", "overlay", "busybox")
MS = 1_000_000


@pytest.fixture
def held(tmp_path):
    one = monitored.Held(tmp_path)
    yield one
    one.close()


def check(script, **how):
    plan = joining.plan(boxes.spec("sh", "-c", script).process)
    return HealthConfig(plan, **{"interval": 100 * MS, "timeout": 300 * MS, "retries": 2, **how})


def inside(held, *args):
    with joining.start(held.runtime, joining.plan(boxes.spec(*args).process)) as running:
        assert running.wait(5).code == 0


def health(held):
    return held.state()["health"]


def test_it_gets_healthy_then_not_and_again(held):
    events = held.directory / "events"
    script = "touch /ok; exec sleep 60"
    held.shell(script, health=check("echo looked; test -e /ok"), events=str(events))
    assert health(held)["Status"] == "starting"
    wait_until(lambda: health(held)["Status"] == "healthy")
    inside(held, "rm", "/ok")
    wait_until(lambda: health(held)["Status"] == "unhealthy")
    assert health(held)["FailingStreak"] >= 2
    last = health(held)["Log"][-1]
    assert (last["ExitCode"], last["Output"]) == (1, "looked\n")
    wait_until(lambda: len(health(held)["Log"]) == 5)
    inside(held, "touch", "/ok")
    wait_until(lambda: health(held)["Status"] == "healthy")
    assert health(held)["FailingStreak"] == 0
    assert "health_status: unhealthy" in events.read_text()


def test_one_that_hangs_is_killed(held):
    one = held.start("sleep", "60", health=check("sleep 100"))
    wait_until(lambda: health(held)["Status"] == "unhealthy")
    last = health(held)["Log"][-1]
    assert last["ExitCode"] == -1
    assert "exceeded timeout (0.3s)" in last["Output"]
    assert one.client.state()["status"] == "running"


def test_one_that_cannot_be_executed(held):
    plan = joining.plan(boxes.spec("/nothing/here").process)
    held.start("sleep", "60", health=HealthConfig(plan, interval=50 * MS, retries=1))
    wait_until(lambda: health(held)["Status"] == "unhealthy")


def test_the_start_period_forgives(held):
    one = held.start("sleep", "60", health=check("false", start_period=1500 * MS, start_interval=50 * MS))
    wait_until(lambda: len(health(held)["Log"]) >= 3)
    assert (health(held)["Status"], health(held)["FailingStreak"]) == ("starting", 0)
    wait_until(lambda: health(held)["Status"] == "unhealthy")
    one.client.signal(9)
    record = one.client.wait(10)
    assert record["health"]["Status"] == "unhealthy"


def test_much_output_is_cut_and_leftovers_do_not_hold_it_up(held):
    held.start("sleep", "60", health=check("seq 1 10000; sleep 1000 & exit 0", timeout=2000 * MS))
    wait_until(lambda: health(held)["Status"] == "healthy")
    assert len(health(held)["Log"][-1]["Output"]) <= 4096 + 3
    wait_until(lambda: len(health(held)["Log"]) >= 3)


def test_the_container_ends_while_it_is_looked_at(held):
    one = held.shell("sleep 0.4", health=check("sleep 10", timeout=20_000 * MS))
    assert one.client.wait(10)["ExitCode"] == 0
    assert one.client.wait_gone(5)
    assert held.groups() == []
