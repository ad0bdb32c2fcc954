"""The man pages of unshare, nsenter and lsns gone through against the grain; see :mod:`cases_util_linux`."""

UNSHARE = r"""
@unshare -h >/dev/null
@unshare --help >/dev/null
@unshare --he >/dev/null
@unshare -V >/dev/null
@unshare --version >/dev/null
@unshare --vers -m nosuch >/dev/null
@unshare -hx >/dev/null
@unshare --map-r id -u
@unshare --map-c id -u
@unshare --map-u=5 id -u
@unshare --map-user 5 --map-group 5 id
@unshare --map-roo -S 0 id
@unshare --prop private -m findmnt -no PROPAGATION /
@unshare --fo true
@unshare --for true
@unshare --ne ip -o link
@unshare --set deny -r true
@unshare --set
@unshare --kill-child=SIGKILL sh -c 'exit 4'
@unshare --kill-child=term true
@unshare --kill-child= true
@unshare --kill=INT true
@unshare -ufw/etc pwd
@unshare -fw /etc pwd
@unshare -w/etc -R/ pwd
@unshare -w / pwd
@unshare -S5 -G6 id
@unshare -S5G6 id
~@unshare -S 4294967295 true
~@unshare -S -1 true
@unshare -S '' true
@unshare -S ' 5' id -u
@unshare -S +5 id -u
@unshare -S 0x5 id -u
@unshare -S 05 id -u
~@unshare -G 99999999999999999999 true
@unshare -S 5x true
@unshare -U -S 5 true
@unshare -Ur -S 5 true
@unshare -Ur -G 5 true
@unshare -c -S 0 true
@unshare --map-users=1,2,3,4 true
~@unshare --map-users=1,2,-3 true
~@unshare --map-users=,, true
~@unshare --map-users= true
@unshare --map-users true
~@unshare --map-users=auto true
~@unshare --map-groups=auto true
@unshare --map-groups=a true
~@unshare --map-users=0,0,0 true
~@unshare -r --map-auto id
@unshare --map-user= id -u
@unshare --map-group=nosuch true
@unshare --map-group=daemon id -g
@unshare --map-user=root --map-group=root id
@unshare -rc id
@unshare -cr id
@unshare -r --map-user=7 id -u
@unshare --map-user=7 -r id -u
@unshare -r --map-group=7 id -g
@unshare -U --setgroups=allow cat /proc/self/setgroups
@unshare --setgroups=allow --map-group=5 true
@unshare --setgroups=allow true
@unshare --setgroups= -U true
@unshare --propagation=slave true
@unshare --propagation=slave -m findmnt -no PROPAGATION /
@unshare --propagation -m true
@unshare --propagation= -m true
@unshare -mm true
@unshare -mumu true
@unshare -T cat /proc/self/timens_offsets
@unshare -Tf cat /proc/self/timens_offsets
@unshare -T --boottime 1000000 --monotonic -1 cat /proc/self/timens_offsets
@unshare -T --boottime=-999999999 true
@unshare -T --boottime= true
@unshare -T --boottime 1.5 true
~@unshare --monotonic 1 true
@unshare --monotonic 1 --boottime 1 -T sh -c 'exit 5'
@unshare -Tr --boottime 1000000 sh -c 'cut -c1-3 /proc/uptime'
@unshare -TUr --monotonic=5 cat /proc/self/timens_offsets
@unshare -R/ -w/etc true
@unshare -R /etc/passwd true
@unshare -w /etc/passwd true
@unshare -R /usr pwd
@unshare -R /usr /bin/pwd
@unshare --root=/usr --wd=/lib /bin/pwd
@unshare -R /usr nosuch
@unshare -mR /usr --mount-proc true
@unshare --mount-proc -R/ -pf sh -c 'ls /proc/1 >/dev/null && echo yes'
@unshare --mount-proc=/mnt -pf ls -d /mnt/1
@unshare --mount-proc=/etc/passwd -pf true
@unshare --mount-proc= -pf true
@unshare --mount-proc /mnt true
@unshare -fp --mount-proc sh -c 'kill -9 $$; echo alive $$'
@unshare -fp sh -c 'kill -15 $$; echo alive $$'
@unshare -f sh -c 'kill -1 $$'
@unshare -f sh -c 'kill -3 $$'
@unshare -f sh -c 'kill -11 $$'
@unshare -f sh -c 'kill -10 $$'
@unshare -f sh -c 'exit 255'
@unshare -f nosuch
@unshare -f /etc/passwd
@unshare -pf nosuch
@unshare -f /
@unshare /
@unshare ./nosuch
@unshare .
@unshare -pf --kill-child sh -c 'echo $$'
@unshare -p sh -c 'true & wait; echo $?'
@unshare -p sh -c '/bin/true; /bin/true'
PATH=/nonexist @unshare id
PATH= @unshare id -u
unset PATH; @unshare id -u
cd /bin && PATH=: @unshare id -u
env -i @unshare /usr/bin/env
env -i A=1 B=2 @unshare -u /usr/bin/env
SHELL= @unshare -u </dev/null
SHELL=/nonexist/sh @unshare
SHELL=/bin/echo @unshare -f
env -u SHELL @unshare -u </dev/null
echo 'echo hi $0' | SHELL=/bin/sh @unshare -u
echo 'echo hi $0; exit 3' | @unshare -f
@unshare -C cat /proc/self/cgroup
@unshare -C sh -c 'cut -d: -f3 /proc/self/cgroup | sort -u'
@unshare -n sh -c 'cat /proc/net/dev | wc -l'
@unshare -i sh -c 'ipcmk -Q >/dev/null; ipcs -q | grep -c 0x'
@unshare -u sh -c 'readlink /proc/self/ns/uts' | grep -c uts
@unshare -uX true
@unshare -u -- -x
@unshare - true
@unshare '' -u
~@unshare --=x
@unshare --
@unshare --user=/nonexist/x true
@unshare -pf --pid=/nonexist/x true
@unshare -n=/tmp/x true
@unshare -nfoo true
~@unshare --map-subids true
~@unshare --owner=1:1 true
@unshare --keep-caps -S 5 -U true
@unshare --keep-caps sh -c 'grep CapAmb /proc/self/status'
@unshare -r --keep-caps -S 0 sh -c 'grep Cap /proc/self/status'
@unshare -Uc --keep-caps sh -c 'grep Cap /proc/self/status'
@unshare -U sh -c 'grep Cap /proc/self/status'
@unshare -r sh -c 'grep Cap /proc/self/status'
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -Urpf --mount-proc id -u
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -U id
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -Urn ip -o link
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -r --setgroups allow id
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -n true
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -f true
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -p true
~setpriv --reuid 65534 --clear-groups --regid 65534 @unshare --map-auto true
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare --map-user=5 --map-group=6 id
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -R / true
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -UrR /usr /bin/pwd
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -S 5 true
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -G 5 true
~setpriv --reuid 65534 --clear-groups --regid 65534 @unshare --map-users=0,0,10 --map-groups=0,0,10 id
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -UrT --boottime 1000000 sh -c 'cut -c1-3 /proc/uptime'
unshare -Ur @unshare -Ur cat /proc/self/uid_map
unshare -Ur @unshare -m findmnt -no PROPAGATION /
unshare -r sh -c 'echo 0 > /proc/sys/user/max_uts_namespaces; @unshare -u true'
unshare -r sh -c 'echo 0 > /proc/sys/user/max_user_namespaces; @unshare -U true'
chroot /usr @unshare true
"""

NSENTER = r"""
@nsenter -h >/dev/null
@nsenter --he >/dev/null
@nsenter -V >/dev/null
@nsenter --version extra >/dev/null
@nsenter -t $Q --ut hostname
@nsenter -t $Q --u true
@nsenter -t $Q --us true
@nsenter -t $Q --m pwd
@nsenter -t $Q --n true
@nsenter -t $Q --ne ip -o link
@nsenter -t $Q --w pwd
@nsenter -t $Q --wd pwd
@nsenter --targ $Q -u true
@nsenter --ta=$Q -u true
@nsenter -t$Q -u true
@nsenter -ut $Q true
@nsenter -ut$Q true
@nsenter -t $Q -um pwd
@nsenter -t $Q -uipnm pwd
@nsenter -t $Q -mF pwd
@nsenter -t $Q -Fp sh -c 'echo x'
@nsenter -t $Q -pF readlink /proc/self/ns/pid_for_children
@nsenter -at $Q pwd
@nsenter -at$Q hostname
@nsenter --all --target $Q hostname
@nsenter -a -t $Q -u/proc/self/ns/uts true
@nsenter -at $Q -r pwd
@nsenter -at $Q -w pwd
@nsenter -at $Q -rw pwd
@nsenter -at $Q -r -w pwd
@nsenter -at $Q --root=/usr pwd
@nsenter -at $Q -S 5 -G 6 id
@nsenter -at $Q -S 5 id
@nsenter -at $Q -G 6 id
@nsenter -at $Q sh -c 'exit 42'
@nsenter -at $Q sh -c 'kill -2 $$'
@nsenter -t $Q -p sh -c 'kill -6 $$'
@nsenter -t $Q -p sh -c 'kill -1 $$'
@nsenter -t $Q -pF sh -c 'kill -15 $$'
@nsenter -t $Q -p nosuch
@nsenter -t $Q -p /etc/passwd
@nsenter -t $Q -a nosuch
@nsenter nosuch
@nsenter /
@nsenter ''
@nsenter -t $Q -u ''
@nsenter -t '' -u true
~@nsenter -t -1 -u true
@nsenter -t +$Q -u hostname
@nsenter -t ' 1' -u true
@nsenter -t 1x -u true
@nsenter -t 99999999999 -u true
@nsenter -t 4194305 -a true
@nsenter -t 4194304 true
@nsenter -t 4194304 -r true
@nsenter -t 4194304 -w true
~@nsenter -t 4194304 -e true
@nsenter -S '' true
~@nsenter -S -1 true
~@nsenter -S 4294967295 true
@nsenter -G x true
~@nsenter -G -1 true
@nsenter -S5 -G6 id
@nsenter -S5 id
@nsenter -G5 id
@nsenter --setuid=5 --setgid=7 id
@nsenter --setu 5 id -u
@nsenter --preserve-credentials id
@nsenter --pres id -u
@nsenter --root pwd
@nsenter -r pwd
@nsenter -r/ pwd
@nsenter -r/usr /bin/pwd
@nsenter -r/usr pwd
@nsenter -r/nonexist true
@nsenter -r/etc/passwd true
@nsenter --root=/etc/passwd true
@nsenter -r/usr -w/etc /bin/pwd
@nsenter -w/etc pwd
@nsenter -w/etc/passwd true
@nsenter -w/nonexist true
@nsenter --wd=/etc pwd
@nsenter --wdns pwd
@nsenter --wdns=/etc pwd
@nsenter --wdns=/etc/passwd true
@nsenter -t $Q -m -W /nonexist true
@nsenter -t $Q -m -W/etc pwd
@nsenter -t $Q -r -W/etc pwd
@nsenter -w/etc -W/usr pwd
@nsenter -W/usr -w/etc pwd
@nsenter -i pwd
@nsenter -u pwd
@nsenter -U pwd
@nsenter -C pwd
@nsenter -T pwd
@nsenter -p pwd
@nsenter -n pwd
@nsenter --mount= true
@nsenter --mount=/nonexist true
@nsenter -m/proc/$Q/ns/mnt -p/proc/$Q/ns/pid readlink /proc/self/ns/mnt
@nsenter -m/proc/$Q/ns/uts true
@nsenter -p/proc/$Q/ns/mnt true
@nsenter -i/proc/$Q/ns/net true
@nsenter -C/proc/$Q/ns/net true
@nsenter -T/proc/$Q/ns/net true
@nsenter -U/proc/$Q/ns/net true
@nsenter -U/proc/$R/ns/user id
@nsenter -U/proc/$R/ns/user -S 5 true
@nsenter -U/proc/$R/ns/user -G 5 true
@nsenter -t $R -U cat /proc/self/setgroups
@nsenter -t $R -U sh -c 'grep Cap /proc/self/status'
@nsenter -t $R -U -G 0 id
@nsenter -t $R -U -S 7 true
@nsenter -t $R -U -S 0 -G 0 id
@nsenter -t $R -U --preserve-credentials -S 0 id
@nsenter -t $R -Uu true
@nsenter -t $R -a id
@nsenter -t $R -aF id
@nsenter -t $Q -U id
@nsenter -t $Q -T cat /proc/self/timens_offsets
@nsenter -t $Q -T readlink /proc/self/ns/time_for_children | cut -d[ -f1
@nsenter -t $Q -C cat /proc/self/cgroup
@nsenter -t $Q -n sh -c 'cat /proc/net/dev' | wc -l
@nsenter -t $Q -i ipcs -q | wc -l
@nsenter -t $Q -m -- sh -c 'echo "$@"' x -m
@nsenter -t $Q -m echo -t
@nsenter -t $Q echo -- -u
@nsenter -t $Q -u --
@nsenter -t $Q -u -u hostname
@nsenter -t $Q -t $R -U id
@nsenter -t 1 -t $Q -u true
@nsenter -t $Q -F true
@nsenter -F true
@nsenter --no-f -t $Q -p true
@nsenter -Z true
@nsenter -t $Q -Z true
@nsenter --follow-context true
@nsenter -x
@nsenter --uts= true
@nsenter --uts hostname
@nsenter --target
@nsenter --target= -u true
@nsenter -S
@nsenter -W
SHELL=/bin/echo @nsenter -t $Q -m
SHELL=/bin/echo @nsenter -t $Q -p
SHELL=/nonexist @nsenter -t $Q -u
echo 'echo $0' | @nsenter -t $Q -u
env -i A=1 @nsenter -t $Q -u /usr/bin/env
PATH=/nonexist @nsenter -t $Q -u id
PATH= @nsenter -t $Q -u id -u
setpriv --reuid 65534 --clear-groups --regid 65534 @nsenter -t $Q -m true
setpriv --reuid 65534 --clear-groups --regid 65534 @nsenter -t $Q -a true
setpriv --reuid 65534 --clear-groups --regid 65534 @nsenter -t $R -U true
setpriv --reuid 65534 --clear-groups --regid 65534 @nsenter -t $$ -m true
setpriv --reuid 65534 --clear-groups --regid 65534 @nsenter -S 5 true
~setpriv --reuid 65534 --clear-groups --regid 65534 @nsenter -G 5 true
setpriv --reuid 65534 --clear-groups --regid 65534 @nsenter -r/usr true
setpriv --reuid 65534 --clear-groups --regid 65534 @nsenter id -u
setpriv --reuid 65534 --clear-groups --regid 65534 @nsenter -w/root true
"""

LSNS = r"""
@lsns -h >/dev/null
@lsns --help >/dev/null
@lsns -V >/dev/null
@lsns --vers >/dev/null
@lsns -Vx >/dev/null
@lsns --js
@lsns --lis
@lsns --nohead
@lsns --noh -o NS,TYPE
~@lsns --no
@lsns --not
@lsns --now -o NS,NSFS
@lsns --out NS,TYPE
@lsns --output NS,TYPE
@lsns --output=NS,TYPE
@lsns --output=
@lsns --outp NS
@lsns --output-a
@lsns --out=NS
@lsns --task 1
@lsns --task=1 --raw
@lsns --ta 1
@lsns --t 1
@lsns --ty uts
@lsns --type=uts
@lsns --type uts --type ipc
@lsns --type
@lsns --tr
@lsns --tre=owner
@lsns --tree=
@lsns --tree=own
@lsns --tree owner
@lsns -T owner
@lsns -Tparent
@lsns -Tprocess
@lsns -Tx
@lsns -t
@lsns -t ''
@lsns -t UTS
@lsns -t uts,ipc
@lsns -tuts
@lsns -t time
@lsns -t cgroup
@lsns -t mnt
@lsns -t pid
@lsns -t ipc
@lsns -t user
@lsns -t user -T
@lsns -t user --tree=parent
@lsns -t pid --tree=parent
@lsns -t pid --tree=owner
@lsns -t uts --tree=owner
@lsns -t uts --tree=parent
@lsns -nt uts
@lsns -nlt uts
@lsns -Jt uts
@lsns -rnt uts
@lsns -lr
@lsns -lJ
@lsns -lT
@lsns -Tl
@lsns --list --tree=owner
@lsns -rT
@lsns -rn
@lsns -rT -t user
@lsns -JT -t user
@lsns -J --tree=owner
@lsns -J --tree=parent -t user
@lsns -J --tree=process -t uts
@lsns -J -l -t net
@lsns -J -o NS
@lsns -J -o NS,UID,PPID,NETNSID,NSFS,PNS,ONS -t net
@lsns -J -o COMMAND
@lsns -J -n
@lsns -J -u
@lsns -J -W --output-all
@lsns -J --output-all
@lsns -W --output-all
@lsns -W -r --output-all
@lsns -r --output-all
@lsns --output-all -n
@lsns --output-all -l
@lsns --output-all -t pid
@lsns --output-all -T
@lsns --output-all --tree=parent
@lsns --output-all -p 1
@lsns -o +NS
@lsns -o +
@lsns -o +FOO
@lsns -o ns
@lsns -o Ns,tYPe
@lsns -o NS,NS
@lsns -o NS -o TYPE
@lsns -o TYPE,NS --tree=owner
~@lsns -o NS,
@lsns -o ,NS
@lsns -o 'NS TYPE'
@lsns -o NS,TYPE extra
@lsns -o PATH
@lsns -o PATH -r
@lsns -o USER,UID
@lsns -o NPROCS
@lsns -o PNS -t pid
@lsns -o PNS,ONS -t user
@lsns -o ONS
@lsns -o NETNSID -t net
@lsns -o NETNSID
@lsns -o NETNSID -J
@lsns -o NSFS
@lsns -o NSFS -t uts
@lsns -o NSFS -r -t uts
@lsns -o NSFS -W -t uts
@lsns -o NSFS,NS -t uts
@lsns -o NSFS,NS -t uts -J -W
@lsns -o PID,PPID,COMMAND
@lsns -o COMMAND -T
@lsns -o COMMAND --tree=process
@lsns -o UID,COMMAND --tree=process -t uts
@lsns -p 1 -t uts
@lsns -p 1 -r
@lsns -p 1 -l
@lsns -p 1 -n
@lsns -p 1 -o NS
@lsns -p 1 -T
@lsns -p 1 -t bogus
@lsns -p 1 -p 2
@lsns -p1
@lsns -p 01
@lsns -p ' 1'
@lsns -p 1x
@lsns -p ''
@lsns -p
@lsns -p 4194305
@lsns -p 99999999999
@lsns -p +1
@lsns $U $U
@lsns $U extra
@lsns -n $U
@lsns -t user $U
@lsns -t uts $U
@lsns -o PID $U
@lsns -o PID,NS,TYPE $U
@lsns -T $U
@lsns --tree=parent $U
@lsns --tree=process $U
@lsns -lr $U
@lsns -u $U
@lsns -p 1 $U
@lsns $U -p 1
@lsns -J -o PID,COMMAND $U
@lsns -1
@lsns +$U
@lsns ' 1'
@lsns 99999999999999999999999
@lsns ${U}x
@lsns -- $U
@lsns -- -x
@lsns -x
@lsns -nx
@lsns -i
@lsns -a
@lsns --raw=1
@lsns --
@lsns -
@lsns -uWn -t uts
@lsns -W -t net
@lsns -u -t net
@lsns -r -t net -n
@lsns -l -t net
COLUMNS=20 @lsns
TERM=dumb @lsns -t uts
@lsns -t uts -t uts
@lsns -t time -t cgroup -o TYPE,NS
setpriv --reuid 65534 --clear-groups @lsns
setpriv --reuid 65534 --clear-groups @lsns -T
setpriv --reuid 65534 --clear-groups @lsns -t user --tree=parent
setpriv --reuid 65534 --clear-groups @lsns $U
setpriv --reuid 65534 --clear-groups @lsns -o NETNSID,NS -t net
setpriv --reuid 65534 --clear-groups @lsns 4026531836
"""
