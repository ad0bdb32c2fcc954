"""Ports as elements of nftables, and as ps shows them; names in the order in which people count."""

from __future__ import annotations

import pytest

from hezi._util import order
from hezi.db.networks import PortRow
from hezi.engine import network_view
from hezi.linux.netlink import nftables
from hezi.network import published
from hezi.network.published import Forward


def rows(*texts: str) -> list[PortRow]:
    found = []
    for text in texts:
        host, _, inner = text.partition("->")
        address, _, port = host.rpartition(":")
        number, _, protocol = inner.partition("/")
        found.append(PortRow(protocol, int(port), address, "c", int(number)))
    return found


@pytest.mark.parametrize(
    ("taken", "exposed", "line"),
    [
        # As docker's command line shows them (formatter.DisplayablePorts).
        ([], ["70/tcp", "70/udp", "200/tcp", "201/tcp", "202/tcp"], "70/tcp, 200-202/tcp, 70/udp"),
        (["0.0.0.0:8101->80/tcp"], ["80/tcp", "90/tcp"], "90/tcp, 0.0.0.0:8101->80/tcp"),
        (["0.0.0.0:80->80/tcp", "0.0.0.0:81->81/tcp"], [], "0.0.0.0:80-81->80-81/tcp"),
        (["0.0.0.0:80->80/tcp", ":::80->80/tcp"], [], "0.0.0.0:80->80/tcp, [::]:80->80/tcp"),
        (["0.0.0.0:80->80/tcp", "0.0.0.0:82->82/tcp"], [], "0.0.0.0:80->80/tcp, 0.0.0.0:82->82/tcp"),
        (["0.0.0.0:8081->81/tcp", "0.0.0.0:8080->80/tcp"], [], "0.0.0.0:8080->80/tcp, 0.0.0.0:8081->81/tcp"),
        ([], [], ""),
    ],
)
def test_the_column_of_ps(taken: list[str], exposed: list[str], line: str):
    assert network_view.line(rows(*taken), exposed) == line


def test_names_are_sorted_as_people_count():
    names = ["x 10", "x10", "x2", "X1", "x02", "x", "_x", "a-b", "x1y", "x1", "10", "9"]
    assert sorted(names, key=order.natural) == [
        "9",
        "10",
        "X1",
        "_x",
        "a-b",
        "x",
        "x1",
        "x1y",
        "x2",
        "x02",
        "x10",
        "x 10",
    ]


def test_only_what_changes_is_changed():
    one = Forward("tcp", "0.0.0.0", 80, "10.0.0.2", 8080)
    two = Forward("udp", "::1", 53, "fd00::2", 53, direct=True)
    assert published.changes("t", [one, two], [two, one]) == []
    key, data = nftables.joined(6, ":80"), nftables.joined("10.0.0.2", ":8080")
    assert published.changes("t", [two], [one, two]) == [
        nftables.Change(nftables.INET, "t", "publish_any4", ((key, data),)),
        nftables.Change(nftables.IP, "t", "any", ((key, b""),)),
    ]
    gone = published.changes("t", [one, two], [one])
    assert {(change.name, change.add) for change in gone} == {("publish_one6", False), ("direct_one6", False)}
    # A port that leads elsewhere is taken out before it is put in.
    moved = published.changes("t", [one], [one._replace(target="10.0.0.3")])
    assert [(change.name, change.add) for change in moved] == [("publish_any4", False), ("publish_any4", True)]


def test_keys_are_what_the_kernel_has():
    assert nftables.joined(6, ":80") == b"\x06\0\0\0\x00\x50\0\0"
    assert nftables.joined("10.0.0.2", ":8080") == b"\x0a\0\0\x02\x1f\x90\0\0"
    assert nftables.joined("::1") == bytes(15) + b"\x01"
