"""Sessions about containers that live: top, stats, update and events, each beginning with no container at all."""

from __future__ import annotations

_TOP = """
pull -q @run
run -d --network none --name one @run sleep 1000
create --network none --name idle @run true
top one
top one -ef
top one aux
top one -o pid,args
top one -o pid,ppid,user,args
top one -o args,pid
top one -e
top one o pid,comm
top one -o comm
top one -o ppid
top one --nosuch
top one -o nosuch
top idle
top nosuch
top
container top one -o pid,args
top --help=maybe
pause one
top one -o pid,args
unpause one
"""
_STATS = """
pull -q @run
run -d --network none --name one @run sleep 1000
run -d --network none -m 64m --name two @run sleep 1000
create --network none --name idle @run true
stats --no-stream
stats --no-stream -a
stats --no-stream two one
stats --no-stream idle
stats --no-stream one idle two
stats --no-stream --no-trunc one
stats --no-stream nosuch
stats --no-stream one nosuch
stats --no-stream --format json one
stats --no-stream --format '{{json .}}' idle
stats --no-stream --format '{{.Name}} {{.PIDs}} {{.NetIO}} {{.Container}}' one two
stats --no-stream --format '{{.Name}} {{.NetIO}} {{.Container}}' one two
stats --no-stream --format '{{.MemPerc}} {{.CPUPerc}}' idle
stats --no-stream --format 'table {{.Container}}\\t{{.Name}}' -a
stats --no-stream --format 'table {{.MemUsage}}' idle
stats --no-stream --format raw one
stats --no-stream --format '{{.Nope}}'
stats --no-stream --format '{{'
stats --no-stream --nosuch
container stats --no-stream --format '{{.ID}}' one
"""
_UPDATE = """
pull -q @run
run -d --network none --name one @run sleep 1000
run -d --network none --name two --pids-limit 50 @run sleep 1000
create --network none --name idle @run true
create --rm --network none --name gone @run true
update one
update
update nosuch --restart no
update --restart bad one
update --restart on-failure:x one
update --restart always:3 one
update --restart always one two
inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' one two idle
update --restart on-failure:3 one
inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' one
update --restart no nosuch one
update --restart always gone
update -m 20m one
update -m 20m --memory-swap 40m one
update --memory-swap 10m one
update -m 1m one
update -m 10m --memory-reservation 20m idle
update --memory-reservation 10m idle
update -m 30m idle
update --pids-limit 5 two
exec two cat /sys/fs/cgroup/pids/pids.max
update --pids-limit -1 two
exec two cat /sys/fs/cgroup/pids/pids.max
update --cpus 0.5 one
exec one cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
exec one cat /sys/fs/cgroup/memory/memory.limit_in_bytes
update --cpu-period 1000 one
update --cpu-quota 50000 one
update --cpus 100 one
update --cpu-quota 500 two
update --cpu-quota 50000 two
update --cpus 0.5 two
update --cpu-shares 1 one
update -c 512 one
exec one cat /sys/fs/cgroup/cpu/cpu.shares
update --cpuset-cpus 0 one
exec one cat /sys/fs/cgroup/cpuset/cpuset.cpus
update --cpuset-cpus 99 one
update --cpuset-cpus x one
inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}}' one
inspect -f '{{.HostConfig.CpuShares}} {{.HostConfig.CpusetCpus}}' one
container update --restart no one
"""
_EVENTS = """
pull -q @run
run -d --network none --name one --label k=v @run sleep 1000
exec one true
exec one sh -c 'exit 3'
pause one
unpause one
rename one two
update --restart no two
kill -s USR1 two
restart -t 0 two
stop -t 0 two
start two
cp two:/bin/busybox %d/copied
cp %d/file two:/tmp/
kill two
rm two
run --network none --name full -v data:/data @run true
rm full
volume rm data
create --network none --name idle @run true
rm idle
run --rm --network none --name short @run true
run --network none --name missing @run /nosuch
rm missing
tag @run t/other:1
rmi t/other:1
events --since {since} --until {now} -f type=container
events --since {since} --until {now} -f type=container --format '{{.Action}} {{.Actor.Attributes}}'
events --since {since} --until {now} -f type=image --format '{{.Status}} {{.ID}} {{json .Actor.Attributes}}'
events --since {since} --until {now} -f type=volume -f volume=data --format '{{.Action}} {{.Actor.Attributes.driver}}'
events --since {since} --until {now} -f event=die --format '{{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}'
events --since {since} --until {now} -f event=die -f container=full
events --since {since} --until {now} -f event=exec_create
events --since {since} --until {now} -f label=k=v -f event=start
events --since {since} --until {now} -f label=k=other
events --since {since} --until {now} -f image=@run -f event=create
events --since {since} --until {now} -f scope=swarm
events --since {since} --until {now} -f container=nosuch
events --since {since} --until {now} -f event=create -f type=container --format json
events --since {since} --until {now} -f event=tag --format '{{json .}}'
events --since {since} --until {now} -f event=create -f type=container --format '{{.From}} {{.Scope}} {{.Nope}}'
events --since {since} --until {now} --format '{{'
events --since {since} --until {now} -f nosuch=1
events --since {since} --until {now} -f nosuch
events --since {now} --until {since}
events --since nonsense --until {now}
events --until nonsense
events one
system events --since {since} --until {now} -f event=destroy --format '{{.Actor.Attributes.name}}'
"""

SESSIONS = {
    name: [line for line in text.splitlines() if line]
    for name, text in (("top", _TOP), ("stats", _STATS), ("update", _UPDATE), ("events", _EVENTS))
}
