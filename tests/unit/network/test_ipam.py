"""Prefixes and addresses, compared with the standard library's ipaddress; docker's pools and refusals."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hezi import errors
from hezi.network import ipam, model, prefixes
from hezi.network.model import Subnet


@given(st.ip_addresses(), st.integers(0, 128), st.ip_addresses(), st.integers(0, 128))
def test_prefixes_are_those_of_ipaddress(one, length, two, other_length):
    first, second = (
        (ipaddress.ip_network(f"{address}/{min(bits, address.max_prefixlen)}", strict=False))
        for address, bits in ((one, length), (two, other_length))
    )
    mine, other = prefixes.prefix(str(first)), prefixes.prefix(str(second))
    assert ipaddress.ip_network(str(mine)) == first
    assert (mine.size, mine.last) == (first.num_addresses, int(first.broadcast_address))
    same = first.version == second.version
    assert mine.overlaps(other) == (same and first.overlaps(second))
    assert mine.holds(other) == (same and second.subnet_of(first))


@pytest.mark.parametrize(
    "text",
    ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/-1", "x/8", "10.0.0.0/8/8", "10.0.0.0/²"],
)
def test_what_is_no_prefix(text: str):
    with pytest.raises(errors.Error, match="invalid CIDR address"):
        prefixes.prefix(text)


def test_host_bits_are_a_mistake_in_a_subnet():
    with pytest.raises(errors.Error, match=r"it should be 10\.1\.0\.0/16"):
        prefixes.prefix("10.1.2.0/16", strict=True)


def test_pools_in_dockers_order_until_there_are_none():
    used: list[prefixes.Prefix] = []
    for _ in range(31):
        used.append(ipam.choose_ipv4(used))
    with pytest.raises(errors.Error, match="non-overlapping IPv4 address pool") as caught:
        ipam.choose_ipv4(used)
    assert caught.value.kind == errors.EXHAUSTED
    shown = list(map(str, used))
    assert shown[:15] == [f"172.{number}.0.0/16" for number in range(17, 32)]
    assert shown[15:] == [f"192.168.{number}.0/20" for number in range(0, 256, 16)]


def test_ipv6_is_a_random_unique_local_prefix():
    one, two = ipam.choose_ipv6(()), ipam.choose_ipv6(())
    assert one != two
    assert all(ipaddress.ip_network(str(found)).subnet_of(ipaddress.ip_network("fd00::/8")) for found in (one, two))
    assert one.length == 64


def test_gateways():
    def gateway(**values) -> str:
        return ipam.complete([Subnet("10.0.0.0/24", **values)], [4], [])[0].gateway

    assert gateway() == "10.0.0.1"
    assert gateway(gateway="10.0.0.254") == "10.0.0.254"
    assert gateway(gateway="10.0.0.2", aux={"router": "10.0.0.1"}) == "10.0.0.2"
    for values, text in (
        ({"gateway": "10.0.1.1"}, "no matching subnet for gateway"),
        ({"ip_range": "10.0.1.0/25"}, "no matching subnet for range"),
        ({"aux": {"a": "10.0.1.1"}}, "no matching subnet for aux-address a"),
        # Taken before it is asked for: by the gateway, by another one, by the network itself and by everybody.
        ({"aux": {"router": "10.0.0.1"}}, r"\(router:10.0.0.1\): Address already in use"),
        ({"aux": {"a": "10.0.0.9", "b": "10.0.0.9"}}, r"\(b:10.0.0.9\): Address already in use"),
        ({"gateway": "10.0.0.0"}, r"failed to allocate gateway \(10.0.0.0\)"),
        ({"gateway": "10.0.0.255"}, r"failed to allocate gateway \(10.0.0.255\)"),
    ):
        with pytest.raises(errors.Error, match=text):
            gateway(**values)


@given(st.integers(20, 30), st.sets(st.integers(0, 40)))
def test_the_lowest_address_that_is_free(length: int, taken: set[int]):
    block = ipaddress.ip_network(f"10.0.0.0/{length}")
    subnet = ipam.complete([Subnet(str(block))], [4], [])[0]
    blocked = {str(block[number]) for number in taken if number < block.num_addresses}
    free = [str(host) for host in block.hosts() if str(host) not in blocked | {subnet.gateway}]
    if free:
        assert ipam.pick(subnet, blocked) == free[0]
    else:
        with pytest.raises(errors.Error, match="no available addresses"):
            ipam.pick(subnet, blocked)


def test_a_range_bounds_what_is_given_and_not_what_is_asked_for():
    subnet = Subnet("10.0.0.0/24", "10.0.0.1", "10.0.0.128/25")
    assert ipam.pick(subnet, ()) == "10.0.0.128"
    assert ipam.check_asked([subnet], "10.0.0.7", ()) == "10.0.0.7"


def test_mac_is_made_from_the_address():
    assert ipam.mac("172.17.0.2") == "02:42:ac:11:00:02"
    assert ipam.mac(None) != ipam.mac(None)


def test_a_network_is_kept_as_it_is():
    network = model.Network(
        "1" * 64, "n", "bridge", 5, internal=True, ipv6=True, labels={"a": "b"}, options={model.OPTION_ICC: "false"},
        subnets=(Subnet("10.0.0.0/24", "10.0.0.1", "10.0.0.128/25", {"a": "10.0.0.9"}), Subnet("fd00::/64", "fd00::1")),
    )  # fmt: skip
    assert model.from_row(network.row()) == network
    assert not network.on(model.OPTION_ICC)
    assert network.on(model.OPTION_MASQUERADE)
