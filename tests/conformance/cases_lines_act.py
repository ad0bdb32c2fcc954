"""What is done to containers: run, exec, kill, stop, wait, pause, cp, diff, update, volumes; sessions line by line."""

from __future__ import annotations

_LOOP = "while :; do sleep 0.05; done"
_SLEEP = "sleep 1000"
_TRAPS = 'for s in HUP INT QUIT USR1 USR2 TERM CONT WINCH; do trap "echo $s" $s; done; echo ready'

_RUN = """
run --rm @life true
run --rm @life false
run --rm @life sh -c 'exit 0'
run --rm @life sh -c 'exit 2'
run --rm @life sh -c 'exit 124'
run --rm @life sh -c 'exit 125'
run --rm @life sh -c 'exit 126'
run --rm @life sh -c 'exit 127'
run --rm @life sh -c 'exit 128'
run --rm @life sh -c 'exit 129'
run --rm @life sh -c 'exit 254'
run --rm @life sh -c 'exit 255'
run --rm @life nosuch
run --rm @life ./nosuch
run --rm @life /etc
run --rm @life /etc/passwd
run --rm @life ''
run --rm --entrypoint nosuch @life
run --rm --entrypoint '' @life
run --rm --entrypoint /etc @life
run --rm --init @life sh -c 'kill -9 $$'
run --rm --init @life sh -c 'kill -TERM $$'
run --rm --init @life sh -c 'kill -HUP $$'
run --rm --init @life sh -c 'kill -USR1 $$'
run --rm --init @life nosuch
run --rm -t @life tty
run --rm -it @life true
run --rm -i @life cat <<< 'in\\n'
run --rm -i -a stdin -a stdout @life cat <<< 'in\\n'
run --rm -a stdout @life sh -c 'echo out; echo err >&2'
run --rm -a stderr @life sh -c 'echo out; echo err >&2'
run --rm -a stdout -a stderr @life sh -c 'echo out; echo err >&2'
run --rm -a bogus @life true
run --rm -d -a stdout @life true
run --rm -d -i --name di @life cat
inspect -f '{{.State.Running}} {{.Config.OpenStdin}} {{.Config.StdinOnce}}' di
run --rm -d -t --name dt @life sh
inspect -f '{{.State.Running}} {{.Config.Tty}}' dt
rm -f di dt
run -d --rm --restart always @life true
run --rm --restart always @life true
run --rm --restart no @life echo x
run --rm --sig-proxy=false @life echo x
run --rm --sig-proxy=x @life echo x
run --rm --detach-keys a @life echo x
run --rm --detach-keys ctrl-a,b @life echo x
run --rm --detach-keys ctrl-1 @life echo x
run --rm --detach-keys ctrl-@ @life echo x
run --rm --detach-keys 'ctrl-[' @life echo x
run --rm --detach-keys 'ctrl-^' @life echo x
run --rm --detach-keys ctrl-A @life echo x
run --rm --detach-keys ctrl- @life echo x
run --rm --detach-keys ctrl-ab @life echo x
run --rm --detach-keys ab @life echo x
run --rm --detach-keys , @life echo x
run --rm --detach-keys a, @life echo x
run --rm --detach-keys '' @life echo x
run --rm --detach-keys del @life echo x
run --rm --cidfile %d/cid @life cat /nosuch
run --rm --cidfile %d/cid @life echo x
run --rm --cidfile %d/cid2 @life nosuch
run --rm --cidfile %d/cid2 @life echo x
run --rm --cidfile %d/no/dir @life echo x
run --rm --name n1 --name n2 @life hostname -s nothing
run --rm --pull never @nosuch
run --rm --pull sometimes @life echo x
run --rm --pull=always -q @life echo x
run --rm --platform linux/amd64 @life echo x
run --rm --platform linux/s390x @life echo x
run --rm --platform foo/bar @life echo x
run --rm -h box @life hostname
run --rm -h box --domainname dom @life sh -c 'hostname; cat /proc/sys/kernel/domainname'
run --rm --uts host --hostname x @life hostname
run --rm --pid host @life sh -c 'test -e /proc/2 && echo host'
run --rm --pid container:nosuch @life true
run --rm --ipc host @life sh -c 'exit 3'
run --rm --userns host @life id -u
run --rm --cap-drop ALL @life chown 1 /tmp
run --rm --cap-add NOSUCH @life true
run --rm --security-opt no-new-privileges @life grep NoNewPrivs /proc/self/status
run --rm --sysctl net.ipv4.ip_forward=1 @life cat /proc/sys/net/ipv4/ip_forward
run --rm --sysctl kernel.nosuch=1 @life true
run --rm --tmpfs /t:size=1m @life sh -c 'df /t | tail -1'
run --rm --tmpfs t @life true
run --rm --device /dev/null:/dev/x @life ls /dev/x
run --rm -w /new/dir @life pwd
run --rm -w new @life pwd
run --rm -u 5:6 @life id
run --rm -u nosuch @life id
run --rm -u ann @life id
run --rm -e A=1 -e A=2 @life sh -c 'echo $A'
run --rm -e A @life sh -c 'echo [$A]'
run --rm --env-file %d/env -e Q=x @life sh -c 'echo $Q $X $LEAD $FROMHOST'
run --rm --read-only @life touch /x
run --rm --read-only --tmpfs /t @life touch /t/x
run --rm -v %d:/m:ro @life touch /m/x
run --rm -v %d:/m @life cat /m/file
run --rm -v rel @life true
run --rm --mount type=bind,src=%d/none,dst=/m @life true
run --rm --stop-signal BOGUS @life true
run --rm --health-cmd true --health-interval x @life true
run --rm --no-healthcheck @life echo x
run --rm --ulimit nofile=10:20 @life sh -c 'ulimit -n; ulimit -Hn'
run --rm --shm-size 1m @life sh -c 'df /dev/shm | tail -1'
run --rm --pids-limit 5 @life cat /sys/fs/cgroup/pids/pids.max
run --rm --oom-score-adj 100 @life cat /proc/self/oom_score_adj
run --rm --group-add 55 @life id -G
run --rm --log-driver none @life echo x
run --rm -d -q @life true
run --rm --quiet @life echo x
run --rm @nosuch:tag true
run --rm --nosuch @life
run --rm -x @life
run --rm
run
run -d
run --name
ps -a
"""

_EXEC = f"""
run -d --name e1 -e FROM=run -w /tmp -u ann @life {_SLEEP}
exec e1 ''
exec e1 '' x
exec e1 ' '
exec e1 .
exec e1 ./nosuch
exec e1 nosuch a b
exec -w '' e1 pwd
exec -w /tmp/ e1 pwd
exec -w /etc/passwd e1 pwd
exec --workdir=/etc e1 pwd
exec -u '' e1 id -un
exec -u 0 e1 id -un
exec -u root:www e1 id
exec -u :33 e1 id
exec -u 33: e1 id
exec -u -1 e1 id
exec -u a:b:c e1 id
exec -u 4294967296 e1 id
exec -e A e1 sh -c 'echo [$A]'
exec -e FROMHOST e1 sh -c 'echo [$FROMHOST]'
exec -e =x e1 true
exec -e '' e1 true
exec -e A= e1 sh -c 'echo [$A]'
exec -e PATH=/nowhere e1 ls /
exec -e PATH=/nowhere e1 /bin/echo x
exec -e HOME=/x e1 sh -c 'echo $HOME'
exec --env A=1 --env=B=2 e1 sh -c 'echo $A$B'
exec --env-file %d/env e1 sh -c 'echo $LEAD $Q'
exec --env-file %d/badenv e1 true
exec --env-file %d/none e1 true
exec --env-file %d/noeq e1 true
exec --env-file %d/env -e Q=flag e1 sh -c 'echo $Q'
exec -i e1 wc -c <<< 'abc'
exec e1 wc -c <<< 'abc'
exec -i e1 true <<< 'abc'
exec -t e1 echo x
exec -it e1 echo x
exec -d e1 true
exec -d e1 false
exec -dt e1 true
exec -di e1 cat
exec --detach=false e1 echo x
exec -i=false -t=false e1 echo x
exec --privileged=false e1 echo x
exec --privileged=x e1 echo x
exec --tty=false e1 tty
exec e1 sh -c 'exit 1'
exec e1 sh -c 'exit 125'
exec e1 sh -c 'exit 126'
exec e1 sh -c 'exit 127'
exec e1 sh -c 'exit 128'
exec e1 sh -c 'exit 255'
exec e1 sh -c 'kill -HUP $$'
exec e1 sh -c 'kill -INT $$'
exec e1 sh -c 'kill -QUIT $$'
exec e1 sh -c 'kill -9 $$'
exec e1 sh -c 'kill -PIPE $$'
exec e1 sh -c 'echo a; echo b >&2; echo c'
exec e1 printf 'no newline'
exec e1 printf 'a\\000b'
exec e1 seq 3
exec -- e1 echo x
exec e1 echo -- x
exec e1 echo --help
exec e1 echo -it
exec e1
exec e1 --
exec
exec --help=x e1 true
exec -x e1 true
exec --user
exec -u
exec nosuch true
exec '' true
exec e1x true
exec e true
exec {{short e1}} echo x
exec {{cut e1}} echo x
exec {{id e1}} echo x
exec --detach-keys '' e1 echo x
exec --detach-keys ctrl-1 e1 echo x
exec --detach-keys a,b e1 echo x
exec --detach-keys ab e1 echo x
create --name c1 @life
exec c1 true
exec -d c1 true
run --name x1 @life true
exec x1 true
pause e1
exec e1 true
exec -d e1 true
unpause e1
exec e1 echo again
inspect -f '{{{{json .ExecIDs}}}}' e1
run -d --name env -e A=1 @life:full sh
run -d --name full --entrypoint sleep @life:full 1000
exec full pwd
exec full id -un
exec full sh -c 'echo $HOME $PATH'
exec -u root full sh -c 'echo $HOME; pwd'
exec -u 4242 full sh -c 'echo $HOME'
exec -w / full pwd
"""

_KILL = f"""
run -d --name k1 @life sh -c '{_TRAPS}; {_LOOP}'
written k1 ready
kill -s HUP k1
written k1 HUP
kill -s 2 k1
written k1 INT
kill --signal QUIT k1
written k1 QUIT
kill --signal=SIGUSR1 k1
written k1 USR1
kill -s sigusr2 k1
written k1 USR2
kill -s 15 k1
written k1 TERM
kill -s SIGCONT k1
written k1 CONT
kill -s winch k1
written k1 WINCH
inspect -f '{{{{.State.Status}}}} {{{{.State.ExitCode}}}}' k1
logs k1
kill -s 0 k1
kill -s 00 k1
kill -s 99 k1
kill -s 65 k1
kill -s 64 k1
kill -s -9 k1
kill -s x k1
kill -s '' k1
kill -s SIG k1
kill -s SIGSIGTERM k1
kill -s 'TERM ' k1
kill -s 9x k1
kill -s RTMIN+1 k1
kill -s RTMAX k1
kill -s RTMAX+1 k1
kill -s RTMIN+40 k1
kill -s INFO k1
kill -s CLD k1
kill -s IOT nosuch
kill -s x nosuch
kill -s
kill --signal
kill
kill ''
kill k
kill nosuch
kill nosuch k1 nosuch2
wait k1
inspect -f '{{{{.State.Status}}}} {{{{.State.ExitCode}}}} {{{{.State.Running}}}} {{{{.State.Pid}}}}' k1
kill k1
kill -s TERM k1
kill -s x k1
create --name c1 @life
kill c1
start k1
kill {{short k1}}
wait k1
start k1
kill k1
wait k1
run -d --name t1 @life sh -c 'exec {_SLEEP}'
kill -s TERM t1
kill -s STOP t1
inspect -f '{{{{.State.Status}}}} {{{{.State.Running}}}}' t1
kill -s CONT t1
kill -s KILL t1
wait t1
run -d --init --name i1 @life {_SLEEP}
kill -s TERM i1
wait i1
run -d --init --name i2 @life {_SLEEP}
kill -s INT i2
wait i2
run -d --init --name i3 @life {_SLEEP}
kill -s QUIT i3
wait i3
run -d --init --name i4 @life {_SLEEP}
kill -s 1 i4
wait i4
run -d --init --name i5 @life {_SLEEP}
kill -s USR2 i5
wait i5
ps -a --format '{{{{.Names}}}} {{{{.State}}}}'
"""

_STOP = f"""
run -d --name s1 @life sh -c 'trap "echo bye; exit 7" TERM; echo ready; {_LOOP}'
written s1 ready
stop -t 5 s1
wait s1
stop s1
stop -t 0 s1
stop -t -1 s1
stop -t x s1
stop -t 1.5 s1
stop -t '' s1
stop --timeout=0 s1
stop nosuch
stop ''
stop
stop s1 nosuch s1
stop -s x s1
stop -s BOGUS s1
restart -t 0 s1
written s1 ready
inspect -f '{{{{.State.Running}}}} {{{{.State.ExitCode}}}} {{{{.RestartCount}}}}' s1
stop -s KILL s1
wait s1
start s1
stop --signal USR1 -t 0 s1
wait s1
start s1
stop --signal bogus s1
inspect -f '{{{{.State.Running}}}}' s1
restart -t x s1
restart -t -1 nosuch
restart -s KILL -t 0 s1
restart nosuch
restart
restart s1 nosuch
inspect -f '{{{{.State.Running}}}}' s1
stop -t 0 s1
start s1 s1
start nosuch
start ''
start s1 nosuch
start -a
start -i s1 nosuch
start --nosuch s1
start --checkpoint x s1
stop -t 0 {{short s1}}
create --name w1 @life sh -c 'exit 3'
start w1
wait w1
wait w1 {{short w1}}
wait w1 nosuch w1
wait nosuch
wait ''
wait
create --name new @life
stop new
restart -t 0 new
wait new
inspect -f '{{{{.State.Status}}}} {{{{.State.ExitCode}}}}' new
create --name never @life
stop -t 0 never
kill never
pause never
inspect -f '{{{{.State.Status}}}} {{{{.State.ExitCode}}}} {{{{.State.FinishedAt}}}}' never
run -d --name p1 @life {_SLEEP}
pause p1 p1
pause p1
pause nosuch
pause ''
pause never p1
inspect -f '{{{{.State.Status}}}} {{{{.State.Paused}}}}' p1
start p1
exec p1 true
logs p1
stats --no-stream --format '{{{{.Name}}}}' p1
cp %d/file p1:/
diff p1
rename p1 p2
rename p2 p1
update --restart always p1
update --restart no p1
wait never p1x
rm p1
ps -a -f status=paused --format '{{{{.Names}}}}'
unpause p1 p1
unpause p1
unpause nosuch
unpause ''
unpause never
pause p1
rm -f p1
ps -a --format '{{{{.Names}}}} {{{{.State}}}}'
"""

_CP = """
create --name c1 @life sh -c 'exit 3'
cp %d/file c1:/a
cp %d/file c1:/tmp
cp %d/file c1:/tmp/
cp %d/file c1:/tmp/new
cp %d/file c1:/no/dir
cp %d/file c1:/no/dir/
cp %d/file c1:/tmp/file/
cp %d/file c1:rel
cp %d/file c1:
cp %d/file c1
cp %d/file nosuch:/x
cp %d/none c1:/x
cp '' c1:/x
cp %d/file ''
cp c1:/a %d/back
cp c1:/a %d/sub
cp c1:/a %d/sub/
cp c1:/a %d/no/such
cp c1:/a %d/no/
cp c1:/a %d/file/
cp c1:/nosuch %d/x
cp c1:/nosuch/ %d/x
cp c1:/a/ %d/x
cp c1:a %d/rel
cp c1: %d/x
cp c1:/tmp c1:/x
cp %d/file %d/x
cp c1:/a
cp
cp a b c
cp --nosuch a b
cp c1:/tmp %d/tree
cp c1:/tmp/. %d/flat
cp c1:/tmp/. %d/sub
cp c1:/tmp/ %d/slashed
cp %d/sub c1:/newdir
cp %d/sub/. c1:/tmp
cp %d/sub c1:/tmp
cp %d/sub c1:/a
cp %d/sub/. c1:/fresh
cp %d/sub c1:/x/y
cp -a %d/file c1:/arch
cp -L %d/file c1:/follow
cp -q %d/file c1:/quiet
cp --archive --follow-link %d/file c1:/both
cp - c1:/tmp <<< 'no tar'
cp - c1:/nosuch <<< ''
cp - c1:/a <<< ''
cp - c1:/tmp <<< ''
cp c1:/nosuch -
cp - -
cp nosuch:/x -
cp - nosuch:/x <<< ''
cp c1:/etc/passwd /dev/null
cp c1:/etc/passwd %d/pw
cp c1:/etc/../etc/passwd %d/pw2
cp c1:/../etc/passwd %d/pw3
cp c1:etc/passwd ./pw4
cp ./file c1:/dot
cp file c1:/bare
cp {short c1}:/a %d/short
diff c1
diff nosuch
diff
diff c1 c1
diff ''
run --rm -v %d:/d @life sh -c 'cd /d; find . | sort'
start -a c1
diff c1
run -d --name live @life sh -c 'mkdir /made; echo x >/made/f; rm /etc/passwd; chmod 700 /home; echo ready; sleep 1000'
written live ready
diff live
cp live:/made/f %d/f
cp %d/file live:/proc/x
cp %d/file live:/dev/shm/x
cp live:/dev/shm/x %d/shm
exec live cat /dev/shm/x
cp live:/proc/1/comm %d/comm
cp live:/dev/null %d/null
exec live ln -s self /self
cp %d/file live:/self
cp live:/self %d/self
cp -L live:/self %d/self2
exec live ln -s /made /link
cp %d/file live:/link
cp %d/file live:/link/
exec live ls /made
cp live:/link %d/link
cp live:/link/ %d/link2
cp -L live:/link %d/link3
exec live ln -s /nowhere /dangling
cp %d/file live:/dangling
cp live:/dangling %d/dangling
cp -L live:/dangling %d/dangling2
exec live ls /nowhere
run --rm -v %d:/d @life sh -c 'cd /d; find . | sort'
export nosuch
export
export -o %d/no/dir live
export -o %d/sub live
export -o %d/x.tar nosuch
"""

_UPDATE = f"""
run -d --name u1 @life {_SLEEP}
create --name u2 @life
create --name u3 --rm @life
update --restart always u1
update --restart on-failure:3 u1 u2
inspect -f '{{{{json .HostConfig.RestartPolicy}}}}' u1 u2
update --restart on-failure u2
update --restart on-failure:0 u2
update --restart on-failure: u2
update --restart on-failure:-1 u2
update --restart on-failure:x u2
update --restart unless-stopped u2
update --restart unless-stopped:1 u2
update --restart always:0 u2
update --restart no:1 u2
update --restart bogus u2
update --restart '' u2
update --restart always u3
update --restart no u3
update --restart no nosuch
update --restart no nosuch u1
update --restart no u1 nosuch u2
update --restart
update --nosuch u1
update -m x u1
update -m 5m u1
update -m -1 u2
update --memory-swap x u1
update --pids-limit x u1
update --pids-limit 10 u1
update --cpus x u1
update --cpus -1 u1
update --cpus 0.5 u2
update --cpu-shares x u1
update --cpu-period 1 u1
update --cpuset-cpus x u1
update --blkio-weight 5 u1
update --blkio-weight x u1
update --kernel-memory 1m u2
update --cpu-rt-period 1 u2
update u1
update
update ''
update u1 --restart no
inspect -f '{{{{json .HostConfig.RestartPolicy}}}} {{{{.HostConfig.NanoCpus}}}}' u1 u2
container update --restart always u1
rm -f u1 u2 u3
"""

_VOLUMES = """
volume create vl1
volume create vl1
volume create --name vl2
volume create --name=vl3 --label a=b
volume create --name vl4 vl5
volume create vl6 --driver local
volume create -d nosuch vl7
volume create --label a=1 --label b vl8
volume create --label '' vl9
volume create --opt type=tmpfs vl9
volume create --opt x vl9
volume create a
volume create ab
volume create -- -x
volume create ''
volume create a/b
volume create 'a b'
volume create a:b
volume create .x
volume create x.
volume create --nosuch x
volume create --group g vl9
volume create --scope multi vl9
volume create --type block vl9
volume create --availability drain vl9
volume create a b
volume ls -q
volume ls
volume ls -f name=vl1
volume ls -qf name=vl
volume ls -q -f name=^vl1$
volume ls -q -f name=1
volume ls -q -f name=
volume ls -q -f label=a
volume ls -q -f label=a=b
volume ls -q -f label=a -f label=b
volume ls -q -f label=
volume ls -q -f driver=local
volume ls -q -f driver=x
volume ls -q -f dangling=true
volume ls -q -f dangling=false
volume ls -q -f dangling=x
volume ls -q -f x=y
volume ls -q -f x
volume ls -q -f ''
volume ls --cluster
volume ls --format '{{.Name}}'
volume ls --format '{{.Name}}|{{.Driver}}|{{.Mountpoint | len | lt 10}}'
volume ls --format '{{json .}}' -f name=nosuch
volume ls --format '{{.Labels}}' -f name=vl8
volume ls --format '{{.Label "a"}}'
volume ls --format 'table {{.Name}}\\t{{.Labels}}'
volume ls --format table -q
volume ls --format json -f name=nosuch
volume ls --format '{{.X}}'
volume ls --format '{{'
volume ls --format ''
volume inspect vl1 -f '{{.Name}} {{.Driver}} {{.Scope}} {{json .Labels}} {{json .Options}}'
volume inspect vl8 -f '{{json .Labels}}'
volume inspect vl8 -f '{{index .Labels "a"}}'
volume inspect vl1 nosuch -f '{{.Name}}'
volume inspect nosuch
volume inspect ''
volume inspect
volume inspect -f '{{.X}}' vl1
volume inspect -f '{{' vl1
volume inspect -f json nosuch
inspect --type volume -f '{{.Name}}' vl1
inspect -f '{{.Driver}}' vl1
volume rm nosuch
volume rm ''
volume rm -f ''
volume rm -f nosuch
volume rm -f nosuch vl6
volume rm vl6 nosuch vl1
volume rm
volume rm --nosuch x
volume rm -f a/b
volume rm 'a b'
create --name user -v vl2:/m @life
volume rm vl2
volume rm -f vl2
volume ls -q -f dangling=false
volume ls -q -f dangling=true -f dangling=false
rm user
volume rm vl2 vl2
volume prune -f --filter label=nosuch
volume prune -f --filter x=y
volume prune -f --filter label!=a
volume prune -f --all --filter label=a=1
volume ls -q
volume prune x
volume update x
volume
volume nosuch
volume rm ab vl3 vl4 vl8 x. -f
"""

SESSIONS = {
    name: [line for line in text.splitlines() if line]
    for name, text in {
        "run": _RUN,
        "exec": _EXEC,
        "kill": _KILL,
        "stop, wait, pause": _STOP,
        "cp and diff": _CP,
        "update": _UPDATE,
        "volumes": _VOLUMES,
    }.items()
}
