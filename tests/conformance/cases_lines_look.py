"""What is asked of containers: ps, inspect by template, logs by time; mistakes in command lines; line by line."""

from __future__ import annotations

_PS = r"""
create --name made --label a=1 --label b @life
run -d --name up --label a=2 --label c=x=y @life sleep 1000
run --name zero @life true
run --name two @life sh -c 'exit 2'
run -d --name still @life sleep 1000
pause still
create --name full -v named:/n @life:full
ps --format '{{.Names}}'
ps -a --format '{{.Names}}'
ps -l --format '{{.Names}}'
ps -n 1 --format '{{.Names}}'
ps -n 3 --format '{{.Names}}'
ps -n 99 --format '{{.Names}}'
ps -n -5 --format '{{.Names}}'
ps -n x
ps -n ''
ps -n 1.5
ps --last=2 --format '{{.Names}}'
ps -l -n 3 --format '{{.Names}}'
ps -q -n 2 --format '{{.Names}}'
ps -a --format '{{.Names}}\t{{.State}}'
ps -a --format '{{.Names}}\n' -f name=up
ps -a --format '{{.Names}} {{.State}} {{.Status}}' -f name=made
ps -a --format '{{.Command}}'
ps -a --format '{{.Command}}' --no-trunc
ps -a --format '{{.Image}}'
ps -a --format '{{.Labels}}' -f name=made
ps -a --format '{{.Label "a"}}'
ps -a --format '{{.Label "a"}}-{{.Label "c"}}' -f name=up
ps -a --format '{{.Label}}'
ps -a --format '{{.LocalVolumes}}' -f name=full
ps -a --format '{{.Networks}}|{{.Ports}}|{{.Size}}' -f name=made
ps -a --format '{{.Platform}}' -f name=made
ps -a --format '{{.RunningFor}}' -f name=made
ps -a --format '{{len .ID}}' -f name=made
ps -a --format '{{len .ID}}' --no-trunc -f name=made
ps -a --format '{{json .Names}}' -f name=made
ps -a --format '{{json .State}} {{json .Labels}}' -f name=made
ps -a --format '{{title .Names}} {{upper .State}} {{lower .Image}}' -f name=made
ps -a --format '{{pad .Names 2 3}}|{{truncate .Names 2}}' -f name=made
ps -a --format '{{join (split .Names "a") "-"}}' -f name=made
ps -a --format '{{if eq .State "running"}}{{.Names}}{{end}}'
ps -a --format '{{range split .Names ""}}{{.}},{{end}}' -f name=up
ps -a --format '{{with .Names}}[{{.}}]{{end}}' -f name=up
ps -a --format '{{println .Names}}' -f name=up
ps -a --format '{{printf "%-10s|%5s" .Names .State}}' -f name=up
ps -a --format '{{.Names | printf "%q"}}' -f name=up
ps -a --format '{{/* nothing */}}{{.Names}}' -f name=up
ps -a --format '{{- .Names -}}  ' -f name=up
ps -a --format '{{$x := .Names}}{{$x}}' -f name=up
ps -a --format '{{.X}}'
ps -a --format '{{.names}}'
ps -a --format '{{'
ps -a --format '{{end}}'
ps -a --format '{{.Names'
ps -a --format '{{nosuch .Names}}'
ps -a --format '{{slice .Names 5 9}}' -f name=up
ps -a --format '{{index .Names 0}}' -f name=up
ps -a --format '' -q -f name=nosuch
ps -a --format plain -f name=up
ps -a --format 'table {{.Names}}'
ps -a --format 'table {{.Names}}\t{{.State}}'
ps -a --format 'table {{.Names}} {{.Label "a"}}'
ps -a --format 'table {{.Names}}|{{.Image}}|{{.Command}}'
ps -a --format 'table {{.ID}}\t{{.CreatedAt}}' -f name=nosuch
ps -a --format 'table {{upper .Names}}' -f name=up
ps -a --format 'table {{.X}}'
ps -a --format 'table'
ps -a --format 'table ' -f name=nosuch
ps -a --format raw -f name=nosuch
ps -a --format json -f name=nosuch
ps -a --format pretty -f name=up
ps -a --format='{{.Names}}' --filter=name=up
ps -a --filter name=up --filter name=two --format '{{.Names}}'
ps -a -f name=^u --format '{{.Names}}'
ps -a -f name=/up --format '{{.Names}}'
ps -a -f name=^/up$ --format '{{.Names}}'
ps -a -f name=u.$ --format '{{.Names}}'
ps -a -f 'name=[' --format '{{.Names}}'
ps -a -f 'name=(' --format '{{.Names}}'
ps -a -f name=UP --format '{{.Names}}'
ps -a -f name= --format '{{.Names}}'
ps -a -f id={short up} --format '{{.Names}}'
ps -a -f id={cut up} --format '{{.Names}}'
ps -a -f id=zzz --format '{{.Names}}'
ps -a -f label=a --format '{{.Names}}'
ps -a -f label=a=1 --format '{{.Names}}'
ps -a -f label=a=1 -f label=a=2 --format '{{.Names}}'
ps -a -f label=a -f label=b --format '{{.Names}}'
ps -a -f label=c=x=y --format '{{.Names}}'
ps -a -f label= --format '{{.Names}}'
ps -a -f label==1 --format '{{.Names}}'
ps -a -f status=created --format '{{.Names}}'
ps -f status=exited --format '{{.Names}}'
ps -f status=paused --format '{{.Names}}'
ps -f status=running --format '{{.Names}}'
ps -f status=removing --format '{{.Names}}'
ps -f status=Running --format '{{.Names}}'
ps -f status= --format '{{.Names}}'
ps -a -f exited=0 --format '{{.Names}}'
ps -a -f exited=2 --format '{{.Names}}'
ps -a -f exited=0 -f exited=2 --format '{{.Names}}'
ps -a -f exited=x --format '{{.Names}}'
ps -a -f exited=256 --format '{{.Names}}'
ps -a -f exited=-1 --format '{{.Names}}'
ps -a -f exited= --format '{{.Names}}'
ps -f exited=2 --format '{{.Names}}'
ps -a -f before=two --format '{{.Names}}'
ps -a -f before={short two} --format '{{.Names}}'
ps -a -f before=nosuch
ps -a -f since=two --format '{{.Names}}'
ps -a -f since=up -f before=still --format '{{.Names}}'
ps -a -f since=
ps -a -f ancestor=@life --format '{{.Names}}'
ps -a -f ancestor=@life:latest --format '{{.Names}}'
ps -a -f ancestor=@life:full --format '{{.Names}}'
ps -a -f ancestor=@life -f ancestor=@life:full --format '{{.Names}}'
ps -a -f ancestor=@life:nosuch --format '{{.Names}}'
ps -a -f ancestor=BAD --format '{{.Names}}'
ps -a -f ancestor= --format '{{.Names}}'
ps -a -f volume=named --format '{{.Names}}'
ps -a -f volume=/n --format '{{.Names}}'
ps -a -f volume=/data --format '{{.Names}}'
ps -a -f volume= --format '{{.Names}}'
ps -a -f network=none --format '{{.Names}}'
ps -a -f network=nosuch --format '{{.Names}}'
ps -a -f network= --format '{{.Names}}'
ps -a -f health=none --format '{{.Names}}'
ps -a -f health=starting --format '{{.Names}}'
ps -a -f health=x --format '{{.Names}}'
ps -a -f is-task=false --format '{{.Names}}'
ps -a -f is-task=true --format '{{.Names}}'
ps -a -f is-task=x
ps -a -f is-task=1 --format '{{.Names}}'
ps -a -f isolation=default --format '{{.Names}}'
ps -a -f publish=80 --format '{{.Names}}'
ps -a -f publish=x
ps -a -f publish=80/tcp --format '{{.Names}}'
ps -a -f publish=80-90/udp --format '{{.Names}}'
ps -a -f publish=80/x
ps -a -f expose=80 --format '{{.Names}}'
ps -a -f expose=80/tcp --format '{{.Names}}'
ps -a -f expose=81 --format '{{.Names}}'
ps -a -f expose=x
ps -a -f nosuch=x
ps -a -f NAME=up --format '{{.Names}}'
ps -a -f ' name = up ' --format '{{.Names}}'
ps -a -f name
ps -a -f =
ps -a -f ''
ps -f
ps x
ps -aqn
ps --nosuch
ps -aq --no-trunc -f name=nosuch
ps --all=false --format '{{.Names}}'
ps --all=x
container ls --format '{{.Names}}'
container list --format '{{.Names}}'
container ps --format '{{.Names}}'
ps -as --format '{{.Names}} {{.Size}}' -f name=made
"""

_INSPECT = r"""
run -d --name up -e A=1 -l l=v -l m -h box -u 33 -w /tmp -v named:/n -v /anon --tmpfs /t -i @life sleep 1000
create --name idle @life:full
run --name done @life sh -c 'exit 3'
inspect -f '{{.Name}} {{.Path}} {{.Args}} {{.RestartCount}} {{.Platform}}' up idle done
inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Running}} {{.State.Pid | eq 0}}' up idle done
inspect -f '{{.State.Error}}|{{.State.OOMKilled}}|{{.State.Dead}}|{{.State.Restarting}}' done
inspect -f '{{.State.StartedAt}}' idle
inspect -f '{{.State.FinishedAt}}' up
inspect -f '{{.Created | len | lt 20}}' up
inspect -f '{{.Config.Env}}' up
inspect -f '{{range .Config.Env}}{{.}};{{end}}' up
inspect -f '{{range $i, $e := .Config.Env}}{{$i}}={{$e}};{{end}}' up
inspect -f '{{range $k, $v := .Config.Labels}}{{$k}}:{{$v}};{{end}}' up
inspect -f '{{index .Config.Env 0}}' up
inspect -f '{{index .Config.Env 99}}' up
inspect -f '{{index .Config.Labels "l"}}' up
inspect -f '{{index .Config.Labels "nosuch"}}' up
inspect -f '{{.Config.Labels.l}}' up
inspect -f '{{.Config.Labels.nosuch}}' up
inspect -f '{{json .Config.Labels}}' up idle done
inspect -f '{{len .Config.Env}} {{len .Config.Labels}} {{len .Mounts}}' up
inspect -f '{{join .Config.Env ","}}' up
inspect -f '{{join .Args "+"}}' up
inspect -f '{{split .Name "/"}}' up
inspect -f '{{upper .Name}} {{lower "ABC"}} {{title "abc"}}' up
inspect -f '{{pad .Name 1 2}}|{{truncate .Name 2}}' up
inspect -f '{{println .Name}}' up
inspect -f '{{print .Name 1 2}}' up
inspect -f '{{printf "%s %v %d %t %x" .Name .RestartCount .RestartCount .State.Running 255}}' up
inspect -f '{{if .State.Running}}yes{{else}}no{{end}}' up done
inspect -f '{{if and .State.Running (eq .Name "/up")}}a{{else if .State.Running}}b{{else}}c{{end}}' up done
inspect -f '{{if or .State.Running .State.Paused}}x{{end}}{{if not .State.Running}}y{{end}}' up done
inspect -f '{{with .State}}{{.Status}}{{end}}' up
inspect -f '{{with .State.Health}}has{{else}}none{{end}}' up
inspect -f '{{with $s := .State}}{{$s.Status}} {{$.Name}}{{end}}' up
inspect -f '{{eq .State.ExitCode 3}} {{ne .State.ExitCode 3}} {{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 1 2}}' done
inspect -f '{{eq .Name "/up" "/done"}}' up idle done
inspect -f '{{slice .Name 1 2}} {{len .Name}}' up
inspect -f '{{html "<a>"}} {{js "it'"'"'s"}} {{urlquery "a b"}}' up
inspect -f '{{json .State.Health}} {{json .Config.Healthcheck}} {{json .HostConfig.Links}}' up
inspect -f '{{json .}}' nosuch
inspect -f '{{.Config.Hostname}} {{.Config.Domainname}} {{.Config.User}} {{.Config.WorkingDir}}' up idle
inspect -f '{{.Config.OpenStdin}} {{.Config.Tty}} {{.Config.StdinOnce}} {{.Config.NetworkDisabled}}' up
inspect -f '{{json .Config.ExposedPorts}} {{json .Config.Volumes}} {{json .Config.OnBuild}} {{json .Config.Shell}}' idle
inspect -f '{{json .Config.Cmd}} {{json .Config.Entrypoint}} {{.Config.StopSignal}} {{.Config.Image}}' idle up
inspect -f '{{.HostConfig.NetworkMode}} {{.HostConfig.AutoRemove}} {{.HostConfig.Privileged}}' up
inspect -f '{{.HostConfig.LogConfig.Type}} {{json .HostConfig.LogConfig.Config}}' up
inspect -f '{{.HostConfig.ShmSize}} {{.HostConfig.Isolation}}' up
inspect -f '{{json .HostConfig.Binds}} {{json .HostConfig.Tmpfs}} {{json .HostConfig.Mounts}}' up
inspect -f '{{json .HostConfig.MaskedPaths | len | lt 10}} {{json .HostConfig.ReadonlyPaths | len | lt 10}}' up
inspect -f '{{json .HostConfig.CapAdd}} {{json .HostConfig.CapDrop}} {{json .HostConfig.Dns}}' up
inspect -f '{{json .HostConfig.PortBindings}} {{json .HostConfig.ExtraHosts}} {{json .HostConfig.VolumesFrom}}' up
inspect -f '{{json .HostConfig.ConsoleSize}} {{.HostConfig.ContainerIDFile}} {{.HostConfig.VolumeDriver}}' up
inspect -f '{{json .HostConfig.Ulimits}} {{json .HostConfig.Devices}} {{json .HostConfig.DeviceRequests}}' up
inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.CpuShares}}' up
inspect -f '{{json .HostConfig.OomKillDisable}} {{.HostConfig.OomScoreAdj}} {{json .HostConfig.Init}}' up
inspect -f '{{.HostConfig.CgroupParent}}|{{.HostConfig.Cgroup}}' up
inspect -f '{{json .HostConfig.GroupAdd}} {{json .HostConfig.SecurityOpt}} {{json .HostConfig.StorageOpt}}' up
inspect -f '{{json .HostConfig.Sysctls}} {{json .HostConfig.Annotations}} {{.HostConfig.PublishAllPorts}}' up
inspect -f '{{range .Mounts}}{{.Destination}} {{.Type}} {{.Driver}} {{.RW}} {{.Mode}};{{end}}' up
inspect -f '{{range .Mounts}}{{if eq .Destination "/n"}}{{.Name}}{{end}}{{end}}' up
inspect -f '{{(index .Mounts 0).RW}}' up
inspect -f '{{json .NetworkSettings.Ports}} {{json .NetworkSettings.Networks | len | lt 5}}' up
inspect -f '{{range $n, $c := .NetworkSettings.Networks}}{{$n}}{{end}}' up
inspect -f '{{.NetworkSettings.IPAddress}}|{{.NetworkSettings.Gateway}}|{{.NetworkSettings.MacAddress}}' up
inspect -f '{{.NetworkSettings.Networks.none.IPAddress}}' up
inspect -f '{{.Image | len}} {{.LogPath | len | lt 5}} {{.ResolvConfPath | len | lt 5}} {{.HostsPath | len | lt 5}}' up
inspect -f '{{.ProcessLabel}}|{{.MountLabel}}|{{json .ExecIDs}}' up
inspect -f '{{.AppArmorProfile}}' idle
inspect -f '{{.SizeRw}}' up
inspect -s -f '{{json .SizeRw | len | lt 0}}' up
inspect -f '{{.X}}' up
inspect -f '{{.State.X}}' up
inspect -f '{{.Config.Env.X}}' up
inspect -f '{{.Name.X}}' up
inspect -f '{{.name}}' up
inspect -f '{{nosuch}}' up
inspect -f '{{' up
inspect -f '}}' up
inspect -f '{{}}' up
inspect -f '{{end}}' up
inspect -f '{{if}}' up
inspect -f '{{if .Name}}' up
inspect -f '{{range .Name}}{{end}}' up
inspect -f '{{index .Name "x"}}' up
inspect -f '{{"unclosed' up
inspect -f '{{1}} {{1.5}} {{"s"}} {{true}} {{nil}}' up
inspect -f '{{1}} {{1.5}} {{"s"}} {{true}}' up
inspect -f '{{`raw`}} {{'"'a'"'}}' up
inspect -f 'no template' up idle
inspect -f '' nosuch
inspect -f ' ' up
inspect -f '\t{{.Name}}\n' up
inspect -f '{{.Name}}' up nosuch idle
inspect -f '{{.Name}}' nosuch
inspect -f '{{.Name}}' nosuch1 nosuch2
inspect -f '{{.Name}}' ''
inspect --type container -f '{{.Name}}' up
inspect --type=container -f '{{.Name}}' nosuch
inspect --type image -f '{{.Os}}' @life
inspect --type image up
inspect --type volume -f '{{.Name}}' named
inspect --type network -f '{{.Name}}' none
inspect --type x up
inspect --type ''  -f '{{.Name}}' up
inspect -f '{{.Os}}' @life
inspect -f '{{.Id | len}}' @life up
inspect --size=x up
inspect
inspect -f
inspect --nosuch up
container inspect -f '{{.Name}}' up nosuch
container inspect nosuch
container inspect @life
container inspect
"""

_LOGS = r"""
run --name l1 @life sh -c 'for n in 1 2 3 4 5 6 7 8 9 10; do echo out $n; done'
logs l1
logs -n 0 l1
logs -n 1 l1
logs -n 3 l1
logs -n 10 l1
logs -n 11 l1
logs -n -1 l1
logs -n -7 l1
logs -n all l1
logs -n ALL l1
logs -n '' l1
logs -n x l1
logs -n 1.5 l1
logs -n +2 l1
logs -n 0x2 l1
logs -n ' 2' l1
logs --tail=2 l1
logs --tail l1
logs -t -n 1 l1
logs -tn 1 l1
logs --timestamps=false -n 1 l1
logs --timestamps=x l1
logs --since 1h -n 1 l1
logs --since 1m -n 1 l1
logs --since 0s -n 1 l1
logs --since 0 -n 1 l1
logs --since 1 -n 1 l1
logs --since 1.5 -n 1 l1
logs --since '' -n 1 l1
logs --since x l1
logs --since 1x l1
logs --since 1d l1
logs --since 1h30m -n 1 l1
logs --since -1h -n 1 l1
logs --since +1h -n 1 l1
logs --since 2001-02-03 -n 1 l1
logs --since 2001-2-3 -n 1 l1
logs --since 2001-02-30 -n 1 l1
logs --since 2001-02-03T04 -n 1 l1
logs --since 2001-02-03T04:05 -n 1 l1
logs --since 2001-02-03T04:05:06 -n 1 l1
logs --since 2001-02-03T04:05:06.789 -n 1 l1
logs --since 2001-02-03T04:05:06Z -n 1 l1
logs --since 2001-02-03T04:05:06.123456789Z -n 1 l1
logs --since 2001-02-03T04:05:06+02:00 -n 1 l1
logs --since '2001-02-03 04:05:06' -n 1 l1
logs --since 2001-02-03t04:05:06z -n 1 l1
logs --since 2999-01-01 l1
logs --since 32503680000 l1
logs --until 2001-01-01 l1
logs --until 2999-01-01 -n 1 l1
logs --until 1h l1
logs --until 0s -n 1 l1
logs --until 0 l1
logs --until x l1
logs --until '' -n 1 l1
logs --since 1h --until 0s -n 1 l1
logs --since 0s --until 1h l1
logs --details -n 1 l1
logs --details=x l1
logs -f -n 2 l1
logs -fn1 l1
logs --follow=false -n 1 l1
logs --follow=true -n 1 l1
logs -f --since 1h -n 1 l1
logs -f --until 0s -n 1 l1
logs l1 -n 1
logs l1 nosuch
logs nosuch
logs ''
logs
logs -n
logs --nosuch l1
logs -x l1
logs {short l1} -n 1
logs /l1 -n 1
container logs -n 1 l1
run --name err @life sh -c 'echo a >&2; echo b >&2'
logs err
logs -n 1 err
create --name new @life
logs new
logs -f new
logs -n 1 new
run --name part @life sh -c 'printf a; printf b; printf "c\nd"'
logs part
logs -n 1 part
logs -t part
run --name empty @life true
logs empty
logs -f empty
run --name blank @life sh -c 'echo; echo; echo x; echo'
logs blank
logs -n 2 blank
run --name long @life sh -c 'head -c 20000 /dev/zero | tr "\000" x; echo; echo y'
logs -n 1 long
logs -n 2 long
run --name tty -t @life sh -c 'echo a; echo b >&2'
logs tty
logs -n 1 tty
"""

_ATTACH = """
run -d --name a1 -i @life sh -c 'echo ready; read x; echo got $x; exit 4'
written a1 ready
attach nosuch
attach ''
attach
attach a1 x
attach --nosuch a1
attach --detach-keys ab a1
attach --detach-keys ctrl-1 a1
attach --sig-proxy=x a1
attach --no-stdin=x a1
kill a1
wait a1
attach a1
create --name a2 @life
attach a2
run -d --name a3 @life sleep 1000
pause a3
attach a3
unpause a3
kill a3
attach a3
start a3
kill -s KILL a3
top a3
top nosuch
top
top ''
start a3
top a3 -o
top a3 -eo comm
top a3 -q
top a3 aux extra
stats --no-stream --format '{{.Name}} {{.PIDs}}' a3
stats --no-stream --format '{{.Nosuch}}' a3
stats --no-stream nosuch
stats --no-stream ''
stats --no-stream=x a3
stats --format '{{' --no-stream a3
port a3
port a3 80
port a3 80/tcp
port a3 80/x
port a3 x
port a3 80 81
port nosuch
port ''
port
kill a3
port a3
top a3
"""

_MISTAKES = """
create --rm=x @life
run --rm --rm=false --name kept @life true
ps -a --format '{{.Names}}'
rm kept
rm -x kept
rm -f
rm
rm ''
rm -l x
rm -v nosuch
rm --force=x y
rm --force nosuch
start
stop
kill
pause
unpause
rename
restart
wait
attach
top
port
diff
exec
cp
logs
commit
export
update
container
container x
container run
container create
container rm
container start
container stop
container kill
container prune -f --filter x=y
container prune -f --filter until=x
container prune -f --filter until=1h
container prune -f --filter label=x
container prune -f --filter label!=x
container prune -f --filter ''
container prune -f x
container prune --force=x
container prune -f
volume
volume x
image
image x
network
network x
system
system x
x
--x
-x
''
--debug ps -aq
-D ps -aq
--log-level x ps
--log-level debug ps -aq
-l info ps -aq
--debug=x ps
ps -a -q --format
version x
info x
search
login x y
logout x y
events x
events --since
events --until x
events --since x --until 1s
events --since 1h --until 0s --filter container=nosuch
events --since 1h --until 0s -f x
events --since 1h --until 0s -f type=x
events --since 1h --until 0s -f event=x
events --since 1h --until 0s --format '{{'
events --since 1h --until 0s --format '{{.X}}' -f event=x
commit nosuch
commit nosuch x
commit nosuch UPPER
commit
commit a b c
create --name c1 @life
commit c1 UPPER
commit c1 x:
commit --pause=x c1
commit -c BOGUS c1
commit -c 'CMD [' c1
commit -c 'ENV' c1
commit -a me -m msg c1 t/c1:1
inspect -f '{{.Author}} {{.Comment}}' t/c1:1
rmi t/c1:1
wait --nosuch c1
rename --nosuch c1 x
kill -x c1
pause --x c1
"""

SESSIONS = {
    name: [line for line in text.splitlines() if line]
    for name, text in {
        "ps": _PS,
        "inspect": _INSPECT,
        "logs": _LOGS,
        "attach, top, stats, port": _ATTACH,
        "mistakes": _MISTAKES,
    }.items()
}
