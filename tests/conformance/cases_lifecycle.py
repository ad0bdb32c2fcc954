"""The life of containers: sessions whose lines follow one another on the same state, each beginning with none."""

from __future__ import annotations

_IGNORES = "sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.05; done'"
_SEVEN = "sh -c 'trap \"echo bye; exit 7\" TERM; echo ready; while :; do sleep 0.05; done'"
_SLEEP = "sleep 1000"

_CREATE = """
create --name one @life
create --name two @life echo hi
create --name one @life
create --name /slashed @life
create --name a/b @life
create --name '' @life true
create --name x @life true
create --name _x @life true
create --name 'sp ace' @life true
create @life
create
create --pull never nosuchimage:nowhere
create --pull sometimes @life
create --nosuch @life
container create --name three @life false
ps
ps -a --format '{{.State}} {{.Status}} {{.Command}} {{.Image}}'
ps -aq -f name=^one$
ps -a -f status=created -f name=two --format '{{.Names}}'
inspect -f '{{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.State.Pid}} {{.State.StartedAt}}' one
inspect -f '{{.Path}} {{json .Args}} {{.Name}} {{.RestartCount}}' two
logs one
wait one
kill one
stop one
pause one
unpause one
exec one true
attach one
restart -t 0 three
await three {{.State.Status}} exited
inspect -f '{{.State.ExitCode}}' three
port one
rm one two three slashed
ps -aq -f name=^one$
"""

_START = f"""
create --name one @life sh -c 'echo out; echo err >&2; exit 3'
start one
wait one
start -a one
start -a one
logs one
inspect -f '{{{{.State.ExitCode}}}} {{{{.State.Status}}}} {{{{.RestartCount}}}}' one
create --name cat -i @life cat
start -ai cat <<< 'hello\\n'
start -i cat <<< 'again\\n'
start -ai cat
create --name nope @life no-such-program
start nope
start -a nope
inspect -f '{{{{.State.Status}}}} {{{{.State.ExitCode}}}}' nope
create --name dir @life /bin
start dir
inspect -f '{{{{.State.Status}}}} {{{{.State.ExitCode}}}}' dir
create --name badwd -w /etc/passwd @life true
start badwd
inspect -f '{{{{.State.Status}}}}' badwd
create --name s1 @life {_SLEEP}
create --name s2 @life {_SLEEP}
start s1 nosuch s2
start s1
start -a one s1
start -ai one s1
start
start nosuch
start -a nosuch
ps --format '{{{{.Names}}}}'
start --attach=false s1
start --detach-keys ctrl-q s1
start --detach-keys bad-key s1
create --name t1 -t @life sh -c 'tty; echo x'
start -a t1
logs t1
start {{short one}} {{cut one}} {{id one}}
wait one
kill s1 s2
wait s1 s2
ps -a -f exited=137 --format '{{{{.Names}}}}'
ps -a -f exited=3 --format '{{{{.Names}}}} {{{{.Status}}}}'
ps -a -f exited=nonsense
"""

_STOP = f"""
run -d --name seven @life {_SEVEN}
written seven ready
stop seven
inspect -f '{{{{.State.Status}}}} {{{{.State.ExitCode}}}} {{{{.State.OOMKilled}}}}' seven
logs seven
stop seven
stop -t 1 seven nosuch
run -d --name deaf @life {_IGNORES}
written deaf ready
stop -t 0 deaf
wait deaf
start deaf
stop --time 1 deaf
wait deaf
start deaf
stop -s KILL -t 0 deaf
wait deaf
start deaf
stop -t x deaf
inspect -f '{{{{.State.Running}}}}' deaf
stop --timeout 0 deaf
wait deaf
stop
run -d --name usr --stop-signal USR1 @life sh -c 'trap "exit 5" USR1; echo ready; while :; do sleep 0.05; done'
written usr ready
stop usr
wait usr
run -d --name full --entrypoint sh @life:full -c 'trap "exit 6" USR1; echo ready; while :; do sleep 0.05; done'
written full ready
stop full
wait full
inspect -f '{{{{.Config.StopSignal}}}}' usr full seven
run -d --name short --stop-timeout 1 @life {_IGNORES}
written short ready
inspect -f '{{{{.Config.StopTimeout}}}}' short
stop short
wait short
start seven
restart -t 5 seven
written seven ready
inspect -f '{{{{.State.Status}}}} {{{{.RestartCount}}}}' seven
restart -t 0 seven short nosuch
restart
restart nosuch
restart -s KILL short
stop -t 0 seven short
container stop seven short
ps -aq -f status=running
"""

_KILL = f"""
run -d --name k1 @life {_SEVEN}
written k1 ready
kill -s TERM k1
wait k1
kill k1
kill nosuch
kill
start k1
kill -s 0 k1
kill -s SIGNONE k1
kill -s -1 k1
kill -s 65 k1
kill -s '' k1
kill --signal=CONT k1
kill -s sigusr2 k1
wait k1
inspect -f '{{{{.State.ExitCode}}}} {{{{.State.Status}}}}' k1
start k1
kill k1 nosuch
wait k1
run -d --name h1 @life sh -c 'trap "echo got hup" HUP; echo ready; while :; do sleep 0.05; done'
written h1 ready
kill -s HUP h1
written h1 'got hup'
kill -s 1 h1
inspect -f '{{{{.State.Running}}}}' h1
kill -s 34 h1
kill h1
wait h1
run -d --name rt @life sh -c 'kill -9 $$; echo lives'
written rt lives
wait rt
run --name own @life sh -c 'sh -c "kill -9 \\$\\$"; echo $?'
run --name segv @life sh -c 'exec sh -c "kill -SEGV 1; exit 9"'
run --name c255 @life sh -c 'exit 255'
run --name c256 @life sh -c 'exit 256'
run --name c126 @life sh -c 'exit 126'
run --name c127 @life sh -c 'exit 127'
run --name c125 @life sh -c 'exit 125'
ps -a -f exited=255 --format '{{{{.Names}}}}'
ps -a -f exited=127 -f exited=126 --format '{{{{.Names}}}}'
ps -a --no-trunc --format '{{{{.Names}}}} {{{{.Status}}}}'
container kill k1
"""

_PAUSE = f"""
run -d --name p1 @life {_SLEEP}
pause p1
pause p1
inspect -f '{{{{.State.Status}}}} {{{{.State.Paused}}}} {{{{.State.Running}}}}' p1
ps --format '{{{{.Names}}}} {{{{.State}}}} {{{{.Status}}}}'
ps -f status=paused --format '{{{{.Names}}}}'
ps -f status=running --format '{{{{.Names}}}}'
exec p1 true
start p1
rm p1
attach p1
kill -s TERM p1
unpause p1
unpause p1
pause nosuch p1
unpause nosuch p1
pause
unpause
pause p1
restart -t 0 p1
inspect -f '{{{{.State.Status}}}}' p1
pause p1
stop -t 0 p1
inspect -f '{{{{.State.Status}}}} {{{{.State.ExitCode}}}}' p1
pause p1
start p1
pause p1
kill p1
wait p1
start p1
pause p1
rename p1 qq
rm -f qq
ps -a
"""

_REMOVE = f"""
run -d --name r1 @life {_SLEEP}
rm r1
rm r1 nosuch
rm nosuch
rm -f nosuch
rm -f nosuch r1
rm
create --name a1 @life
create --name b1 @life
create --name c1 @life
rm a1 nosuch b1
rm -v c1
rm -l c1
rm --link c1
run -d --rm --name gone @life {_SLEEP}
stop -t 0 gone
gone gone
ps -a --format '{{{{.Names}}}}'
run --rm --name quick @life sh -c 'exit 4'
ps -a --format '{{{{.Names}}}}'
run -d --rm --name killed @life {_SLEEP}
kill killed
gone killed
create --rm --name later @life echo later
start -a later
ps -a --format '{{{{.Names}}}}'
run --rm --name no @life no-such-program
run --name no @life no-such-program
rm no
run -d --rm --restart always @life true
run -d --rm --restart no --name fine @life true
gone fine
run -d --name p1 @life {_SLEEP}
create --name e1 @life
container prune -f --filter label=nothing
container prune -f --filter nosuch=1
container prune -f --filter until=nonsense
rm -f e1 p1
container rm -f p1
container ls -a
"""

_RENAME = f"""
create --name one @life
create --name two @life
rename one uno
inspect -f '{{{{.Name}}}}' uno
inspect -f '{{{{.Name}}}}' /uno
inspect -f '{{{{.Name}}}}' one
rename uno two
rename uno uno
rename nosuch three
rename uno
rename uno a b
rename uno 'a b'
rename uno ''
rename uno /slash
inspect -f '{{{{.Name}}}}' slash
rename {{short slash}} uno
run -d --name live @life {_SLEEP}
rename live lives
exec lives hostname -s nothing
ps --format '{{{{.Names}}}}'
kill lives
container rename lives dead
ps -a --format '{{{{.Names}}}}' -f name=dead
ps -a --format '{{{{.Names}}}}' -f name=^/two$
ps -a --format '{{{{.Names}}}}' -f name=nothing
ps -a --format '{{{{.Names}}}}' -f id={{short two}}
ps -a --format '{{{{.Names}}}}' -f id={{id two}}
ps -a --format '{{{{.Names}}}}' -f id=nothing
rm {{cut two}} {{short uno}} {{id dead}}
"""

_PS = f"""
create --name made --label a=1 --label b @life
run -d --name up --label a=2 @life {_SLEEP}
run --name zero @life true
run --name two @life:full
run --name long @life sh -c 'echo a very long command line that is cut; exit 2'
ps
ps -a --no-trunc
ps -a --format 'table {{{{.Names}}}}\\t{{{{.Status}}}}\\t{{{{.Command}}}}'
ps -a --format '{{{{.Names}}}} {{{{.Labels}}}}'
ps -a --format '{{{{.Label "a"}}}}|{{{{.Label "none"}}}}'
ps -a --format '{{{{.Names}}}} {{{{.Mounts}}}} {{{{.Ports}}}} {{{{.Networks}}}} {{{{.LocalVolumes}}}}' -f name=made
ps -a --format '{{{{.ID}}}} {{{{.Image}}}} {{{{.CreatedAt}}}} {{{{.RunningFor}}}}'
ps -a --format '{{{{upper .Names}}}}'
ps -a --format '{{{{.Nothing}}}}'
ps -a --format '{{{{'
ps -l --format '{{{{.Names}}}}'
ps -n 2 --format '{{{{.Names}}}}'
ps -n 0 --format '{{{{.Names}}}}'
ps -n -1 --format '{{{{.Names}}}}'
ps --last 1 -q
ps -aq --no-trunc
ps -a -f label=a --format '{{{{.Names}}}}'
ps -a -f label=a=1 --format '{{{{.Names}}}}'
ps -a -f label=a=1 -f label=b --format '{{{{.Names}}}}'
ps -a -f label=none --format '{{{{.Names}}}}'
ps -f status=exited --format '{{{{.Names}}}}'
ps -f status=created -f status=running --format '{{{{.Names}}}}'
ps -f status=restarting
ps -f status=dead
ps -f status=nonsense
ps -a -f exited=0 --format '{{{{.Names}}}}'
ps -a -f exited=2 --format '{{{{.Names}}}}'
ps -a -f before=zero --format '{{{{.Names}}}}'
ps -a -f since=zero --format '{{{{.Names}}}}'
ps -a -f since=made -f before=long --format '{{{{.Names}}}}'
ps -a -f since=nosuch
ps -a -f ancestor=@life --format '{{{{.Names}}}}'
ps -a -f ancestor=@life:full --format '{{{{.Names}}}}'
ps -a -f ancestor=nosuch --format '{{{{.Names}}}}'
ps -a -f volume=/data --format '{{{{.Names}}}}'
ps -a -f network=none --format '{{{{.Names}}}}'
ps -a -f health=none --format '{{{{.Names}}}}'
ps -a -f health=healthy --format '{{{{.Names}}}}'
ps -a -f is-task=true --format '{{{{.Names}}}}'
ps -a -f is-task=maybe
ps -a -f nosuch=1
ps -a -f name
ps nothing
container ls -aq -f name=up
container list -a --format '{{{{.Names}}}}'
ps -a -q --format '{{{{.Names}}}}'
"""

_INSPECT = f"""
run -d --name up -e A=1 -w /tmp -u 33:33 -h box --label l=v --pids-limit 50 @life {_SLEEP}
inspect -f '{{{{.State.Status}}}} {{{{.State.Running}}}} {{{{.State.Paused}}}} {{{{.State.Restarting}}}}' up
inspect -f '{{{{.State.Dead}}}} {{{{.State.OOMKilled}}}} {{{{.State.ExitCode}}}} [{{{{.State.Error}}}}]' up
inspect -f '{{{{.State.StartedAt}}}} {{{{.State.FinishedAt}}}}' up
inspect -f '{{{{.Config.WorkingDir}}}} {{{{.Config.User}}}} {{{{.Config.Hostname}}}} {{{{.Config.Image}}}}' up
inspect -f '{{{{json .Config.Labels}}}} {{{{json .Config.Cmd}}}} {{{{json .Config.Entrypoint}}}}' up
inspect -f '{{{{json .Config.Env}}}}' up
inspect -f '{{{{.Config.Tty}}}} {{{{.Config.OpenStdin}}}} {{{{.Config.StdinOnce}}}} {{{{.Config.AttachStdout}}}}' up
inspect -f '{{{{.HostConfig.PidsLimit}}}} {{{{.HostConfig.AutoRemove}}}}' up
inspect -f '{{{{.HostConfig.RestartPolicy.Name}}}} {{{{.HostConfig.RestartPolicy.MaximumRetryCount}}}}' up
inspect -f '{{{{.HostConfig.NetworkMode}}}} {{{{.HostConfig.LogConfig.Type}}}}' up
inspect -f '{{{{.Name}}}} {{{{.Path}}}} {{{{.Args}}}}' up
inspect -f '{{{{index .Config.Labels "l"}}}}' up
inspect -f '{{{{range .Config.Env}}}}{{{{println .}}}}{{{{end}}}}' up
inspect -f '{{{{if .State.Running}}}}yes{{{{else}}}}no{{{{end}}}}' up
inspect -f '{{{{len .Id}}}} {{{{slice .Id 0 0}}}}x {{{{printf "%s|%d" .Name 5}}}}' up
inspect -f '{{{{.State.Pid | printf "%T"}}}}' nosuch
inspect -f '{{{{.NoSuch}}}}' up
inspect -f '{{{{.State.NoSuch}}}}' up
inspect -f '{{{{' up
inspect nosuch
inspect up nosuch -f '{{{{.Name}}}}'
inspect --type container -f '{{{{.Name}}}}' up
inspect --type image up
inspect --type nonsense up
inspect
inspect -f '{{{{.Name}}}}' {{short up}} {{cut up}} {{id up}}
inspect -f '{{{{.Config.StopSignal}}}}|{{{{.Config.StopTimeout}}}}|{{{{.Config.Healthcheck}}}}' up
container inspect -f '{{{{json .State.Health}}}}' up
run -d --name r1 --restart on-failure:4 @life true
inspect -f '{{{{.HostConfig.RestartPolicy.Name}}}} {{{{.HostConfig.RestartPolicy.MaximumRetryCount}}}}' r1
await r1 {{{{.State.Status}}}} exited
create --name full @life:full
inspect -f '{{{{json .Config.Cmd}}}} {{{{json .Config.Entrypoint}}}} {{{{json .Config.ExposedPorts}}}}' full
inspect -f '{{{{.Path}}}} {{{{json .Args}}}} {{{{.Config.User}}}} {{{{.Config.StopSignal}}}}' full
inspect -f '{{{{len .Mounts}}}} {{{{(index .Mounts 0).Destination}}}} {{{{(index .Mounts 0).Type}}}}' full
inspect -f '{{{{json .Config.Volumes}}}} {{{{json .Config.Labels}}}}' full
"""

_RESTART = """
run -d --name f1 --restart on-failure:2 @life sh -c 'echo try; exit 3'
await f1 '{{.State.Status}} {{.RestartCount}}' 'exited 2'
logs f1
wait f1
inspect -f '{{.State.ExitCode}} {{.RestartCount}} {{.State.Restarting}}' f1
start f1
await f1 '{{.State.Status}} {{.RestartCount}}' 'exited 2'
run -d --name ok --restart on-failure @life true
await ok {{.State.Status}} exited
inspect -f '{{.RestartCount}}' ok
run -d --name a1 --restart always @life sh -c 'echo run; exit 0'
await a1 '{{gt .RestartCount 0}}' true
stop -t 0 a1
inspect -f '{{.State.Status}} {{.State.Restarting}}' a1
run -d --name u1 --restart unless-stopped @life sleep 1000
kill u1
inspect -f '{{.State.Status}}' u1
start u1
stop -t 0 u1
inspect -f '{{.State.Status}} {{.State.ExitCode}}' u1
run -d --restart nonsense @life true
run -d --restart on-failure:x @life true
run -d --restart on-failure:-1 @life true
run -d --restart always:3 @life true
run -d --restart no:3 @life true
run -d --name plain --restart '' @life true
run -d --name missing --restart always @life no-such-program
inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}' missing
rm -f f1 ok a1 u1 missing
"""

_HEALTH = """
run -d --name h1 --health-cmd 'test -e /tmp/ok' --health-interval 300ms --health-retries 1 @life sleep 1000
await h1 {{.State.Health.Status}} unhealthy
ps --format '{{.Names}} {{.Status}}'
ps -f health=unhealthy --format '{{.Names}}'
ps -f health=starting --format '{{.Names}}'
exec h1 touch /tmp/ok
await h1 {{.State.Health.Status}} healthy
ps --format '{{.Names}} {{.Status}}'
ps -f health=healthy --format '{{.Names}}'
inspect -f '{{.State.Health.FailingStreak}}' h1
inspect -f '{{json .Config.Healthcheck}}' h1
stop -t 0 h1
inspect -f '{{.State.Health.Status}}' h1
run -d --name n1 --no-healthcheck --health-cmd true @life true
run -d --name i1 --health-interval 1us --health-cmd true @life true
run -d --name i1 --health-retries -1 --health-cmd true @life true
run -d --name none --no-healthcheck @life sleep 1000
inspect -f '{{json .Config.Healthcheck}} {{json .State.Health}}' none
rm -f h1 none
"""

SESSIONS = {
    "create": _CREATE,
    "start": _START,
    "stop and restart": _STOP,
    "kill": _KILL,
    "pause": _PAUSE,
    "rm": _REMOVE,
    "rename": _RENAME,
    "ps": _PS,
    "inspect": _INSPECT,
    "restart policies": _RESTART,
    "health": _HEALTH,
}
