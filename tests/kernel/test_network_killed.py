"""Making and taking apart a container's network, killed at any step: whoever comes next finds and leaves nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hezi._util import ids
from hezi.db import networks as rows
from hezi.network import entrance, sandbox
from tests.support.boxes_net import World, world
from tests.support.harness import wait_until
from tests.support.needs import SEARCH_PATH
from tests.support.networks import ip, ip_json

pytestmark = pytest.mark.needs("root", "ip", "nft")
TOP = Path(__file__).parents[2]

# Counts the calls into our code, and dies at one of them.
PROGRAM = """
import os, signal, sys
sys.path[:0] = sys.argv[1:2]
from hezi.db import networks as rows
from hezi.db.connection import Database
from hezi.linux import pidfd
from hezi.network import entrance, sandbox
from hezi.network.dns import client
from hezi.network.place import Place
from hezi.network.ports import Publish
directory, container, action, last = sys.argv[2:5] + [int(sys.argv[5])]
database, place = Database(directory + "/hezi.db"), Place(directory, directory)
count = 0
def look(frame, event, argument):
    global count
    name = frame.f_code.co_filename
    if event in ("call", "return") and ("/hezi/network/" in name or "/hezi/linux/" in name or "/hezi/db/" in name):
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
me = os.getpid(), pidfd.start_time(os.getpid()), pidfd.boot_id()
wishes = [sandbox.Wish("bridge"), sandbox.Wish("n", names=("one",))]
row = rows.SandboxRow(container, "one", *me)
if action == "detach":
    sandbox.attach(database, place, row, wishes, [Publish(80, "tcp", "", 8080, 8080)])
sys.setprofile(look)
if action == "attach":
    sandbox.attach(database, place, row, wishes, [Publish(80, "tcp", "", 8080, 8080)])
else:
    sandbox.detach(database, place, container)
sys.setprofile(None)
print(count)
"""


@pytest.fixture
def host(tmp_path: Path):
    with world(tmp_path / "hezi") as made:
        made.network("n")
        made.box()
        yield made


def child(host: World, action: str, step: int) -> subprocess.CompletedProcess[str]:
    outer, _ = entrance.names(host.place)
    if outer in {link["ifname"] for link in ip_json("link")}:
        ip(f"link delete {outer}")  # so that it is made each time, and killed over
    argv = [
        sys.executable,
        "-I",
        "-B",
        "-c",
        PROGRAM,
        str(TOP / "src"),
        host.place.root,
        ids.new_id(),
        action,
        str(step),
    ]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env={"PATH": SEARCH_PATH})


def traces(host: World, before: set[str]) -> list[str]:
    mine = host.boxes[0].id
    with host.database.read() as connection:
        found = [f"row of {row.container_id}" for row in rows.sandboxes(connection) if row.container_id != mine]
        found += [f"port {row}" for row in rows.ports(connection)]
    found += [name for name in os.listdir(host.place.namespaces) if not name.startswith(mine)]
    found += sorted(links() - before)
    rules = subprocess.run(["/usr/sbin/nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
    found += [line.strip() for line in rules.splitlines() if "8080" in line]
    with open("/proc/self/mountinfo") as file:
        found += [line for line in file if f"{host.place.root}/netns/" in line and mine not in line]
    return found


def kill_at(host: World, action: str, step: int, before: set[str]) -> None:
    done = child(host, action, step)
    assert done.returncode == -signal.SIGKILL, done.stderr
    sandbox.sweep(host.database, host.place)
    sandbox.settle(host.database, host.place)
    assert wait_until(lambda: not traces(host, before), timeout=20), (action, step, traces(host, before))


def steps_of(host: World, action: str) -> int:
    own = links()
    # The first one with a port has rules to write, and takes more steps.
    child(host, action, 0)
    sandbox.sweep(host.database, host.place)
    done = child(host, action, 0)
    assert done.returncode == 0, done.stderr
    sandbox.sweep(host.database, host.place)
    # The bridge stays; what is on it goes.
    assert wait_until(lambda: not any(name.startswith("veth") for name in links() - own), timeout=20)
    return int(done.stdout)


def links() -> set[str]:
    """What there is but the pair for published ports: that stays, as bridges do."""
    return {name for link in ip_json("link") if not (name := str(link["ifname"])).endswith(("-in", "-out"))}


@pytest.mark.parametrize(("action", "rounds"), [("attach", 14), ("detach", 8)])
def test_killed_at_steps_all_along(host: World, action: str, rounds: int):
    total = steps_of(host, action)
    before = links()
    assert total > 100
    for number in range(rounds):
        kill_at(host, action, 1 + number * total * 9 // (10 * rounds), before)
    assert host.box("n").ipv4.endswith(".0.2")


@pytest.mark.slow
def test_killed_a_thousand_times(host: World):
    totals = {action: steps_of(host, action) for action in ("attach", "detach")}
    before = links()
    chance = random.Random(5)
    for _ in range(1000):
        action = chance.choice(["attach", "attach", "detach"])
        kill_at(host, action, chance.randrange(1, totals[action] * 9 // 10), before)
    assert host.box("n").ipv4.endswith(".0.2")
