"""What goes in and out of containers: exec, attach, logs, run -d and -i, in sessions."""

from __future__ import annotations

_SLEEP = "sleep 1000"

_EXEC = f"""
run -d --name e1 -e FROM=run -w /tmp -u ann @life {_SLEEP}
exec e1 echo hi
exec e1 sh -c 'echo out; echo err >&2; exit 5'
exec e1 false
exec e1 no-such-program
exec e1 /etc
exec e1 /etc/passwd
exec e1 id
exec -u root e1 id
exec -u 0:33 e1 id -G
exec -u 4242 e1 id -u
exec -u nosuch e1 id
exec --user www e1 id -un
exec e1 pwd
exec -w / e1 pwd
exec -w /no/such/dir e1 pwd
exec -w relative e1 pwd
exec e1 sh -c 'echo $FROM $HOME $PATH'
exec -e FROM=exec e1 sh -c 'echo $FROM'
exec -e A=1 -e B=2 e1 sh -c 'echo $A $B'
exec --env-file %d/env e1 sh -c 'echo $LEAD $X'
exec --env-file /no/such/file e1 true
exec -i e1 cat <<< 'through\\n'
exec e1 cat <<< 'not through\\n'
exec -i e1 sh -c 'cat >/tmp/in; wc -c </tmp/in' <<< '12345'
exec -t e1 tty
exec -it e1 true
exec -t e1 sh -c 'echo x; exit 3'
exec -d e1 sh -c 'echo done >/tmp/flag'
exec -d e1 no-such-program
exec -di e1 true
exec e1 sh -c 'kill -9 $$'
exec e1 sh -c 'kill -TERM $$'
exec --privileged e1 true
exec nosuch true
exec e1
exec
exec -- e1 echo dashes
exec e1 -- echo x
exec e1 sh -c 'echo "$@"' sh -i -t x
exec {{short e1}} echo short
exec {{cut e1}} echo cut
container exec e1 echo spelled
exec --detach-keys ctrl-x e1 echo keys
exec --detach-keys nonsense e1 echo keys
exec --nosuch e1 true
stop -t 0 e1
exec e1 true
create --name c1 @life
exec c1 true
start e1
spawn x exec e1 sh -c 'echo begun; sleep 1000'
seen x begun
stop -t 0 e1
join x
start e1
spawn y exec e1 sh -c 'echo begun; sleep 1000'
seen y begun
kill e1
join y
run -d --name root @life {_SLEEP}
exec root sh -c 'id -u; pwd; hostname | wc -c; tty'
exec root sh -c 'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp:)" /proc/self/status'
exec -u ann root sh -c 'grep -E "^(CapEff|CapPrm|CapAmb|CapInh)" /proc/self/status'
exec root sh -c 'yes | head -c 300000 | wc -c'
exec root sh -c 'ls /proc/self/fd | wc -l'
exec -d -w /tmp -e N=v root sh -c 'echo $N $PWD >/tmp/d; mv /tmp/d /tmp/done'
exec root sh -c 'while ! test -e /tmp/done; do sleep 0.05; done; cat /tmp/done'
"""

_LOGS = """
run --name l1 @life sh -c 'for n in 1 2 3 4 5; do echo out $n; done'
run --name errs @life sh -c 'for n in 1 2 3 4 5; do echo err $n >&2; done'
logs errs
logs --tail 2 errs
logs l1
logs --tail 2 l1
logs -n 3 l1
logs --tail 0 l1
logs --tail all l1
logs --tail -1 l1
logs --tail x l1
logs -t --tail 1 l1
logs --since 1h l1
logs --until 1h l1
logs --since 2000-01-01 l1
logs --since 2000-01-01T00:00:00Z --until 2001-01-01 l1
logs --since nonsense l1
logs --until nonsense l1
logs --since 946684800 --tail 1 l1
logs --details --tail 1 l1
logs -f l1
logs -f --tail 1 l1
logs nosuch
logs
logs l1 l1
logs {short l1}
container logs --tail 1 l1
create --name new @life
logs new
logs -f new
run -d --name f1 @life sh -c 'echo one; while ! test -e /tmp/go; do sleep 0.05; done; echo two; exit 3'
written f1 one
spawn follow logs -f f1
seen follow one
exec f1 touch /tmp/go
seen follow two
join follow
wait f1
spawn tailing logs -f --tail 1 f1
join tailing
run --name nonl @life printf 'no newline'
logs nonl
logs -t nonl
run --name nul @life printf 'a\\000b\\nc\\n'
logs nul
run --name bad @life printf '\\377\\376 \\303\\244\\n'
logs bad
run --name crlf -t @life echo tty
logs crlf
run --name none --log-driver none @life echo x
logs none
run --name local --log-driver local @life sh -c 'echo a; echo b'
logs local
logs --tail 1 local
run --name lab --log-opt labels=x --label x=y --log-opt env=E -e E=v @life echo x
logs --details lab
run -d --name wrong --log-opt nosuch=1 @life true
run --name big @life sh -c 'head -c 40000 /dev/zero | tr "\\000" x'
logs big
logs --tail 1 big
run --name many @life seq 3000
logs --tail 1500 many
logs many
restart -t 0 l1
wait l1
logs --tail 3 l1
"""

_ATTACH = f"""
run -d --name a1 -i @life sh -c 'echo ready; while read w; do echo "got $w"; done; exit 4'
written a1 ready
spawn x attach a1
tell x 'one\\n'
seen x 'got one'
tell x 'two\\n'
seen x 'got two'
kill a1
join x
wait a1
logs a1
attach a1
attach nosuch
attach
attach a1 b
run -d --name quiet @life sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done'
written quiet ready
spawn y attach --no-stdin quiet
spawn z attach --sig-proxy=false quiet
stop quiet
start quiet
spawn w attach --detach-keys ctrl-x quiet
attach --detach-keys nonsense quiet
stop quiet
run -i --name in @life cat <<< 'through\\n'
run -i --name in2 @life sh -c 'head -n 1; exit 3' <<< 'first\\nsecond\\n'
run --name noin @life cat <<< 'not through\\n'
run -i --rm @life wc -c <<< '1234567'
run -a stdout --name ao @life sh -c 'echo out; echo err >&2'
run -a stderr --name ae @life sh -c 'echo out; echo err >&2'
run -a stdin -i --name ai @life cat <<< 'unseen\\n'
wait ai
logs ai
run -a nonsense @life true
run -d -a stdout @life true
run -d -it --name tty @life sh
exec tty tty
inspect -f '{{{{.Config.Tty}}}} {{{{.Config.OpenStdin}}}} {{{{.Config.StdinOnce}}}}' tty a1 in
kill tty
start -ai in <<< 'second time\\n'
logs in
run -d --name d1 @life {_SLEEP}
run -d --name d1 @life {_SLEEP}
run -d --rm -a stderr --name bad @life true
run --detach --name e1 @life sh -c 'exit 9'
wait e1
wait e1 e1
wait e1 nosuch
wait nosuch
wait
spawn v wait d1
kill d1
join v
run -d --name no @life no-such-program
run -d --name no2 -w /etc/passwd @life true
run -d --name no3 -u nosuch @life true
ps -a --format '{{{{.Names}}}} {{{{.Status}}}}' -f name=no
"""

SESSIONS = {"exec": _EXEC, "logs": _LOGS, "attach and run": _ATTACH}
