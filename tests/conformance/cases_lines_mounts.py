"""Mounts, devices and odd options of create and run, with values good and bad: sessions, each beginning with none."""

from __future__ import annotations

from tests.conformance.cases_lines_create import made

_POINTS = "{{range .Mounts}}{{.Type}} {{.Destination}} [{{.Mode}}] {{.RW}} [{{.Propagation}}]{{println}}{{end}}"
_BINDS = made(
    "{{json .HostConfig.Binds}}" + _POINTS,
    *(
        f"-v {text}"
        for text in (
            *(
                "%d:/m",
                "%d:/m:ro",
                "%d:/m:rw",
                "%d:/m:z",
                "%d:/m:Z,ro",
                "%d:/m:rprivate",
                "%d:/m:rslave",
                "%d:/m:rshared",
            ),
            *(
                "%d:/m:private",
                "%d:/m:bogus",
                "%d:/m:ro,rw",
                "%d:/m:",
                "%d:/m:ro:x",
                "%d:m",
                "%d:",
                ":/m",
                ":",
                "''",
                "%d",
            ),
            *(
                "%d:/",
                "%d:/m/../n",
                "%d:/m//n/",
                "/anon",
                "/anon:ro",
                "/anon:rw",
                "/",
                "rel",
                "./sub:/m",
                "../x:/m",
                ".:/m",
            ),
            *(
                "sub:/m",
                "vol:/m",
                "vol:/m:ro",
                "vol:/m:nocopy",
                "vol:/m:nocopy,ro",
                "vol:/m:z",
                "vol:/m:rslave",
                "v:/m",
            ),
            *(
                "bad/name:/m",
                "-x:/m",
                "'a b:/m'",
                "vol:/m:ro:ro",
                "%d/file:/etc/hosts",
                "%d:/m:cached",
                "%d:/m:delegated",
            ),
            *("%d:/m:consistent,ro", "%d:/m:nocopy", "%d:/m:volume-nocopy", "%d:/m:RO", "%d:/m:ro,z,rprivate", "~:/m"),
            *(
                "%d:/m -v %d:/m",
                "%d:/m -v %d:/m/",
                "%d:/m -v vol:/m",
                "/m -v /m",
                "%d:/a -v %d/sub:/b:ro",
                "%d/none:/m",
            ),
        )
    ),
)
_MOUNTS = made(
    "{{json .HostConfig.Mounts}}{{range .Mounts}} {{.Type}} {{.Destination}} {{.RW}}{{end}}",
    *(
        f"--mount {text}"
        for text in (
            *("type=bind,src=%d,dst=/m", "type=bind,source=%d,target=/m", "type=bind,src=%d,destination=/m,ro"),
            *(
                "type=bind,src=%d,dst=/m,readonly=true",
                "type=bind,src=%d,dst=/m,readonly=x",
                "type=bind,src=%d,dst=/m,ro=",
            ),
            *("type=bind,src=%d,dst=/m,ro=1", "type=bind,src=%d,dst=/m,RO", "type=bind,src=%d,dst=/m,readonly=TRUE"),
            *("type=bind,src=%d,dst=m", "type=bind,src=%d,dst=", "type=bind,src=%d", "type=bind,dst=/m", "type=bind"),
            *(
                "type=bind,src=%d/none,dst=/m",
                "type=bind,src=rel,dst=/m",
                "type=bind,src=sub,dst=/m",
                "type=bind,src=.,dst=/m",
            ),
            *(
                "type=bind,src=%d,dst=/",
                "type=bind,src=%d,dst=/m/../n",
                "type=bind,src=%d,dst=/m,src=/tmp",
                "dst=/m",
                "src=v1,dst=/m",
            ),
            *(
                "type=volume,src=v1,dst=/m",
                "type=volume,dst=/m",
                "type=volume,src=v1,dst=/m,ro",
                "type=volume,src=/abs,dst=/m",
            ),
            *("type=volume,src=v1,dst=/m,volume-nocopy", "type=volume,src=v1,dst=/m,volume-nocopy=false"),
            *(
                "type=volume,src=v2,dst=/m,volume-label=a=b,volume-label=c",
                "type=volume,src=v3,dst=/m,volume-driver=local",
            ),
            *(
                "type=volume,src=v1,dst=/m,bind-propagation=rslave",
                "type=volume,src='a b',dst=/m",
                "type=volume,src=v,dst=m",
            ),
            *(
                "type=tmpfs,dst=/m",
                "type=tmpfs,dst=/m,tmpfs-size=1m",
                "type=tmpfs,dst=/m,tmpfs-size=1048576,tmpfs-mode=700",
            ),
            *(
                "type=tmpfs,dst=/m,tmpfs-mode=1777",
                "type=tmpfs,dst=/m,tmpfs-mode=8",
                "type=tmpfs,dst=/m,src=x",
                "type=tmpfs,dst=m",
            ),
            *(
                "type=tmpfs,dst=/m,ro",
                "type=tmpfs,dst=/m,tmpfs-size=x",
                "type=tmpfs,dst=/m,volume-nocopy",
                "type=tmpfs",
            ),
            *(
                "type=nosuch,dst=/m",
                "type=,dst=/m",
                "type",
                "x",
                "''",
                ",",
                "=",
                "type=bind,,dst=/m",
                "type=bind,bogus=1",
                "bogus",
            ),
            *("type=bind,src=%d,dst=/m,bind-propagation=rprivate", "type=bind,src=%d,dst=/m,bind-propagation=x"),
            *(
                "type=bind,src=%d,dst=/m,bind-nonrecursive",
                "type=bind,src=%d,dst=/m,consistency=cached",
                "type=tmpfs,target=/m",
            ),
            *(
                "'type=bind,\"src=%d\",dst=/m'",
                "type=tmpfs,dst=/m --mount type=tmpfs,dst=/m",
                "type=tmpfs,dst=/a -v %d:/a",
            ),
            *("type=image,src=@life,dst=/m", "type=npipe,src=x,dst=/m", "type=cluster,src=x,dst=/m"),
        )
    ),
)
_TMPFS = made(
    "{{json .HostConfig.Tmpfs}} {{json .Mounts}}",
    *(
        f"--tmpfs {text}"
        for text in (
            *(
                "/t",
                "/t:size=1m",
                "/t:size=1m,mode=700",
                "/t:ro",
                "/t:rw,exec",
                "/t:",
                "/t:bogus",
                "/t:size=x",
                "t",
                "''",
            ),
            *(
                "/",
                "/t --tmpfs /t",
                "/t --tmpfs /u:ro",
                "/t:noexec,nosuid,nodev",
                "/t:uid=5,gid=6",
                "/t:a:b",
                "/t/../u",
            ),
            *("/t:mode=1777", "/t:nr_inodes=5", "/t:remount", "//t//", ":size=1m", "/t:,"),
        )
    ),
)
_DEVICES = made(
    "{{json .HostConfig.Devices}} {{json .HostConfig.DeviceCgroupRules}} {{json .HostConfig.BlkioDeviceReadBps}}",
    *(
        f"--device {text}"
        for text in (
            *(
                "/dev/null",
                "/dev/null:/dev/x",
                "/dev/null:/dev/x:r",
                "/dev/null:/dev/x:rwm",
                "/dev/null:rw",
                "/dev/null:x",
            ),
            *(
                "/dev/null:/dev/x:x",
                "/dev/null:/dev/x:",
                "/dev/nosuch",
                "null",
                "''",
                "a:b:c:d",
                "/dev/null:rel",
                ":/dev/x",
            ),
            *("/dev/null:/dev/x:rr", "/dev/null --device /dev/zero", "/dev/null:m", "/dev/null:"),
        )
    ),
    *(
        f"--device-cgroup-rule '{text}'"
        for text in ("c 1:3 rwm", "b *:* r", "c 1:3", "x 1:3 r", "a *:* rwm", "", "c 1:3 x")
    ),
    *(
        f"--device-read-bps {text}"
        for text in ("/dev/vda:1mb", "/dev/vda:x", "/dev/vda", "vda:1", "/dev/vda:-1", "''", "/dev/vda:0")
    ),
    *(f"--device-read-iops {text}" for text in ("/dev/vda:10", "/dev/vda:1mb", "/dev/vda:-1", "/dev/vda:")),
    *(f"--blkio-weight {text}" for text in ("0", "10", "1000", "9", "1001", "x", "-1", "70000")),
    *(f"--blkio-weight-device {text}" for text in ("/dev/vda:100", "/dev/vda:5", "/dev/vda:x", "vda:100")),
)
_FROM = """
create --name src -v %d:/host:ro -v named:/named -v /anon --tmpfs /ram @life
create --name t1 --volumes-from src @life
inspect -f '{{json .HostConfig.VolumesFrom}} {{len .Mounts}}' src
inspect -f '{{json .HostConfig.VolumesFrom}} {{len .Mounts}}' t1
create --name t2 --volumes-from src:ro @life
inspect -f '{{json .HostConfig.VolumesFrom}} {{range .Mounts}}{{.RW}} {{end}}' t2
create --name t3 --volumes-from src:rw @life
create --name t4 --volumes-from src:x @life
create --name t5 --volumes-from nosuch @life
create --name t6 --volumes-from '' @life
create --name t7 --volumes-from src --volumes-from t1 @life
create --name t8 --volumes-from {short src} @life
inspect -f '{{len .Mounts}}' t7 t8
create --name t9 --volumes-from src -v %d:/named @life
inspect -f '{{len .Mounts}}' t9
ps -a --format '{{.Names}} {{.LocalVolumes}}'
ps -a -f volume=named --format '{{.Names}}'
ps -a -f volume=/named --format '{{.Names}}'
ps -a -f volume=/host --format '{{.Names}}'
ps -a -f volume=nosuch --format '{{.Names}}'
volume rm named
rm -v src
volume ls -q -f name=named
rm -fv t1 t2 t3 t7 t8 t9
volume rm named
"""
_ODD = """
create --runtime '' @life
create --runtime nosuch @life
create --isolation '' @life
create --isolation default @life
create --isolation hyperv @life
create --isolation nosuch @life
create --gpus '' @life
create --gpus x=y=z @life
create --storage-opt '' @life
create --storage-opt bogus @life
create --volume-driver '' @life
create --cgroup-parent '' @life
create --disable-content-trust @life
create --disable-content-trust=false @life
create --detach-keys ctrl-x @life
create --sig-proxy @life
create -d @life
create --detach @life
create --kernel-memory 1m @life
create --kernel-memory x @life
create --device-cgroup-rule x @life
create --link nosuch @life
create --link '' @life
create --ip 1.2.3.4 @life
create --ip x @life
create --ip6 x @life
create --mac-address x @life
create --mac-address 02:42:ac:11:00:02 @life
create --network-alias a @life
create --dns 1.2.3.4 --name dns @life
create --dns x @life
create --dns '' @life
create --dns-search example.org --name search @life
create --dns-search . @life
create --dns-search '' @life
create --dns-option ndots:1 --name option @life
create --add-host a:1.2.3.4 --name hosts @life
create --add-host a=1.2.3.4 --name hosts2 @life
create --add-host a @life
create --add-host a: @life
create --add-host :1.2.3.4 @life
create --add-host a:x @life
create --add-host a:host-gateway @life
create --add-host a:::1 --name hosts6 @life
create --add-host 'a:[::1]' --name hosts7 @life
inspect -f '{{json .HostConfig.Dns}}' dns
inspect -f '{{json .HostConfig.DnsSearch}}' search
inspect -f '{{json .HostConfig.DnsOptions}}' option
inspect -f '{{json .HostConfig.ExtraHosts}}' hosts hosts2 hosts6 hosts7
create --expose 80 --name x1 @life
create --expose 80/udp --expose 90-92 --name x2 @life
create --expose x @life
create --expose 80/x @life
create --expose 0 --name x3 @life
create --expose 70000 @life
create --expose 90-80 @life
create --expose '' @life
inspect -f '{{json .Config.ExposedPorts}}' x1 x2
create -p 80 --name p1 @life
create -p 8080:80 --name p2 @life
create -p 127.0.0.1:8080:80/udp --name p3 @life
create -p 127.0.0.1::80 --name p4 @life
create -p 8080-8082:80-82 --name p5 @life
create -p x @life
create -p 80:x @life
create -p 70000:80 @life
create -p 80:70000 @life
create -p 1-2:3-5 @life
create -p 1.2.3:80:80 @life
create -p localhost:80:80 @life
create -p 80:80/x @life
create -p '' @life
create -p : @life
create -p :80 --name p6 @life
create -p 80: @life
create -p a:b:c:d @life
create -p '[::1]:80:80' --name p7 @life
create -P --name p8 @life
inspect -f '{{json .HostConfig.PortBindings}} {{.HostConfig.PublishAllPorts}}' p1 p2 p3 p4 p6 p7 p8
inspect -f '{{json .NetworkSettings.Ports}}' p1
port p1
port p1 80
port p1 80/tcp
port p1 x
port nosuch
port
create --pull always --name pulled -q @life
create --pull never --name pulled2 @life
create --pull missing --name pulled3 @life
create --pull '' --name pulled4 @life
create --pull Always @life
create --pull never @nosuch
create --pull missing @nosuch
create -q @life:nosuch
create --platform linux/amd64 --name pl1 @life
create --platform linux --name pl2 @life
create --platform x @life
create --platform linux/arm64 @life
create --platform '' --name pl3 @life
inspect -f '{{.Platform}} {{.Image}} {{.Config.Image}}' pl1
create UPPER
create ''
create ' '
create @life@sha256:0000
create sha256:0000000000000000000000000000000000000000000000000000000000000000
create --cidfile %d/cid --name cid1 @life
create --cidfile %d/cid --name cid2 @life
create --cidfile %d/exists @life
create --cidfile '' --name cid3 @life
create --cidfile %d/cid4 --name cid1 @life
run --rm -v %d:/d @life ls /d
create --log-driver none --name lg1 @life
create --log-driver nosuch @life
create --log-driver '' --name lg2 @life
create --log-opt x @life
create --log-opt max-size=1m --log-opt max-file=3 --name lg3 @life
create --log-opt max-size=x @life
create --log-opt '' @life
inspect -f '{{json .HostConfig.LogConfig}}' lg1 lg3
"""

SESSIONS = {
    "binds": _BINDS,
    "mounts": _MOUNTS,
    "tmpfs": _TMPFS,
    "devices": _DEVICES,
    "volumes from": [line for line in _FROM.splitlines() if line],
    "odd options": [line for line in _ODD.splitlines() if line],
}
