"""What differs in the sessions about networks, and why."""

from __future__ import annotations

_API = "the newer command line asks for more than an engine of 2020 knows; hezi does it, as the newer engine"
_MIXED = f"several networks at once: {_API}"
_MAC = f"a hardware address: {_API}"
_PROXY = "docker's proxy listens on [::] too for a container without IPv6; hezi has no proxy"
_FORMAT = "what docker drops in silence is refused by name"
_DEFAULT = "the newer engine calls the default bridge so"
_GATEWAY = "the host as this network sees it: there may be no default bridge"
_NAMES = "interfaces are counted from the lowest that is free, not from all that there have been"

KNOWN = {
    "create": {
        "network create --subnet 10.37.0.0/24 --ip-range 10.37.0.0/23 x8": "a part is not larger than the whole",
        "network create --ipv6 x19": "a unique local prefix is chosen, as the newer engine does",
        "network create --ipv6 --subnet fd00:25::1/64 x26": "bits of hosts in a subnet, which IPv4 is refused for too",
        "network create -o a=b x34": "hezi says that the option means nothing",
        "network create -o com.docker.network.driver.mtu=100000 x39b": "the kernel refuses it, and says so at once",
        "network create --config-only x52": "not built: a network without a network",
        "network create --config-from x52 x53": "as before",
        "network rm x8 x19 x26 x39b x53 x52": "those that only one of them has made",
    },
    "run": {
        "run --network n1 --network n2 --rm bb ip -4 -o addr": _MIXED,
        "run --rm --network int bb ip route": "nothing leads out of an internal network",
        "run --rm --network six --ip 10.8.0.77 --ip6 fd00:8::77 bb ip -o addr show eth0": "no second is lost over DAD",
        "run --rm --network none bb ip -o addr": "the newer engine leaves loopback its IPv6 address too",
        "run --rm --network host --add-host g:host-gateway bb grep g$ /etc/hosts": (
            "the host itself is at its loopback; there may be no default bridge"
        ),
        "run --rm --network n1 --network six bb ip route": _MIXED,
        "run --rm --network int --network n1 bb ip route": _MIXED,
        "run --rm --network name=n1,ip=10.5.4.4 --network name=n2,ip=10.6.4.4 bb ip -4 -o addr": _MIXED,
        "run --rm --network name=n1 --mac-address 02:42:0a:05:99:99 bb ip link show eth0": _MAC,
        "run --rm --network name=n1,mac-address=02:42:0a:05:99:98 bb cat /sys/class/net/eth0/address": _MAC,
        "run --rm --network name=n1,driver-opt=a=b bb true": "hezi says that the option means nothing",
        "run --rm --link-local-ip 169.254.3.3 bb true": "as before",
        "run --rm --mac-address 92:d0:c6:0a:29:33 bb cat /sys/class/net/eth0/address": _MAC,
        "run --rm --mac-address 92-d0-c6-0a-29-33 bb cat /sys/class/net/eth0/address": _MAC,
        "run --rm --mac-address 92d0.c60a.2933 bb cat /sys/class/net/eth0/address": _MAC,
        "run --rm --mac-address 92:D0:C6:0A:29:33 bb cat /sys/class/net/eth0/address": _MAC,
        "run --rm --add-host 'a b:1.1.1.1' -h h bb true": "a name with a blank would be two",
        "run --rm -h 'a b' bb true": "as before",
    },
    "ports": {
        "run --rm -p published=8001,target=80,mode=x bb true": _FORMAT,
        "run --rm -p target=80,nosuch=1 bb true": _FORMAT,
        "run --rm --expose 80/x bb true": _FORMAT,
        "ps --format '{{.Ports}}' --filter name=p1": _PROXY,
        "port p1": _PROXY,
        "port p1 80": _PROXY,
        "port p1 80/tcp": _PROXY,
        "port p1 90/udp": _PROXY,
        "port p1 ''": _PROXY,
        "port p1b 90/udp": _PROXY,
        "container port p1 90/udp": _PROXY,
        "inspect -f '{{json .NetworkSettings.Ports}}' p1": _PROXY,
        "inspect -f '{{range $p, $c := .NetworkSettings.Ports}}{{$p}} -> {{range $c}}{{.HostIp}}:{{.HostPort}} "
        "{{end}};{{end}}' p1": _PROXY,
        "ps --format '{{.Ports}}' --filter name=q2": _PROXY,
        "ps --format '{{.Ports}}' --filter name=q3": _PROXY,
        "run -d --name q6 --network container:nosuch bb sleep 9": "looked for before anything is made",
        "ps -a --filter name=q6 --format '{{.Names}}'": "as before",
    },
    "again": {
        "exec g1 nslookup g1 127.0.0.11": "a name has the addresses of all networks that both are on",
        "inspect -f '{{json .NetworkSettings.Networks.n1.Aliases}}' i1": "an engine of 2020 has the short id too",
        "inspect -f '{{len (index .NetworkSettings.Ports \"80/tcp\")}}' e1": _PROXY,
        "port in1": _PROXY,
        "run --rm --network n1 --add-host h:host-gateway -h hh bb cat /etc/hosts": _GATEWAY,
        "run --rm --network n2 --add-host h:host-gateway -h hh bb cat /etc/hosts": _GATEWAY,
    },
    "kept": {
        "inspect -f '{{index .NetworkSettings.Ports \"80/tcp\"}}' a1": "docker prints it bare",
        "port d2": _PROXY,
    },
    "change": {
        "run --rm --network n2 bb nslookup s1 127.0.0.11": "docker's server waits for others that are not there",
        "inspect -f '{{len .NetworkSettings.Networks}} {{.HostConfig.NetworkMode}}' c2": _DEFAULT,
        "exec c2 ip -4 -o addr": _NAMES,
        "exec c2 ip route": f"{_NAMES}; and the way out stays with the first, as with the newer engine",
        "network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}} {{.MacAddress}}{{end}}' host": (
            "who uses the host's network has no endpoint"
        ),
        "run --rm --link l1: -h h bb cat /etc/hosts": "an empty alias is none, not a link without a name",
        "ps --no-trunc --format '{{.Names}}' --filter name=l1": "links are not names of the other container",
        "exec l3 env": "exec gives what was asked for; links are told to the program that is started",
        "run --rm --network n1 --link l5:zz -h h bb cat /etc/hosts": "a link's name stands in /etc/hosts everywhere",
        "run --rm --network container:k1 --ip 1.1.1.1 bb true": _FORMAT,
        "exec k2 ip -4 -o addr": "the network of a container that is gone stays as long as another one is in it",
    },
}
