"""A session as a docker user types it: one container after another through its whole life."""

from __future__ import annotations

_SCRIPT = """
run --rm @life echo hello
run --rm @life
run --rm -e GREETING=hi @life sh -c 'echo $GREETING'
run --rm -w /tmp -u ann @life sh -c 'pwd; id -un'
run --rm -i @life sort <<< 'b\\na\\n'
run --rm @life sh -c 'exit 42'
run --rm @life nonsense
run --rm -v %d:/mnt @life cat /mnt/file
run --rm --read-only @life touch /x
run --rm --hostname web @life hostname
run -d --name web --restart unless-stopped @life sh -c 'echo started; while :; do sleep 0.05; done'
ps
ps -a --format 'table {{.Names}}\\t{{.Image}}\\t{{.Status}}'
written web started
logs web
logs --tail 1 web
exec web ls /
exec web sh -c 'echo data >/tmp/file; cat /tmp/file'
exec -i web sh -c 'cat >/tmp/in' <<< 'content\\n'
exec web cat /tmp/in
exec -u ann web whoami
exec -e A=b web env
inspect -f '{{.State.Status}}' web
inspect -f '{{.State.Running}} {{.RestartCount}}' web
inspect -f '{{.HostConfig.RestartPolicy.Name}}' web
cp web:/tmp/in %d/in
cp web:/tmp/file %d/copied
cp %d/copied web:/root/back
exec web cat /root/back
diff web
rename web www
pause www
ps --format '{{.Names}}: {{.Status}}'
unpause www
port www
stop -t 0 www
ps -a --format '{{.Names}}: {{.State}}'
start www
restart -t 0 www
kill www
wait www
rm www
create --name job @life sh -c 'echo working; exit 3'
start -a job
inspect -f '{{.State.ExitCode}}' job
commit job @job:done
run --rm @job:done
rmi @job:done
logs job
rm job
rm job
run -d --name db -v data:/var/lib/data @life sh -c 'echo 1 >/var/lib/data/x; sleep 1000'
volume ls -q -f name=data
exec db sh -c 'while ! test -s /var/lib/data/x; do sleep 0.05; done; cat /var/lib/data/x'
rm db
rm -f db
run --rm -v data:/d @life cat /d/x
volume rm data
run -d --rm --name once @life sleep 1000
stop -t 0 once
gone once
ps -aq
run -d --name h1 --health-cmd true --health-interval 200ms @life sleep 1000
await h1 {{.State.Health.Status}} healthy
ps --format '{{.Status}}'
rm -f h1
run -d --name sick --restart on-failure:1 @life false
await sick '{{.State.Status}} {{.RestartCount}}' 'exited 1'
ps -a -f exited=1 --format '{{.Names}}'
ps -a -f name=sick -q
container prune -f --filter label=none
rm sick
ps -a
"""

SESSIONS = {"a user's day": _SCRIPT}
