"""inspect's documents as templates see them: with docker's types, and as bare JSON.

JSON does not say whether an object is a struct or a map, nor which fields an empty one would have. The tables here do,
for the documents of containers, images, volumes and networks. A field of no table is a struct if it is an object.
"""

from __future__ import annotations

from hezi.front.cli.template.values import (
    Duration,
    Int64,
    NilList,
    NilMap,
    NilPointer,
    NilTexts,
    Number,
    Strings,
    Struct,
    Texts,
    Time,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Objects that are maps: printed as map[...], sorted, and a missing key is no error. LogConfig's Config is one too.
_MAPS = frozenset({
    "Annotations", "AuxiliaryAddresses", "ConfigReferences", "Containers", "Data", "DriverOpts", "ExposedPorts",
    "GwPriority", "Labels", "Networks", "Options", "Peers", "PortBindings", "Ports", "Services", "Status",
    "StorageOpt", "Sysctls", "Tmpfs", "Volumes",
})  # fmt: skip
# Of these, the ones with strings in them.
_TEXT_MAPS = frozenset({"Annotations", "DriverOpts", "Labels", "Options", "StorageOpt", "Sysctls", "Tmpfs"})
# Nulls that are empty lists; any other null is a nil pointer.
_LISTS = frozenset({
    "Addresses", "Aliases", "Args", "Binds", "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps",
    "BlkioDeviceWriteIOps", "BlkioWeightDevice", "CapAdd", "CapDrop", "Cmd", "DNSNames", "DeviceCgroupRules",
    "DeviceRequests", "Devices", "Dns", "DnsOptions", "DnsSearch", "Entrypoint", "Env", "ExecIDs", "ExtraHosts",
    "GroupAdd", "Layers", "Links", "Log", "MaskedPaths", "Mounts", "OnBuild", "ReadonlyPaths", "RepoDigests",
    "RepoTags", "SecondaryIPAddresses", "SecondaryIPv6Addresses", "SecurityOpt", "Shell", "Test", "Ulimits",
    "VolumesFrom",
})  # fmt: skip
# Go's field names, where JSON has others. Templates over types know only the former, bare ones only the latter.
_ALIASES = {
    "ID": "Id", "HostIP": "HostIp", "CPUShares": "CpuShares", "NanoCPUs": "NanoCpus", "CPUPeriod": "CpuPeriod",
    "CPUQuota": "CpuQuota", "CPURealtimePeriod": "CpuRealtimePeriod", "CPURealtimeRuntime": "CpuRealtimeRuntime",
    "CPUCount": "CpuCount", "CPUPercent": "CpuPercent", "DNS": "Dns", "DNSOptions": "DnsOptions",
    "DNSSearch": "DnsSearch",
}  # fmt: skip
_NIL = object()
_EMPTY_LIST = NilList()
_EMPTY_MAP = NilMap()
_EMPTY_TEXTS = NilTexts()
_NO_TIME = Duration(0)
_DURATIONS = frozenset({"Interval", "StartInterval", "StartPeriod", "Timeout"})
_TIMES = {("LastTagTime", "Metadata"), ("Created", "network"), ("Start", "Log[]"), ("End", "Log[]")}
# What only one kind of document has, and that kind's name.
_KINDS = (("HostConfig", "container"), ("RootFS", "image"), ("Mountpoint", "volume"), ("IPAM", "network"))
# What JSON leaves out when it is empty: parent -> field -> its empty value.
_OPTIONAL: dict[str, dict[str, object]] = {
    "container": {"SizeRw": _NIL, "SizeRootFs": _NIL, "ImageManifestDescriptor": _NIL},
    "image": {"Variant": "", "OsVersion": "", "Descriptor": _NIL, "Manifests": _EMPTY_LIST},
    "volume": {"Status": _EMPTY_MAP, "UsageData": _NIL, "ClusterVolume": _NIL},
    "network": {"Peers": _EMPTY_LIST, "Services": _EMPTY_MAP},
    "State": {"Health": _NIL},
    "Config": {
        "ExposedPorts": _EMPTY_MAP, "Healthcheck": _NIL, "ArgsEscaped": False, "NetworkDisabled": False,
        "MacAddress": "", "StopSignal": "", "StopTimeout": _NIL, "Shell": _EMPTY_LIST, "OnBuild": _EMPTY_LIST,
    },
    "HostConfig": {
        "Mounts": _EMPTY_LIST, "Init": _NIL, "Runtime": "", "StorageOpt": _EMPTY_MAP, "Sysctls": _EMPTY_MAP,
        "Tmpfs": _EMPTY_MAP, "Annotations": _EMPTY_MAP,
    },
    "Config[]": {"IPRange": "", "Gateway": "", "AuxiliaryAddresses": _EMPTY_MAP},
    "IPAMConfig": {"IPv4Address": "", "IPv6Address": "", "LinkLocalIPs": _EMPTY_LIST},
    "Mounts[]": {"Name": "", "Source": "", "Driver": ""},
    "Healthcheck": {
        "Test": _EMPTY_LIST, "Interval": _NO_TIME, "Timeout": _NO_TIME, "StartPeriod": _NO_TIME,
        "StartInterval": _NO_TIME, "Retries": 0,
    },
}  # fmt: skip

# The Config of an image has fields of its own, which JSON leaves out when they are empty, in this order.
_IMAGE_CONFIG: dict[str, object] = {
    "User": "", "ExposedPorts": _EMPTY_MAP, "Env": _EMPTY_LIST, "Entrypoint": _EMPTY_LIST, "Cmd": _EMPTY_LIST,
    "Volumes": _EMPTY_MAP, "WorkingDir": "", "Labels": _EMPTY_TEXTS, "StopSignal": "", "ArgsEscaped": False,
    "Healthcheck": _NIL, "OnBuild": _EMPTY_LIST, "Shell": _EMPTY_LIST,
}  # fmt: skip
# What engines before 28 say of every image besides. Templates that were written for them still get it.
_BEFORE_28 = {
    "Hostname": "", "Domainname": "", "AttachStdin": False, "AttachStdout": False, "AttachStderr": False,
    "Tty": False, "OpenStdin": False, "StdinOnce": False, "Image": "",
}  # fmt: skip


def typed(document: Mapping[str, object]) -> Struct:
    """Return ``document`` as docker's types have it."""
    return _struct(next((kind for key, kind in _KINDS if key in document), ""), document)


def has_raw(document: Mapping[str, object]) -> bool:
    """Say whether docker tries templates on the bare JSON too: for volumes it does not."""
    return "Mountpoint" not in document


def untyped(document: Mapping[str, object]) -> object:
    """Return ``document`` as bare JSON for a template that its types did not suit."""
    config = document.get("Config")
    if "RootFS" in document and isinstance(config, dict):
        empty = {"User": "", "Env": None, "Cmd": None, "Volumes": None, "WorkingDir": "", "Entrypoint": None}
        bare = {**_BEFORE_28, **empty, "OnBuild": None, "Labels": None}
        document = {
            **document,
            "Config": {**_BEFORE_28, **{key: value for key, value in config.items() if key != "StopTimeout"}},
            "Container": "",
            "ContainerConfig": bare,
            "VirtualSize": document.get("Size"),
        }
    return raw(document)


def _image_config(document: Mapping[str, object]) -> Struct:
    fields: dict[str, object] = {}
    for key, empty in _IMAGE_CONFIG.items():
        value = document.get(key)
        nil = NilPointer() if empty is _NIL else empty
        fields[key] = nil if value is None else _typed(key, value, "Config")
    return Struct(fields, "*image.Config", unseen=frozenset(key for key in fields if not document.get(key)))


def _struct(name: str, document: Mapping[str, object]) -> Struct:
    fields = {key: _typed(key, value, name) for key, value in document.items()}
    unseen = {key: empty for key, empty in _OPTIONAL.get(name, {}).items() if key not in fields}
    for key, empty in unseen.items():
        fields[key] = NilPointer() if empty is _NIL else empty
    text = f"{fields.get('Name')}={fields.get('Soft')}:{fields.get('Hard')}" if name == "Ulimits[]" else None
    if name == "Healthcheck":
        fields = {key: fields[key] for key in _OPTIONAL[name]}
    type_name = "volume.Volume" if name == "volume" else f"*{name}"
    return Struct(fields, type_name, _aliases(fields), unseen=frozenset(unseen), text=text)


def _aliases(fields: Mapping[str, object]) -> dict[str, str]:
    return {go: name for go, name in _ALIASES.items() if name in fields}


def _typed(name: str, value: object, parent: str) -> object:
    is_map = name in _MAPS or (name, parent) == ("Config", "LogConfig")
    if value is None:
        empty = NilTexts() if name in _TEXT_MAPS else NilMap() if is_map else NilPointer()
        return NilList() if name in _LISTS else empty
    if isinstance(value, dict):
        if (name, parent) == ("Config", "image"):
            return _image_config(value)
        if is_map:
            elements = {key: _element(name, item) for key, item in value.items()}
            return Texts(elements) if all(isinstance(item, str) for item in elements.values()) else elements
        return _struct(name, value)
    if isinstance(value, list | tuple):
        return _list(name, value)
    if isinstance(value, int) and name in _DURATIONS and parent == "Healthcheck":
        return Duration(value)
    if (name, parent) == ("Size", "image") and isinstance(value, int):
        return Int64(value)
    return Time(value) if isinstance(value, str) and (name, parent) in _TIMES else value


def _list(name: str, value: Sequence[object]) -> list[object] | Strings:
    if all(isinstance(item, str) for item in value):
        return Strings(str(item) for item in value)
    return [_element(name, item) for item in value]


def _element(name: str, value: object) -> object:
    """Return an element of the list or map ``name``."""
    if isinstance(value, dict):
        return _struct(f"{name}[]", value)
    if isinstance(value, list | tuple):
        return _list(name, value)
    return NilList() if value is None and name in {"Ports", "PortBindings"} else value


def raw(value: object, *, ordered: bool = False) -> object:
    """Return ``value`` as JSON read without types: all objects are maps, numbers keep their text.

    :param ordered: keep the order of keys, for output.
    """
    if isinstance(value, dict):
        plain = {key: raw(item, ordered=ordered) for key, item in value.items()}
        return Struct(plain) if ordered else plain
    if isinstance(value, list | tuple):
        return [raw(item, ordered=ordered) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and not ordered:
        return Number(value)
    return value
