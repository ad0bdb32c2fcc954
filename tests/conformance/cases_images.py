"""Sessions about images: lines that follow one another on the same state, each beginning with no image at all."""

from __future__ import annotations

_LISTING = """
pull -q @base
pull -q @one:1
pull -q @one:2
pull -q @full:3.1
pull -q @sub/dir/deep:v1
images
image ls
image list
images -a
images -q
images -aq
images --no-trunc
images -q --no-trunc
images --digests
images --digests --no-trunc
images @one
images @one:1
images @one:nosuch
images @one:2 --digests -q
images '@o*'
images '@one:?'
images '@*/deep'
images '@sub/*/deep:v1'
images 'nosuch'
images 'UPPER'
images '['
images 'a[b'
images '[a-'
images one two
images ''
images @one@{digest one:1}
images --digests @one@{digest one:1}
images @one@sha256:0000000000000000000000000000000000000000000000000000000000000000
images {short one:1}
"""
_FILTERS = """
pull -q @base
pull -q @one:1
pull -q @one:2
pull -q @full:3.1
images -f dangling=true
images -f dangling=false
images -f dangling=maybe
images -f dangling
images -f nosuch=1
images -f label=kind
images -f label=kind=app
images -f label=kind=app -f label=v=2
images -f label=kind=nosuch
images -f label=empty=
images -f label=
images -f before=@one:2
images -f since=@one:1
images -f since=@base -f before=@full:3.1
images -f before={short one:2}
images -f since=sha256:{id one:1}
images -f before=nosuch
images -f since=UPPER
images -f 'reference=@one'
images -f 'reference=@one:*'
images -f 'reference=@one:1' -f 'reference=@full:*'
images -f 'reference=[' -q
images @one -f label=v=2
images @one -f reference=@full:3.1
images -q -f before=@one:2 -f label=kind=app
images --filter=label=kind=tool --format '{{.Repository}}'
"""
_FORMATS = """
pull -q @base
pull -q @full:3.1
images --format '{{.ID}}'
images --format '{{.ID}} {{.Repository}} {{.Tag}} {{.Size}}'
images --format '{{.Repository}}@{{.Digest}}'
images --format '{{.CreatedAt}}|{{.CreatedSince}}'
images --format '{{.Containers}} {{.SharedSize}} {{.UniqueSize}} {{.VirtualSize}}'
images --format json
images --format '{{json .}}'
images --digests --format json
images --format table
images --format 'table {{.ID}}\\t{{.Repository}}'
images --format 'table {{.Digest}} {{.Size}}'
images --format 'table {{.CreatedAt}}\\t{{.CreatedSince}}\\t{{.VirtualSize}}'
images --format raw
images --format raw --digests
images --format raw -q
images --format raw --no-trunc
images -q --format '{{.Tag}}'
images -q --format table
images --no-trunc --format '{{.ID}}'
images --format '{{.Nosuch}}'
images --format '{{.ID'
images --format '{{upper .Tag}}'
images --format ''
images nosuch --format '{{.ID}}'
images nosuch --format 'table {{.ID}}'
images nosuch -q
"""
_TAGS = """
pull -q @one:1
tag @one:1 foo
tag foo foo:2
tag foo docker.io/library/foo:3
tag foo docker.io/user/foo
tag {short one:1} short:1
tag sha256:{id one:1} long:1
tag @one@{digest one:1} bydigest
images foo
images --digests foo
images 'fo*'
images library/foo
images docker.io/library/foo:3
images user/foo
images bydigest
image tag foo foo:4
tag nosuch x
tag foo
tag foo a b
tag foo UPPER
tag foo .bad
tag foo a:-b
tag foo ''
tag '' foo
tag foo bar@sha256:0000000000000000000000000000000000000000000000000000000000000000
tag foo {id one:1}
tag foo sha256:abc
tag UPPER x
tag -x foo bar
image inspect -f '{{len .RepoTags}} {{len .RepoDigests}}' foo
pull -q @one:2
tag @one:2 foo:2
images foo
images -f dangling=true
tag foo:2 foo:2
image inspect -f '{{.RepoTags}}' foo:2
"""
_REMOVE = """
pull -q @one:1
pull -q @one:2
rmi @one:1
images
rmi @one:1
rmi -f @one:1
image rm @one:2
images -a
pull -q @one:1
pull -q @one:2
rmi {short one:1} {short one:2}
pull -q @one:1
rmi sha256:{id one:1}
pull -q @one:1
rmi {id one:1}
pull -q @one:1
tag @one:1 other
rmi {short one:1}
rmi other
rmi {short one:1}
pull -q @one:1
tag @one:1 other
tag @one:1 other:2
rmi -f {short one:1}
pull -q @one:1
tag @one:1 @one:extra
rmi {short one:1}
rmi @one:1 @one:extra
pull -q @one:1
rmi @one@{digest one:1}
images --digests
rmi @one:1
pull -q @one@{digest one:1}
images
images --digests
images -f dangling=true
rmi @one@{digest one:1}
images -a
"""
_REMOVE_MANY = """
pull -q @base
pull -q @one:1
tag @one:1 a:1
tag @one:1 b:1
rmi a:1 nosuch b:1
rmi nosuch @one:1 UPPER @base
rmi -f nosuch
rmi -f nosuch UPPER
rmi
rmi ''
rmi ' '
rmi sha256:0000
rmi sha256:{id one:1}
rmi --nosuch x
image rm
image remove nosuch
pull -q @one:1
rmi --no-prune @one:1
pull -q @one:1
rmi --force --no-prune @one:1
pull -q @one@{digest one:1}
tag @one@{digest one:1} x
rmi x
rmi @one@{digest one:1}
images -aq
"""
_SHARED = """
pull -q @base
pull -q @one:1
pull -q @one:2
pull -q @steps
rmi @base
rmi @one:1
rmi @steps
rmi @one:2
images -aq
pull -q @one:2
pull -q @base
rmi {short base:latest}
rmi @one:2
"""
_CONTAINERS = """
pull -q @run
create --name box --network none @run true
rmi @run
rmi {short run:latest}
images
tag @run other
rmi @run
rmi other
tag {short run:latest} third
rmi {short run:latest}
rmi third
rmi -f other
images -a
images -f dangling=true
rmi {short run:latest}
ps -a --format '{{.Names}}'
rm box
pull -q @run
spawn --name busy @run sleep 1000
rmi @run
rmi {short run:latest}
rmi -f {short run:latest}
rmi -f @run
images -a
images -f dangling=true
rmi {short run:latest}
rmi -f {short run:latest}
image prune -f
image prune -af
tag {short run:latest} again:1
rmi again:1
rmi -f again:1
rm -f busy
image prune -f
images -aq
"""
_COMMITS = """
pull -q @run
run --name c --network none @run touch /made
commit c one
commit c one
~ images -a
images -f dangling=true
images -f dangling=false
history --format '{{.Size}} {{.CreatedBy}}' one
image inspect -f '{{.Parent}}' one
rm c
rmi {short run:latest}
rmi -f {short run:latest}
tag {short run:latest} again
rmi again
image prune -f
images
rmi @run
images
images -a
images -f dangling=true
rmi {short run:latest}
rmi one
images -aq
pull -q @run
run --name c --network none @run touch /made
commit c one
rm c
rmi --no-prune one
images -a
rmi @run
images -aq
"""
_PRUNE = """
image prune
image prune -f
image prune -a
image prune --filter until=24h
image prune -f --filter nosuch=1
image prune -f --filter until=x
image prune -f --filter dangling
image prune x
pull -q @one:1
image prune -f
image prune -f --filter dangling=false
pull -q @one:1
image prune -af --filter label=nosuch
image prune -af --filter label!=kind
image prune -af --filter until=2000-01-01T00:00:00
image prune -af --filter until=1h
pull -q @one:1
image prune -af --filter label=kind=app
images -aq
pull -q @one@{digest one:1}
image prune -f
images -aq
pull -q @one:1
pull -q @full:3.1
image prune -af --filter label=kind=tool
image prune -af --filter label!=level
images -aq
"""
_MOVED = """
move moved:1 one:1
pull -q @moved:1
images
move moved:1 one:2
pull -q @moved:1
images
images --digests
images -f dangling=true
image inspect -f '{{.RepoTags}} {{.RepoDigests}}' {short one:1}
image prune -f
images -a
move moved:1 one:1
pull -q @moved:1
rmi {short one:2}
rmi @moved:1
images -aq
"""
_SYSTEM = """
system prune
system prune -a
system prune --volumes
system prune -a --volumes
system prune --filter until=24h
system prune --filter label=x --filter until=24h
system prune -f
system prune -f --filter nosuch=1
system prune -f --volumes --filter until=24h
system prune x
pull -q @run
run --name box --network none -v /data @run true
system prune -f
system prune -f --volumes
system prune -af
images -aq
ps -aq
pull -q @run
create --name keep --label keep=1 --network none @run true
create --name go --network none @run true
system prune -f --filter label!=keep
ps -a --format '{{.Names}}'
system prune -af --filter label=nosuch
system prune -af --filter label!=keep
rm keep
system prune -af
"""
_HISTORY = """
pull -q @steps
history @steps
image history @steps
history --no-trunc @steps
history -q @steps
history -q --no-trunc @steps
history -H=false @steps
history --human=false --no-trunc @steps
history --format '{{.ID}} {{.Size}}' @steps
history --format '{{.CreatedBy}}' @steps
history --format '{{.CreatedAt}}' @steps
history --format '{{.CreatedSince}}|{{.Comment}}' @steps
history --format json @steps
history --format '{{json .}}' --no-trunc @steps
history --format table @steps
history --format 'table {{.ID}}\\t{{.CreatedBy}}' @steps
history --format '{{.Tags}}' @steps
history --format '{{.Nosuch}}' @steps
history {short steps:latest}
history sha256:{id steps:latest} -q
history nosuch
history UPPER
history
history a b
tag @steps here:1
history -q here:1
"""
_INSPECT = """
pull -q @full:3.1
pull -q @base
image inspect nosuch
image inspect
image inspect UPPER
image inspect -f '{{.Id}}' @full:3.1
image inspect -f '{{.Id}}' @full:3.1 nosuch @base
image inspect -f '{{.RepoTags}} {{.RepoDigests}}' @full:3.1
image inspect -f '{{json .Config.Env}} {{json .Config.Cmd}}' @full:3.1
image inspect -f '{{json .Config.Entrypoint}} {{.Config.User}} {{.Config.WorkingDir}}' @full:3.1
image inspect -f '{{json .Config.Labels}} {{json .Config.Volumes}}' @full:3.1
image inspect -f '{{json .Config.ExposedPorts}} {{.Config.StopSignal}}' @full:3.1
image inspect -f '{{json .Config.Healthcheck}} {{json .Config.OnBuild}} {{json .Config.Shell}}' @full:3.1
image inspect -f '{{.Config.Healthcheck.Interval}}' @full:3.1
image inspect -f '{{.Created}} {{.Author}} {{.Comment}}' @full:3.1
image inspect -f '{{.Os}}/{{.Architecture}}{{.Variant}}' @full:3.1
image inspect -f '{{.Size}}' @full:3.1 @base
image inspect -f '{{json .RootFS}}' @full:3.1
image inspect -f '{{.RootFS.Layers}}' @base
image inspect -f '{{index .Config.Labels "kind"}}' @full:3.1
image inspect -f '{{range .Config.Env}}{{.}};{{end}}' @full:3.1
image inspect -f '{{.Parent}}|' @full:3.1
image inspect -f '{{.Nosuch}}' @full:3.1
image inspect -f '{{' @full:3.1
inspect --type image -f '{{.Id}}' @full:3.1
inspect --type image nosuch
inspect -f '{{.Os}}' {short full:3.1}
inspect -f '{{.Id}}' @full@{digest full:3.1}
inspect --type image -s -f '{{.Os}}' @base
image inspect -f '{{json .Config.Env}}' @base
image inspect -f '{{json .Config.Labels}} {{json .Config.Entrypoint}}' @base
"""
_USAGE = """
system df
system df -v
system df -v --format json
system df --format 'table {{.Type}}'
system df --format '{{.Type}}: {{.TotalCount}} {{.Active}}'
system df x
system df --format '{{.Nosuch}}'
pull -q @one:1
pull -q @one:2
images --tree
history --platform linux/amd64 @one:1
image inspect --platform linux/amd64 -f '{{.Os}}' @one:1
rmi --platform linux/arm64 @one:1
tag @one:1 also
system df --format '{{.Type}}: {{.TotalCount}} {{.Active}}'
create --name box --network none @one:1 true
system df --format '{{.Type}}: {{.TotalCount}} {{.Active}}'
system df -v --format '{{range .Images}}{{.ID}} {{.SharedSize}} {{.UniqueSize}} {{.Containers}};{{end}}'
system df -v --format '{{range .Containers}}{{.Names}} {{.LocalVolumes}} {{.Status}};{{end}}'
"""

# What nobody should write, and what templates can do.
_ODD = """
pull -q @base
pull -q @one:1
pull -q @full:3.1
images -aqf dangling=false
images --no-trunc --digests --format json
images --format '{{.ID}}\\t{{.Tag}}'
images --format '{{title .Tag}} {{truncate .ID 4}} {{pad .Tag 2 2}}'
images --format '{{if eq .Tag "1"}}one{{else}}other{{end}}'
images --format '{{printf "%-10s|%5s" .Tag .Size}}'
images --format '{{.Size | json}}'
images --format '{{with .Tag}}{{.}}{{end}}'
images --format '{{/* c */}}{{.Tag}}'
images --format 'x {{- .Tag -}} y'
images --format '{{println .Tag}}'
images --format '{{template "x"}}'
images --format '{{define "x"}}a{{end}}{{template "x"}}'
images --format '{{len .Tag}} {{slice .Tag 0 1}}'
images --format '{{range split .Tag "."}}<{{.}}>{{end}}'
images --format '{{join (split .Tag ".") "-"}}'
images -f since=@base -f since=@one:1
images -f 'label!=kind'
images -f before=
images -f =x
images -f 'reference=*/*/*'
images -f 'reference=*'
images -f 'reference=**' -q
images -f dangling=1
images -f dangling=TRUE -q
images -f DANGLING=true
images --filter
images --format
images -xq
images --quiet=false --digests=true
images -q=maybe
images -qqq
images --no-trunc=1 -q
history -H=0 @one:1 --format '{{.Size}} {{.CreatedSince}}'
history --format 'table {{.Size}}\\t{{.ID}}' -q @one:1
history --format raw @one:1
history @one@{digest one:1} -q
history --quiet=false --format '{{.Comment}}' @base
image inspect -f '{{.Config.Labels.kind}}' @full:3.1
image inspect -f '{{index .Config.Labels "kind"}}' @full:3.1
image inspect -f '{{range .RootFS.Layers}}{{.}}{{end}}' @one:1
image inspect -f '{{json .Config.Healthcheck}}' @full:3.1
image inspect -f '{{.Nosuch}}' @base
image inspect -f '{{.Config.Nosuch}}' @base
image inspect @base @one:1 nosuch -f '{{.Id}}'
image inspect {short base:latest} {short one:1} -f '{{.Architecture}}'
inspect --type=image @base -f '{{.Id}}'
inspect --type=image nosuch
inspect --type=nosuch @base
tag @base @base
tag @base BASE:1
tag @base x:y:z
tag @base x@y
tag @base a/b/c/d:1
tag @base a__b:1
tag @base a___b:1
tag @base a..b
tag @base a--b
tag @base localhost/x:1
tag @base x.y/z:1
tag @base -a:1
~ images --format '{{.Repository}}:{{.Tag}}'
rmi a__b:1 a/b/c/d:1 x.y/z:1
rmi :latest
rmi @base:
rmi x@
rmi sha256
rmi sha256:
rmi --force=true nosuch
rmi --no-prune=false a--b
rmi -ff nosuch
rmi localhost/x:1 localhost/x:1
image prune -f --filter label=a=b=c
image prune -f --filter until=
image prune -f --filter until=1h --filter until=2h
image prune --force=false
image prune -fa --filter label=nosuch
image prune -f -a x
pull ''
pull UPPER
pull a:b:c
pull @one:nosuch
pull @one@sha256:0000000000000000000000000000000000000000000000000000000000000000
pull -a @one:1
pull x y
pull -q @one:1 --nosuch
push ''
push UPPER
push nosuch
push nosuch:1
push -a @one:1
push a b
save
save nosuch
save -o /nosuch/x @base
save -o /tmp @base
save @base nosuch -o /dev/null
load x
load -i /nosuch
load -i /
import
import /nosuch.tar
image
image nosuch
image ls a b
images --tree x y
"""

# Run with the slow ones only: what they show is mostly shown by others too.
SLOW = ("filter", "format", "remove-many", "shared", "inspect", "odd")
SESSIONS = {
    name: tuple(line for line in text.strip().splitlines())
    for name, text in {
        "list": _LISTING,
        "filter": _FILTERS,
        "format": _FORMATS,
        "tag": _TAGS,
        "remove": _REMOVE,
        "remove-many": _REMOVE_MANY,
        "shared": _SHARED,
        "containers": _CONTAINERS,
        "commits": _COMMITS,
        "prune": _PRUNE,
        "moved": _MOVED,
        "system-prune": _SYSTEM,
        "history": _HISTORY,
        "inspect": _INSPECT,
        "usage": _USAGE,
        "odd": _ODD,
    }.items()
}
