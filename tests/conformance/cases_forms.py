"""Forms that are unusual but legal, and mistakes that scripts make: empty values, odd spellings, templates of facts."""

from __future__ import annotations

_FORMS = r"""
ps -f ''
events --since 1 --until 2 --filter ''
volume ls -q -f name=forms -f ''
run -l 'x y=z' --rm @life true
volume create --label 'x y=z' forms
run --rm --pull '' @life echo x
run --rm --detach-keys DEL @life echo x
run --rm -it=false -d=false -e=A=1 -w=/tmp @life sh -c 'echo $A; pwd'
run --rm @life echo --rm -it -- x
create --name one --ulimit nofile=500:600 -v forms:/named -v /anonymous -v %d:/host:ro --expose 80 @life sleep 1000
inspect -f '{{json .HostConfig.Ulimits}} {{json .Config.Volumes}}' one
inspect -f '{{range .Mounts}}{{if eq .Type "bind"}}[{{.Name}}{{.Driver}}] {{.Destination}}{{end}}{{end}}' one
start one
ps --format '{{.Names}}|{{.Ports}}'
ps -aq --format table
ps -a -f id= --format '{{.Names}}'
logs --since -1h one
logs --since 2021-01-01T00 one
logs --since 2021-01-01T00:00 one
logs --since 2021-01-01T00:00+02:00 one
logs --since 2021-01-01T00:0 one
rm -fv one
volume rm forms
info -f '{{.OSType}} {{.Architecture}} {{.NCPU}} {{.Containers}} {{.CgroupDriver}} {{.CgroupVersion}} {{.MemTotal}}'
info -f '{{.KernelVersion}} {{.OperatingSystem}} {{.Name}} {{.MemoryLimit}} {{.Swarm.LocalNodeState}}'
system info --format '{{.Nosuch}}'
info -f '{{'
version --format '{{.Client.Os}} {{.Client.Arch}} {{.Server.Os}} {{.Server.Arch}} {{.Server.KernelVersion}}'
version -f '{{.Client.Nosuch}}'
version -f '{{'
"""

SESSIONS = {"forms": _FORMS}
