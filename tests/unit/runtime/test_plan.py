"""Plans are made without root and without a kernel: what is in them, in which order, and what is refused."""

from __future__ import annotations

import marshal

import pytest

from hezi import errors
from hezi.linux.cgroup.view import Shown
from hezi.runtime import exec as joining
from hezi.runtime import execute, ops_process, ops_spaces, plan
from hezi.runtime.plan import Options
from hezi.spec import runtime as rt
from tests.kernel import boxes


def names(made: plan.Plan) -> list[str]:
    return [type(entry.operation).__name__ for entry in made.entries]


def find(made: plan.Plan, kind: str):
    return [entry.operation for entry in made.entries if type(entry.operation).__name__ == kind]


def refused(*args: str, kind: str = errors.INVALID, **members) -> str:
    with pytest.raises(errors.Error) as caught:
        plan.make(boxes.spec(*(args or ("true",)), **members))
    assert caught.value.kind == kind
    return str(caught.value)


def test_order_of_what_the_process_gives_up():
    made = names(plan.make(boxes.spec("true"), Options(seccomp=b"\0" * 8)))
    tail = made[made.index("PivotRoot") :]
    assert tail == [
        "PivotRoot",
        "ConnectStreams",
        "CloseDescriptors",
        "EnterDirectory",
        "LoadSeccomp",
        "LimitBoundingSet",
        "SetIds",
        "SetCapabilities",
        "SetUmask",
        "ChangeDirectory",
        "Exec",
    ]


def test_with_no_new_privileges_the_filter_is_loaded_last():
    made = names(plan.make(boxes.spec("true", process={"no_new_privileges": True}), Options(seccomp=b"\0" * 8)))
    assert made[made.index("CloseDescriptors") + 2] == "SetNoNewPrivileges"
    assert made[-2:] == ["LoadSeccomp", "Exec"]


def test_what_is_outside_comes_first_and_the_clone_ends_it():
    mounts = (*boxes.MOUNTS, rt.Mount("/data", "bind", "/srv", ("rbind", "rslave", "ro")))
    namespaces = (*map(rt.Namespace, ("mount", "pid", "uts", "ipc")), rt.Namespace("network", "/proc/7/ns/net"))
    made = plan.make(boxes.spec("true", mounts=mounts, linux={"namespaces": namespaces}))
    outside = [entry.operation for entry in made.entries if entry.operation.where == "outside"]
    assert [type(operation).__name__ for operation in outside] == ["JoinNamespace", "OpenSource", "CloneInit"]
    assert [entry.operation for entry in made.entries][: len(outside)] == outside
    assert find(made, "CloneInit") == [ops_spaces.CloneInit(("mnt", "pid", "uts", "ipc"))]
    assert not find(made, "LoopbackUp"), "the network is not ours"


def test_masks_need_the_host_s_null_device_and_so_come_before_the_change_of_root():
    made = names(plan.make(boxes.spec("true")))
    last_mask = len(made) - 1 - made[::-1].index("MaskPath")
    assert last_mask < made.index("PivotRoot")
    assert made.index("ReadonlyPath") < made.index("MaskPath")
    assert made.index("MakeDirectory") < made.index("PivotRoot")


def test_sysctls_are_written_before_proc_sys_is_read_only():
    made = names(plan.make(boxes.spec("true", linux={"sysctl": (("net.ipv4.ip_forward", "1"),)})))
    assert made.index("WriteSysctl") < made.index("ReadonlyPath")


def test_dev_is_filled_before_it_is_attached():
    made = plan.make(boxes.spec("true"))
    order = names(made)
    assert order.index("NewDev") < order.index("MakeNodes") < order.index("MakeLinks")
    attach = next(i for i, entry in enumerate(made.entries) if entry.operation.describe() == "dev on /dev")
    assert order.index("MakeLinks") < attach


def test_a_plan_survives_the_way_to_stage_1():
    mounts = (*boxes.MOUNTS, rt.Mount("/data", "bind", "/srv", ("bind",)))
    wanted = boxes.spec(
        "sh",
        "-c",
        "\udcff",
        mounts=mounts,
        process={
            "terminal": True,
            "console_size": rt.ConsoleSize(5, 6),
            "rlimits": (rt.Rlimit("RLIMIT_CORE", -1, -1),),
        },
        linux={"sysctl": (("kernel.shmmax", "1"),)},
    )
    made = plan.make(wanted, Options(init=True, seccomp=b"\1" * 16))
    encoded = marshal.loads(marshal.dumps(made.encode()))
    assert execute.decode(encoded) == tuple(entry.operation for entry in made.entries)


def test_every_kind_of_operation_describes_itself_in_one_line():
    made = plan.make(boxes.spec("echo", "a b", process={"terminal": True}), Options(init=True))
    for line in made.lines():
        assert "\n" not in line
    text = "\n".join(made.lines())
    assert "PivotRoot" in text
    assert "new uts ipc pid net mnt namespaces" in text
    assert "echo a b" in text


def test_lines_and_json_tell_the_origin():
    origins = {"mount:/dev/shm": "flag --shm-size", "args": "image", "mount": "default"}
    made = plan.make(boxes.spec("true"), None, origins)
    lines = made.lines()
    assert any(line.endswith("[flag --shm-size]") and "/dev/shm" in line for line in lines)
    assert any(line.endswith("[image]") and " Exec " in line for line in lines)
    document = made.to_json()
    assert document[-1] == {"where": "inside", "operation": "Exec", "what": "true", "key": "args", "origin": "image"}
    assert {entry["origin"] for entry in document if entry["key"] == "mount:/dev/pts"} == {"default"}


@pytest.mark.parametrize(
    ("environment", "program", "expected"),
    [
        (("PATH=/usr/bin:/bin/",), "ls", (b"/usr/bin/ls", b"/bin/ls")),
        (("PATH=:.:bin:/bin",), "ls", (b"/bin/ls",)),
        (("HOME=/",), "ls", ()),
        (("PATH=/bin",), "/usr/bin/ls", (b"/usr/bin/ls",)),
        (("PATH=/bin",), "./ls", (b"./ls",)),
    ],
)
def test_where_a_program_is_looked_for(environment, program, expected):
    made = plan.make(boxes.spec(program, process={"env": environment}))
    (execute,) = find(made, "Exec")
    assert execute.candidates == expected


def test_the_root_user_s_streams_are_needed_only_without_a_terminal():
    assert plan.make(boxes.spec("true")).fds == ("rootfs", "stdin", "stdout", "stderr")
    assert plan.make(boxes.spec("true", process={"terminal": True})).fds == ("rootfs",)


@pytest.mark.parametrize("destination", ["/proc", "/proc/self/attr", "/proc/sys", "/proc/../proc/self", "//proc//1"])
def test_nothing_is_mounted_on_proc(destination):
    mounts = (*boxes.MOUNTS, rt.Mount(destination, "bind", "/srv", ("rbind",)))
    assert "/proc" in refused(mounts=mounts)


def test_the_files_of_proc_that_lxcfs_replaces_may_be_mounted_on():
    mounts = (*boxes.MOUNTS, rt.Mount("/proc/meminfo", "bind", "/srv/meminfo", ("bind",)))
    assert "AttachMount" in names(plan.make(boxes.spec("true", mounts=mounts)))


@pytest.mark.parametrize("destination", ["relative", "", "/", "/a/..", "/x\0y"])
def test_mount_destinations_that_are_none(destination):
    refused(mounts=(*boxes.MOUNTS, rt.Mount(destination, "tmpfs", "tmpfs")))


def test_unknown_words_for_a_bind_are_refused():
    assert "'whatever'" in refused(mounts=(rt.Mount("/x", "bind", "/srv", ("rbind", "whatever")),))


def test_file_systems_hezi_does_not_mount_are_refused():
    refused(mounts=(rt.Mount("/x", "ext4", "/dev/vda"),), kind=errors.UNSUPPORTED)


@pytest.mark.parametrize(
    "name",
    [
        "kernel.core_pattern",
        "vm.swappiness",
        "kernel.hostname",
        "fs.file-max",
        "net..ipv4",
        "net.ipv4.conf./.x",
        "net.x\0",
        "",
        "kernel.shm_rmid_forced+core",
    ],
)
def test_sysctls_of_the_host_are_refused(name):
    assert name.partition("\0")[0] in refused(linux={"sysctl": ((name, "1"),)})


@pytest.mark.parametrize(("name", "kept"), [("net.ipv4.ip_forward", "network"), ("kernel.sem", "ipc")])
def test_sysctls_of_a_shared_namespace_are_refused(name, kept):
    namespaces = tuple(rt.Namespace(kind) for kind in boxes.NAMESPACES if kind != kept)
    assert "would change the host" in refused(linux={"sysctl": ((name, "1"),), "namespaces": namespaces})


def test_a_dot_in_an_interface_name_is_written_as_a_slash():
    made = plan.make(boxes.spec("true", linux={"sysctl": (("net.ipv4.conf.eth0/1.forwarding", "1"),)}))
    assert find(made, "WriteSysctl")[0].path == b"net/ipv4/conf/eth0.1/forwarding"


@pytest.mark.parametrize(
    "process",
    [
        {"args": ()},
        {"args": ("",)},
        {"cwd": "relative"},
        {"env": ("PATH",)},
        {"env": ("=x",)},
        {"args": ("a\0b",)},
        {"user": rt.User(uid=-1)},
        {"user": rt.User(uid=2**32 - 1)},
        {"user": rt.User(gid=2**32)},
        {"user": rt.User(additional_gids=(-1,))},
        {"capabilities": rt.Capabilities(bounding=("CAP_EVERYTHING",))},
        {"user": rt.User(umask=0o1000)},
        {"oom_score_adj": 1001},
        {"rlimits": (rt.Rlimit("RLIMIT_EVERYTHING", 1, 1),)},
        {"rlimits": (rt.Rlimit("RLIMIT_NOFILE", 20, 10),)},
        {"rlimits": (rt.Rlimit("RLIMIT_NOFILE", -1, 10),)},
        {"rlimits": (rt.Rlimit("RLIMIT_NOFILE", -2, -1),)},
    ],
)
def test_a_malformed_process_is_refused(process):
    refused(process=process)


@pytest.mark.parametrize(
    ("namespaces", "kind"),
    [
        ((rt.Namespace("pid"),), errors.INVALID),
        ((rt.Namespace("mount"), rt.Namespace("mount")), errors.INVALID),
        ((rt.Namespace("mount", "/proc/1/ns/mnt"),), errors.UNSUPPORTED),
        ((rt.Namespace("mount"), rt.Namespace("user")), errors.INVALID),
        ((rt.Namespace("mount"), rt.Namespace("sound")), errors.UNSUPPORTED),
    ],
)
def test_namespaces_that_cannot_be(namespaces, kind):
    refused(linux={"namespaces": namespaces}, hostname=None, kind=kind)


def test_a_shared_host_name_is_not_set():
    namespaces = tuple(rt.Namespace(kind) for kind in boxes.NAMESPACES if kind != "uts")
    assert "hostname of the host" in refused(linux={"namespaces": namespaces})


HYBRID = (
    Shown("cpu,cpuacct", "cgroup", (("cpu", None), ("cpuacct", None)), "/sys/fs/cgroup/cpu,cpuacct/hezi/x"),
    Shown("systemd", "cgroup", (("none", None), ("name", "systemd")), "/sys/fs/cgroup/systemd/hezi/x"),
    Shown("unified", "cgroup2", (), "/sys/fs/cgroup/unified/hezi/x"),
)
CGROUP = rt.Mount("/sys/fs/cgroup", "cgroup", "cgroup", ("ro", "nosuid", "noexec", "nodev"))


def test_cgroups_of_a_hybrid_host_in_a_namespace_of_their_own():
    made = plan.make(boxes.spec("true", mounts=(*boxes.MOUNTS, CGROUP)), Options(hierarchies=HYBRID))
    text = "\n".join(made.lines())
    assert "cgroup on /sys/fs/cgroup/cpu,cpuacct (ro,nosuid,nodev,noexec,source=cgroup,cpu,cpuacct)" in text
    assert "cgroup on /sys/fs/cgroup/systemd (ro,nosuid,nodev,noexec,source=cgroup,none,name=systemd)" in text
    assert "cgroup2 on /sys/fs/cgroup/unified (ro,nosuid,nodev,noexec,source=cgroup)" in text
    assert "cpu -> cpu,cpuacct" in text
    assert "SetMountAttributes" in names(made)


def test_cgroups_shared_with_the_host_are_the_container_s_own_part():
    namespaces = tuple(rt.Namespace(kind) for kind in boxes.NAMESPACES if kind != "cgroup")
    wanted = boxes.spec("true", mounts=(*boxes.MOUNTS, CGROUP), linux={"namespaces": namespaces})
    made = plan.make(wanted, Options(hierarchies=HYBRID))
    assert [source.path for source in find(made, "OpenSource")] == [one.path.encode() for one in HYBRID]


def test_cgroup_v2_alone_is_one_mount():
    alone = (Shown("", "cgroup2"),)
    made = plan.make(boxes.spec("true", mounts=(*boxes.MOUNTS, CGROUP)), Options(hierarchies=alone))
    assert any(operation.fstype == "cgroup2" for operation in find(made, "MountFilesystem"))


def test_cgroup_v2_shared_with_the_host_is_bound_and_not_mounted_anew():
    """A mount outside of a cgroup namespace takes nsdelegate off the host's."""
    alone = (Shown("", "cgroup2", (), "/sys/fs/cgroup/hezi/x", "/sys/fs/cgroup"),)
    namespaces = tuple(rt.Namespace(kind) for kind in boxes.NAMESPACES if kind != "cgroup")
    wanted = boxes.spec("true", mounts=(*boxes.MOUNTS, CGROUP), linux={"namespaces": namespaces})
    made = plan.make(wanted, Options(hierarchies=alone))
    assert not any(operation.fstype == "cgroup2" for operation in find(made, "MountFilesystem"))
    (source,) = find(made, "OpenSource")
    assert source.path == b"/sys/fs/cgroup"
    # That name is the group's that the first process is born in, and gone by then.
    assert source.name != ops_spaces.BORN_IN


@pytest.mark.parametrize(
    ("options", "recursive", "attrs", "propagation"),
    [
        (("rbind",), False, 0, "rprivate"),
        (("rbind", "ro"), False, 1, "rprivate"),
        (("rbind", "rro"), True, 1, "rprivate"),
        (("bind", "ro"), False, 1, "rprivate"),
        (("bind", "rro"), True, 1, "rprivate"),
        (("rbind", "ro", "rw"), False, 0, "rprivate"),
        (("rbind", "rshared"), False, 0, "rshared"),
        (("bind", "nosuid", "slave"), False, 2, "slave"),
    ],
)
def test_words_of_binds(options, recursive, attrs, propagation):
    made = plan.make(boxes.spec("true", mounts=(rt.Mount("/x", "bind", "/srv", options),)))
    attach = next(one for one in find(made, "AttachMount") if one.destination == b"/x")
    assert (attach.recursive, attach.attrs_set, attach.propagation) == (recursive, attrs, propagation)


def test_capabilities_become_numbers():
    (limit,) = find(plan.make(boxes.spec("true")), "LimitBoundingSet")
    assert limit == ops_process.LimitBoundingSet(0xA80425FB)


def test_a_program_is_born_in_its_groups_before_it_enters_their_namespace():
    """The other way round the kernel says ENOENT where cgroup v2 is mounted with nsdelegate."""
    made = joining.plan(boxes.spec("true").process)
    assert names(made)[:3] == ["JoinContainer", "CloneInit", "JoinLast"]
    (join,) = find(made, "JoinContainer")
    assert "cgroup" not in join.kinds
