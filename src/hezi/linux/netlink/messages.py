"""The messages of rtnetlink(7) that a container's network needs, as tables.

Numbers are those of include/uapi/linux/{if_link,if_addr,rtnetlink,neighbour,net_namespace,veth}.h. An attribute that is
missing here is not sent and, when the kernel sends it, not shown; to add one is to add a line.
"""

from __future__ import annotations

from hezi.linux.netlink.attributes import ByKind, Headed, Table

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30

NLM_F_REQUEST, NLM_F_ACK = 0x1, 0x4
NLM_F_DUMP = 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800

IFF_UP, IFF_LOOPBACK, IFF_RUNNING, IFF_NOARP = 0x1, 0x8, 0x40, 0x80

# rtm_table, rtm_protocol, rtm_scope, rtm_type
RT_TABLE_MAIN = 254
RTPROT_STATIC = 4
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_HOST = 0, 253, 254
RTN_UNICAST, RTN_BLACKHOLE, RTN_UNREACHABLE = 1, 6, 7

IFA_F_NODAD = 0x02
IFA_F_PERMANENT = 0x80

NUD_REACHABLE, NUD_PERMANENT = 0x02, 0x80
NTF_PROXY = 0x08

MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}

_IFINFO = ("family", "type", "index", "flags", "change")
_IFINFO_LAYOUT = "=BxHiII"

_BRIDGE = Table({
    "forward_delay": (1, "u32"),
    "hello_time": (2, "u32"),
    "max_age": (3, "u32"),
    "ageing_time": (4, "u32"),
    "stp_state": (5, "u32"),
    "vlan_filtering": (7, "u8"),
    "vlan_protocol": (8, "be16"),
    "group_fwd_mask": (9, "u16"),
    "mcast_snooping": (23, "u8"),
    "mcast_querier": (25, "u8"),
    "nf_call_iptables": (36, "u8"),
    "nf_call_ip6tables": (37, "u8"),
    "nf_call_arptables": (38, "u8"),
})  # fmt: skip
_BRIDGE_PORT = Table({"state": (1, "u8"), "hairpin": (4, "u8"), "isolated": (33, "u8")})
_MACVLAN = Table({"mode": (1, "u32"), "flags": (2, "u16"), "bc_queue_len": (7, "u32")})

_LINK_NAMES: dict[str, tuple[int, str | Table | Headed | ByKind]] = {
    "address": (1, "mac"),
    "broadcast": (2, "mac"),
    "ifname": (3, "text"),
    "mtu": (4, "u32"),
    "link": (5, "u32"),
    "qdisc": (6, "text"),
    "master": (10, "u32"),
    "txqlen": (13, "u32"),
    "operstate": (16, "u8"),
    "linkmode": (17, "u8"),
    "net_ns_pid": (19, "u32"),
    "ifalias": (20, "text"),
    "net_ns_fd": (28, "u32"),
    "group": (27, "u32"),
    "promiscuity": (30, "u32"),
    "num_tx_queues": (31, "u32"),
    "num_rx_queues": (32, "u32"),
    "carrier": (33, "u8"),
    "link_netnsid": (37, "s32"),
    "new_netnsid": (45, "s32"),
    "target_netnsid": (46, "s32"),
    "min_mtu": (50, "u32"),
    "max_mtu": (51, "u32"),
    "altname": (53, "text"),
}
# A veth's data holds a link message: that of the other end, which may be told anything but its own kind.
_PEER = Headed(_IFINFO_LAYOUT, _IFINFO, Table(_LINK_NAMES))
_VETH = Table({"peer": (1, _PEER)})
_LINKINFO = Table({
    "kind": (1, "text"),
    "data": (2, ByKind("kind", {"bridge": _BRIDGE, "macvlan": _MACVLAN, "veth": _VETH})),
    "slave_kind": (4, "text"),
    "slave_data": (5, ByKind("slave_kind", {"bridge": _BRIDGE_PORT})),
})  # fmt: skip

LINK = Headed(_IFINFO_LAYOUT, _IFINFO, Table({**_LINK_NAMES, "linkinfo": (18, _LINKINFO)}))

ADDRESS = Headed(
    "=BBBBI",
    ("family", "prefixlen", "flags8", "scope", "index"),
    Table({
        "address": (1, "ip"),
        "local": (2, "ip"),
        "label": (3, "text"),
        "broadcast": (4, "ip"),
        "anycast": (5, "ip"),
        "flags": (8, "u32"),
        "metric": (9, "u32"),
    }),
)  # fmt: skip

ROUTE = Headed(
    "=BBBBBBBBI",
    ("family", "dst_len", "src_len", "tos", "table8", "protocol", "scope", "type", "flags"),
    Table({
        "dst": (1, "ip"),
        "src": (2, "ip"),
        "iif": (3, "u32"),
        "oif": (4, "u32"),
        "gateway": (5, "ip"),
        "priority": (6, "u32"),
        "prefsrc": (7, "ip"),
        "table": (15, "u32"),
        "pref": (20, "u8"),
    }),
)  # fmt: skip

NEIGHBOUR = Headed(
    "=BxxxiHBB",
    ("family", "index", "state", "flags", "type"),
    Table({"dst": (1, "ip"), "lladdr": (2, "mac"), "probes": (4, "u32"), "vlan": (5, "u16"), "master": (9, "u32")}),
)  # fmt: skip

# The attributes of an NLMSG_ERROR, which the kernel sends when it was asked for extended acknowledgements.
ERROR = Table({"message": (1, "text"), "offset": (2, "u32"), "missing_type": (5, "u32")})
