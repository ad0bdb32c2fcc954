"""Sessions about archives and registries: lines that follow one another, each session beginning with no image at all.

``%d`` is a directory of the engine's own, ``%r`` a repository of its own in the registry, ``%a`` a registry that wants
a password. ``cross FILE`` exchanges a file between the two: what docker saved hezi loads, and the other way round.
"""

from __future__ import annotations

_SAVE_AND_LOAD = """
pull -q @one:1
pull -q @base
pull -q @full:3.1
save -o %d/one.tar @one:1
cross one.tar
rmi @one:1
load -i %d/one.tar
load -i %d/one.tar
load -q -i %d/one.tar
load -qi %d/one.tar
image load --input %d/one.tar
images --no-trunc
inspect -f '{{.Id}} {{json .RepoTags}} {{json .RepoDigests}} {{.Size}} {{json .RootFS}}' @one:1
history --no-trunc -q @one:1
save -o %d/full.tar @full:3.1
cross full.tar
rmi @full:3.1
load -i %d/full.tar
inspect -f '{{json .Config.Cmd}} {{json .Config.Entrypoint}} {{json .Config.Env}} {{.Config.User}}' @full:3.1
inspect -f '{{json .Config.Volumes}} {{json .Config.Labels}} {{json .Config.ExposedPorts}}' @full:3.1
inspect -f '{{.Id}} {{.Created}} {{.Architecture}} {{.Os}}' @full:3.1
save -o %d/id.tar {short base:latest}
cross id.tar
rmi @base
load -i %d/id.tar
images -q --no-trunc
images -f dangling=true -q
save -o %d/again.tar {id base:latest}
cross again.tar
load -q -i %d/again.tar
tag {short base:latest} team/b:1
tag {short base:latest} team/b:2
tag {short base:latest} team/c:1
save -o %d/several.tar team/b team/c:1 @full:3.1
cross several.tar
rmi team/b:1 team/b:2 team/c:1 @full:3.1
~ load -i %d/several.tar
~ image ls --format '{{.Repository}}:{{.Tag}} {{.ID}}'
image save --output %d/several.tar team/b:1
cross several.tar
~ load -i %d/several.tar
"""
_NAMES_THAT_MOVE = """
pull -q @one:1
pull -q @one:2
tag @one:1 x:1
save -o %d/x1.tar x:1
tag @one:2 x:1
load -i %d/x1.tar
~ image ls --format '{{.Repository}}:{{.Tag}} {{.ID}}'
inspect -f '{{.Id}}' x:1
"""
_REFUSALS = """
save
save ''
save nosuch
save nosuch:1
save UPPER
save -o %d/x.tar nosuch
save -o %d/x.tar
save -o /no/such/directory/x.tar nosuch
pull -q @base
save -o /no/such/directory/x.tar @base
save -o %d @base
save -o %d/sub @base
save -o /dev/null @base
save --nosuch @base
save -o %d/x.tar @base nosuch
save @base@sha256:0000000000000000000000000000000000000000000000000000000000000000
load x
load -i %d/nosuch.tar
load -i %d
load -i %d/file
load -i ''
load --nosuch
load
import
import %d/nosuch.tar
import %d
import %d/fs.tar UPPER
import %d/fs.tar x@sha256:0000000000000000000000000000000000000000000000000000000000000000
import -c 'FROM x' %d/fs.tar
import -c 'STOPSIGNAL 9' %d/fs.tar
import -c 'ENV' %d/fs.tar
import -c 'EXPOSE x' %d/fs.tar
import --platform bogus/x %d/fs.tar
import --nosuch %d/fs.tar
import http://127.0.0.1:1/x.tar x
import -
image import
images -q
"""
_IMPORT = """
import %d/fs.tar imp:1
import %d/fs.tar.gz imp:gz
import %d/fs.tar.bz2 imp:bz2
import %d/fs.tar.xz imp:xz
inspect -f '{{json .RootFS}} {{.Size}} {{.Comment}} {{.Os}}' imp:1
inspect -f '{{json .RootFS}}' imp:gz imp:bz2 imp:xz
import -m 'a word' %d/fs.tar imp:msg
inspect -f '{{.Comment}}' imp:msg
import -c 'CMD ["a", "b"]' -c 'ENV A=b C="d e"' -c 'LABEL l=v' -c 'USER 1:2' -c 'WORKDIR /w' %d/fs.tar imp:cfg
inspect -f '{{json .Config.Cmd}} {{json .Config.Env}} {{json .Config.Labels}} {{.Config.User}}' imp:cfg
inspect -f '{{.Config.WorkingDir}}' imp:cfg
import -c 'CMD echo hi' -c 'EXPOSE 80 443/udp' -c 'VOLUME /v' -c 'ENTRYPOINT ["/e"]' %d/fs.tar imp:cfg2
inspect -f '{{json .Config.Cmd}} {{json .Config.Entrypoint}} {{json .Config.ExposedPorts}}' imp:cfg2
inspect -f '{{json .Config.Volumes}}' imp:cfg2
import %d/fs.tar
images -f dangling=true -q
image import %d/fs.tar imp
image ls --format '{{.Repository}}:{{.Tag}}' imp:latest
history --format '{{.Comment}} {{.Size}}' imp:1
run --rm --network none imp:1 /nosuch
"""
_PUSH = """
pull -q @one:1
pull -q @one:2
pull -q @full:3.1
tag @one:1 %r/app:1
tag @one:2 %r/app:2
tag @full:3.1 %r/deep/er:x
push %r/app:1
push %r/app:1
push -q %r/app:2
push --quiet %r/app:2
image push %r/app:2
push -a %r/app
push -qa %r/app
push --all-tags %r/app
push %r/deep/er:x
push %r/app
push %r/nosuch
push %r/nosuch:1
push -a %r/nosuch
push -a %r/app:1
push
push ''
push UPPER
push %r/app@sha256:0000000000000000000000000000000000000000000000000000000000000000
push --nosuch %r/app:1
push --disable-content-trust %r/app:1
push a b
push localhost:1/x:1
tag @one:1 localhost:1/x:1
push localhost:1/x:1
tag @one:1 %a/x:1
push %a/x:1
rmi %r/app:1 @one:1 localhost:1/x:1 %a/x:1
pull -q %r/app:1
inspect -f '{{.Id}}' %r/app:1
import %d/fs.tar %r/imported:1
push %r/imported:1
push %r/imported:1
save -o %d/app.tar %r/app:1
load -i %d/app.tar
push %r/app:1
"""
_LOGIN = """
login -u hezi -p bad %a
login %a
login -u hezi %a
login -p secret %a
login --password-stdin %a
login -u hezi -p secret --password-stdin %a
login -u hezi --password-stdin %a
login -u hezi -p secret localhost:1
login --nosuch %a
login a b
logout %a
login -u hezi -p secret %a
login %a
pull -q %a/nosuch:1
pull -q @one:1
tag @one:1 %a/mine:1
push -q %a/mine:1
pull -q %a/mine:1
manifest inspect --insecure %a/nosuch
logout %a
logout %a
logout https://%a/v1/
logout
logout a b
push %a/mine:1
pull -q %a/mine:1
"""
_ASKING = """
manifest inspect --insecure @one:1
manifest inspect --insecure @one
manifest inspect -v --insecure @one:1
manifest inspect --insecure @full:3.1
manifest inspect --insecure @nosuch
manifest inspect --insecure @one:nosuch
manifest inspect --insecure UPPER
manifest inspect --insecure ''
manifest inspect --insecure localhost:1/x
manifest inspect
manifest inspect a b c
manifest inspect --nosuch x
search
search --limit 101 @one
search --limit x @one
search -f bogus=1 @one
search -f stars=x @one
search -f is-official=maybe @one
search --nosuch @one
search a b
search @one
search busybox
"""
# One repository for both engines' manifests: what is pushed into another has that one's name, which differs.
_LISTS = """
manifest create --insecure @list:1 @one:1 @base
manifest create --insecure @list:1 @full:3.1
manifest create --insecure -a @list:1 @full:3.1
manifest create --insecure --amend @list:1 @full:3.1
manifest create --insecure @bad:1 @nosuch:1
manifest create --insecure @bad:1 @one:nosuch
manifest create UPPER @one:1
manifest create --insecure @list:2 UPPER
manifest create --insecure @list:2 localhost:1/x
manifest create --insecure --amend @list @one:1
manifest annotate @list:1 @nosuch:1 --arch arm
manifest annotate @list:1 @base --arch arm --variant v7 --os linux --os-version 1.2 --os-features a,b --os-features b
manifest annotate @list:1 @base --os-features c
manifest annotate @list:1 @base --arch bogus
manifest annotate @list:1 @base --os windows --arch s390x
manifest annotate @list:1 @full:3.1 --os windows
manifest annotate @list:9 @base --arch arm
manifest annotate @list:1 UPPER
manifest annotate UPPER @base
manifest annotate
manifest annotate a
manifest inspect @list:1
manifest inspect -v @list:1
manifest inspect @list:1 @base
manifest inspect -v @list:1 @base
manifest inspect @list:1 @nosuch:1
manifest inspect @list:9 @base
manifest push --insecure @list:1
manifest push --insecure @list:9
manifest push --insecure UPPER
manifest push
manifest inspect --insecure @list:1
manifest push --insecure -p @list
manifest push --insecure -p @list
manifest create --insecure @one:1 @list:1
manifest create --insecure @one:all @one:1 @one:2
manifest push --insecure @one:all
manifest create --insecure localhost:1/x @one:1
manifest push --insecure localhost:1/x
manifest create
manifest create a
manifest rm @list:1
manifest rm @list:1
manifest inspect --insecure @list:1
manifest rm @one:all @nosuch UPPER localhost:1/x
manifest rm
"""

SESSIONS = {
    "save and load": _SAVE_AND_LOAD,
    "names that move": _NAMES_THAT_MOVE,
    "refusals": _REFUSALS,
    "import": _IMPORT,
    "push": _PUSH,
    "login": _LOGIN,
    "asking": _ASKING,
    "manifest lists": _LISTS,
}
SESSIONS_LINES = {name: text.strip().splitlines() for name, text in SESSIONS.items()}
