"""``HostConfig`` of inspect: what was asked of the host, in docker's words and order."""

from __future__ import annotations

import os

from hezi import errors
from hezi.engine import defaults, modes, parse_device, parse_limits, parse_ports, parse_resources
from hezi.engine.containers import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from hezi.engine.request import RunRequest


def document(request: RunRequest, name: str = "") -> dict[str, Any]:
    """Return the section.

    :param name: of the container: links tell whose they are.
    """
    unmasked = request.privileged or "systempaths=unconfined" in request.security_opt
    found: dict[str, Any] = {
        "Binds": list(dict.fromkeys(text for text in request.volume if ":" in text)) or None,
        "ContainerIDFile": request.cidfile or "",
        "LogConfig": _log(request),
        "NetworkMode": listing.name_of(request.network or "bridge"),
        "PortBindings": _bindings(request),
        "RestartPolicy": _restart(request),
        "AutoRemove": request.remove,
        "VolumeDriver": request.volume_driver or "",
        "VolumesFrom": list(request.volumes_from) or None,
        "ConsoleSize": [0, 0],
    }
    if request.annotation:
        found["Annotations"] = _pairs(request.annotation)
    found |= {
        "CapAdd": _capabilities(request.cap_add),
        "CapDrop": _capabilities(request.cap_drop),
        "CgroupnsMode": _mode(request).cgroupns,
        "Dns": list(request.dns),
        "DnsOptions": list(request.dns_option),
        "DnsSearch": list(request.dns_search),
        "ExtraHosts": [_host(text) for text in request.add_host] or None,
        "GroupAdd": list(request.group_add) or None,
        "IpcMode": request.ipc or "private",
        "Cgroup": "",
        "Links": _links(request, name) or None,
        "OomScoreAdj": request.oom_score_adj or 0,
        "PidMode": request.pid or "",
        "Privileged": request.privileged,
        "PublishAllPorts": request.publish_all,
        "ReadonlyRootfs": request.read_only,
        "SecurityOpt": _security(request.security_opt),
    }
    if request.tmpfs:
        found["Tmpfs"] = dict(text.partition(":")[::2] for text in request.tmpfs)
    found |= {
        "UTSMode": request.uts or "",
        "UsernsMode": request.userns or "",
        "ShmSize": parse_limits.parse_shm_size(request.shm_size or "0") or defaults.SHM_SIZE,
    }
    if request.sysctl:
        found["Sysctls"] = _pairs(request.sysctl)
    found |= {"Runtime": "hezi", "Isolation": "", **_limits(request)}
    found |= _devices(request)
    if request.mount:
        found["Mounts"] = [_mount(text) for text in request.mount]
    if request.init is not None:
        found["Init"] = request.init
    found["MaskedPaths"] = None if unmasked else list(defaults.masked_paths(os.cpu_count() or 1))
    found["ReadonlyPaths"] = None if unmasked else list(defaults.READONLY_PATHS)
    return found


def _log(request: RunRequest) -> dict[str, Any]:
    return {"Type": request.log_driver or "json-file", "Config": _pairs(request.log_opt)}


def _restart(request: RunRequest) -> dict[str, Any]:
    if not request.restart:
        return {"Name": "no" if request.restart is None else "", "MaximumRetryCount": 0}
    from hezi.engine import parse_restart

    policy = parse_restart.parse_restart(request.restart)
    return {"Name": policy.name, "MaximumRetryCount": policy.most}


def _bindings(request: RunRequest) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in request.publish:
        for one in parse_ports.parse_publish(text):
            port = str(one.first) if one.first else ""
            if one.last != one.first:
                port = f"{one.first}-{one.last}"
            found.setdefault(str(one), []).append({"HostIp": one.host_ip, "HostPort": port})
    return dict(sorted(found.items()))


def _links(request: RunRequest, name: str) -> list[str]:
    """Those on the default bridge; of others each network tells."""
    from hezi.engine import parse_network

    if (request.network or "bridge") not in {"bridge", "default"}:
        return []
    return [f"/{other}:/{name}/{alias}" for other, alias in map(parse_network.parse_link, request.link)]


def _mode(request: RunRequest) -> modes.Modes:
    try:
        return modes.choose(request)
    except errors.Error:
        # Made by another version, which knew more of them.
        return modes.Modes()


def _limits(request: RunRequest) -> dict[str, Any]:
    return {
        "CpuShares": request.cpu_shares or 0,
        "Memory": request.memory or 0,
        "NanoCpus": request.cpus or 0,
        "CgroupParent": request.cgroup_parent or "",
        "BlkioWeight": request.blkio_weight or 0,
        "BlkioWeightDevice": _per_device(request.blkio_weight_device, "blkio-weight-device", "Weight"),
        "BlkioDeviceReadBps": _per_device(request.device_read_bps, "device-read-bps", "Rate"),
        "BlkioDeviceWriteBps": _per_device(request.device_write_bps, "device-write-bps", "Rate"),
        "BlkioDeviceReadIOps": _per_device(request.device_read_iops, "device-read-iops", "Rate"),
        "BlkioDeviceWriteIOps": _per_device(request.device_write_iops, "device-write-iops", "Rate"),
        "CpuPeriod": request.cpu_period or 0,
        "CpuQuota": request.cpu_quota or 0,
        "CpuRealtimePeriod": request.cpu_rt_period or 0,
        "CpuRealtimeRuntime": request.cpu_rt_runtime or 0,
        "CpusetCpus": request.cpuset_cpus or "",
        "CpusetMems": request.cpuset_mems or "",
    }


def _ulimits(texts: Sequence[str]) -> list[dict[str, Any]]:
    """By name; the last of several counts."""
    limits = {name: (soft, hard) for name, soft, hard in map(parse_limits.parse_ulimit, texts)}
    return [
        {"Name": name.removeprefix("RLIMIT_").lower(), "Hard": hard, "Soft": soft}
        for name, (soft, hard) in sorted(limits.items())
    ]


def _per_device(texts: Sequence[str], flag: str, key: str) -> list[dict[str, Any]]:
    return [{"Path": path, key: value} for path, value in map(parse_resources.PARSERS[flag], texts)]


def _devices(request: RunRequest) -> dict[str, Any]:
    devices = [
        {"PathOnHost": ask.source, "PathInContainer": ask.destination, "CgroupPermissions": ask.access}
        for ask in map(parse_device.parse_device, request.device)
    ]
    limit = defaults.PIDS_LIMIT if request.pids_limit is None else request.pids_limit
    return {
        "Devices": devices,
        "DeviceCgroupRules": list(request.device_cgroup_rule) or None,
        "DeviceRequests": None,
        "MemoryReservation": request.memory_reservation or 0,
        "MemorySwap": request.memory_swap or 2 * (request.memory or 0),
        "MemorySwappiness": None if request.memory_swappiness == -1 else request.memory_swappiness,
        "OomKillDisable": request.oom_kill_disable,
        # 0 is what update has made of no limit, -1 what there was at the beginning.
        "PidsLimit": limit if limit >= 0 else None,
        "Ulimits": _ulimits(request.ulimit),
        "CpuCount": 0,
        "CpuPercent": 0,
        "IOMaximumIOps": 0,
        "IOMaximumBandwidth": 0,
    }


def _host(text: str) -> str:
    from hezi.engine import parse_network

    name, address = parse_network.parse_host(text)
    return f"{name}:{address}"


def _security(options: Sequence[str]) -> list[str] | None:
    # What docker's command line turns into lists of paths.
    return [one for one in options if one != "systempaths=unconfined"] if options else None


def _mount(text: str) -> dict[str, Any]:
    """Return docker's document of one ``--mount``: what was said, and nothing else."""
    from hezi.engine import parse_mount

    kind, given, labels, options = parse_mount.said(text)
    found: dict[str, Any] = {"Type": kind}
    for key, name in (("source", "Source"), ("target", "Target")):
        if given.get(key):
            found[name] = given[key]
    if parse_mount.is_true(given.get("readonly", "false")):
        found["ReadOnly"] = True
    if given.get("consistency"):
        found["Consistency"] = given["consistency"]
    if kind == "bind":
        found |= _bind_options(given)
    if kind == "volume" and any(key.startswith("volume-") for key in given):
        found["VolumeOptions"] = _volume_options(given, labels, options)
    if kind == "image" and given.get("image-subpath"):
        found["ImageOptions"] = {"Subpath": given["image-subpath"]}
    if kind == "tmpfs":
        sizes = {"SizeBytes": int(given.get("tmpfs-size", "0")), "Mode": int(given.get("tmpfs-mode", "0"), 8)}
        if any(sizes.values()):
            found["TmpfsOptions"] = {name: value for name, value in sizes.items() if value}
    return found


def _bind_options(given: Mapping[str, str]) -> dict[str, Any]:
    from hezi.engine import parse_mount

    recursive = given.get("bind-recursive", "")
    flags = {
        "NonRecursive": parse_mount.is_true(given.get("bind-nonrecursive", "false")) or recursive == "disabled",
        "ReadOnlyNonRecursive": recursive == "writable",
        "ReadOnlyForceRecursive": recursive == "readonly",
    }
    found: dict[str, Any] = {"Propagation": given["bind-propagation"]} if given.get("bind-propagation") else {}
    found |= {name: True for name, value in flags.items() if value}
    return {"BindOptions": found} if found else {}


def _volume_options(given: Mapping[str, str], labels: Mapping[str, str], options: Mapping[str, str]) -> dict[str, Any]:
    from hezi.engine import parse_mount

    found: dict[str, Any] = {}
    if parse_mount.is_true(given.get("volume-nocopy", "false")):
        found["NoCopy"] = True
    if labels:
        found["Labels"] = dict(labels)
    if given.get("volume-subpath"):
        found["Subpath"] = given["volume-subpath"]
    driver: dict[str, Any] = {"Name": given["volume-driver"]} if given.get("volume-driver") else {}
    if options:
        driver["Options"] = dict(options)
    return found | {"DriverConfig": driver}


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    return dict(text.partition("=")[::2] for text in texts)


def _capabilities(names: Sequence[str]) -> list[str] | None:
    """Return the names as docker shows them: upper case, with the prefix, sorted."""
    upper = {name.upper() for name in names}
    return sorted(name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}" for name in upper) or None
