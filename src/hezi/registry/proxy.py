"""HTTP proxies from the environment: HTTPS_PROXY, HTTP_PROXY, NO_PROXY, in either case of letters."""

from __future__ import annotations

import os

from hezi.registry.config import is_loopback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def proxy_for(scheme: str, host: str, port: int, environment: Mapping[str, str] | None = None) -> str | None:
    """Return the proxy's URL for a request, or None to go directly. The loopback interface is never proxied.

    The URL may hold a password: do not print it.
    """
    variables = os.environ if environment is None else environment
    if is_loopback(host):
        return None
    name = f"{scheme}_proxy"
    proxy = variables.get(name) or variables.get(name.upper())
    if not proxy or _excluded(host.lower().strip("[]"), port, variables.get("no_proxy") or variables.get("NO_PROXY")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _excluded(host: str, port: int, no_proxy: str | None) -> bool:
    """Match as Go's ``httpproxy`` does: ``*``, networks, ``example.com`` with subdomains, ``.example.com`` without."""
    for entry in (no_proxy or "").lower().split(","):
        pattern = entry.strip()
        if pattern == "*":
            return True
        if "/" in pattern:
            if _in_network(host, pattern):
                return True
            continue
        name, colon, number = pattern.rpartition(":")
        if colon and number.isdigit() and "]" not in number and name.count(":") == 0:
            if int(number) != port:
                continue
            pattern = name
        pattern = pattern.removeprefix("*").strip("[]")
        if pattern and (host == pattern or host.endswith(pattern if pattern[0] == "." else f".{pattern}")):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
