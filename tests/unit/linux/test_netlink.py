"""Netlink attributes: bytes as include/net/netlink.h has them, and refusals of what does not fit."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hezi.linux.netlink import messages
from hezi.linux.netlink.attributes import Table, attribute, decode, encode
from hezi.linux.netlink.route import Route

TABLE = Table({"text": (3, "text"), "number": (4, "u32"), "ip": (1, "ip"), "mac": (2, "mac"), "flag": (9, "flag"),
               "raw": (10, "bytes"), "inner": (18, Table({"byte": (1, "u8"), "port": (2, "be16")}))})  # fmt: skip


def test_bytes_of_each_kind():
    assert encode(TABLE, {"text": "lo"}) == b"\x07\0\x03\0lo\0\0"
    assert encode(TABLE, {"number": 1500}) == b"\x08\0\x04\0" + struct.pack("=I", 1500)
    assert encode(TABLE, {"ip": "172.17.0.2"}) == b"\x08\0\x01\0\xac\x11\0\x02"
    assert encode(TABLE, {"ip": "fd00::2"}) == b"\x14\0\x01\0\xfd" + bytes(14) + b"\x02"
    assert encode(TABLE, {"mac": "02:42:ac:11:00:02"}) == b"\x0a\0\x02\0\x02\x42\xac\x11\0\x02\0\0"
    assert encode(TABLE, {"flag": True}) == b"\x04\0\x09\0"
    assert encode(TABLE, {"flag": False}) == b""
    # Nested ones carry NLA_F_NESTED, and their length does not count the padding after them.
    assert encode(TABLE, {"inner": {"port": 80}}) == b"\x0c\0\x12\x80\x06\0\x02\0\0\x50\0\0"


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "text": st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))),
            "number": st.integers(0, 2**32 - 1),
            "ip": st.ip_addresses().map(str),
            "raw": st.binary(),
            "flag": st.just(True),
            "inner": st.fixed_dictionaries({"byte": st.integers(0, 255), "port": st.integers(0, 65535)}),
        },
    )
)
def test_what_is_written_is_read(values: dict[str, object]):
    import ipaddress

    found = decode(TABLE, encode(TABLE, values))
    for known in (found, values):
        if "ip" in known:
            known["ip"] = ipaddress.ip_address(known["ip"])
    assert found == values


@given(st.binary(max_size=200))
def test_rubbish_is_read_or_refused_and_never_more(data: bytes):
    for layout in (messages.LINK, messages.ADDRESS, messages.ROUTE, messages.NEIGHBOUR):
        refused = None
        try:
            layout.decode(data)
        except OSError as error:
            refused = error
        assert refused is None or refused.errno == errno.EBADMSG


@pytest.mark.parametrize(
    "values",
    [
        {"nosuch": 1}, {"number": -1}, {"number": 2**32}, {"number": "x"}, {"ip": "172.17.0"}, {"mac": "zz"},
        {"text": "a\0b"}, {"inner": {"byte": 256}},
    ],
)  # fmt: skip
def test_wrong_values_are_refused_by_name(values: dict[str, object]):
    with pytest.raises(OSError, match="netlink") as caught:
        encode(TABLE, values)
    assert caught.value.errno == errno.EINVAL


def test_lengths_never_wrap():
    assert len(attribute(1, bytes(0xFFFF - 4))) == 0x10000
    with pytest.raises(OSError, match="65532 bytes") as caught:
        attribute(1, bytes(0xFFFF - 3))
    assert caught.value.errno == errno.EMSGSIZE


def test_unknown_numbers_are_left_out_and_bad_lengths_refused():
    assert decode(TABLE, b"\x08\0\x63\0abcd" + encode(TABLE, {"number": 7})) == {"number": 7}
    for data in (b"\x03\0\x01\0", b"\x20\0\x01\0abcd", b"\0\0\0\0"):
        with pytest.raises(OSError, match="netlink") as caught:
            decode(TABLE, data)
        assert caught.value.errno == errno.EBADMSG


def test_a_veth_is_one_message():
    request = Route.link_add("v0", "veth", up=True, peer={"ifname": "eth0", "net_ns_fd": 5})
    assert messages.LINK.decode(request.body) == {
        "family": 0,
        "type": 0,
        "index": 0,
        "flags": 1,
        "change": 1,
        "ifname": "v0",
        "linkinfo": {
            "kind": "veth",
            "data": {
                "peer": {"family": 0, "type": 0, "index": 0, "flags": 0, "change": 0, "ifname": "eth0", "net_ns_fd": 5}
            },
        },
    }
