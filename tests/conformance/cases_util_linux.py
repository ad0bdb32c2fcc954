"""Command lines for the tools of util-linux: ``$Q`` is a process in namespaces of its own, ``$R`` its own root."""

UNSHARE = r"""
@unshare true
@unshare --foo
@unshare -x
@unshare -r id
@unshare -U id -u
@unshare --map-user=1000 id -u
@unshare --map-user=daemon id -un
@unshare --map-group=6 id -g
@unshare --map-user=5 --map-group=7 id
@unshare --map-user=nosuch id
@unshare --map-users=1,2 true
@unshare --map-users=a,b,c true
@unshare --map-auto true
@unshare -c id -u
@unshare -r --setgroups allow true
@unshare -U --setgroups maybe true
@unshare --setgroups deny -U cat /proc/self/setgroups
@unshare -Ur --keep-caps sh -c 'grep CapAmb /proc/self/status'
@unshare -U cat /proc/self/uid_map
@unshare -r cat /proc/self/uid_map /proc/self/gid_map
@unshare --propagation foo -m true
@unshare -m findmnt -no PROPAGATION /
@unshare -m --propagation shared findmnt -no PROPAGATION /
@unshare -m --propagation slave findmnt -no PROPAGATION /
@unshare -m --propagation unchanged findmnt -no PROPAGATION /
@unshare -T --boottime 1000000 sh -c 'cut -c1-3 /proc/uptime'
@unshare -T --monotonic 1000 cat /proc/self/timens_offsets
@unshare --boottime 1000 true
@unshare -T --boottime x true
@unshare -S 5 -G 6 id
@unshare -S abc true
@unshare -G -1 true
@unshare nosuchprog
@unshare /nonexist/prog
@unshare /etc/passwd
@unshare ""
@unshare -w /etc pwd
@unshare -w /nonexist pwd
@unshare --wd
@unshare -R /usr -w /bin pwd
@unshare -R /nonexist pwd
@unshare -R
@unshare --mount-proc -p -f ps ax -o pid,args
@unshare --mount-proc=/nonexist -pf true
@unshare --kill-child=FOO true
@unshare --kill-child -p sh -c 'exit 3'
@unshare -f sh -c 'exit 7'
@unshare -f sh -c 'kill -15 $$'
@unshare -pf sh -c 'echo $$'
@unshare -p true
@unshare --fork=x true
@unshare -m=x true
@unshare --m true
@unshare --uts=/nonexist/f true
@unshare -u sh -c 'hostname box; hostname'; hostname
@unshare -muinpCUrf --mount-proc id -u
@unshare -n ip -o link | cut -d: -f2
@unshare -i ipcs -q | grep -c 0x
@unshare sh -c 'echo "$@"' x -m --foo
@unshare -- echo -m
SHELL=/bin/echo @unshare -u
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -Ur id
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -u true
setpriv --reuid 65534 --clear-groups --regid 65534 @unshare -c id -u
setpriv --reuid 65534 --clear-groups @unshare -Urm sh -c 'mount -t tmpfs t /mnt && findmnt -no FSTYPE /mnt'
"""

NSENTER = r"""
SHELL=/bin/echo @nsenter
@nsenter true
@nsenter -t $Q true
@nsenter -t $Q -u hostname
@nsenter -a -t $Q readlink /proc/self/ns/uts
@nsenter -p -t $Q readlink /proc/self/ns/pid
@nsenter -p -F -t $Q sh -c 'echo hi'
@nsenter --no-fork -t $Q -p true
@nsenter -m
@nsenter -t 4194304 -u true
@nsenter -t $$ -U true
@nsenter -t $Q -m pwd
@nsenter -t $Q --wd=/etc pwd
@nsenter -t $Q --wdns=/usr -m pwd
@nsenter -t $Q -w pwd
@nsenter -t $Q -r pwd
@nsenter -t $Q -r -w pwd
@nsenter -t $Q -r/usr -W /bin pwd
@nsenter -u/nonexist true
@nsenter -u/etc/passwd true
@nsenter -n/proc/$Q/ns/uts true
@nsenter -t $Q --net= true
@nsenter --mount=/proc/$Q/ns/mnt pwd
@nsenter --target=$Q --net=/proc/$Q/ns/net true
@nsenter -S 5 -G 6 id
@nsenter --preserve-credentials -S 5 id
@nsenter -S x true
@nsenter -t abc -u true
@nsenter -t 0 -u true
@nsenter -t
@nsenter -u -t $Q nosuch
@nsenter -u -t $Q /etc/passwd
@nsenter -t $Q -p sh -c 'kill -9 $$'
@nsenter -t $Q -p sh -c 'kill -15 $$'
@nsenter -t $Q -p sh -c 'exit 9'
@nsenter -t $Q -muin echo ok
@nsenter -a true
@nsenter -t $Q --bogus
@nsenter -t $Q -x true
@nsenter -W /etc pwd
@nsenter -W /nonexist pwd
@nsenter --wd pwd
@nsenter -t $Q --wd=/nonexist true
@nsenter -t $R -U id
@nsenter -t $R -U -S 0 cat /proc/self/uid_map
@nsenter -t $R -U --preserve-credentials id
@nsenter -t $R -a --preserve-credentials id
@nsenter -t $Q -m -u -i -n -p -C cat /proc/self/cgroup
@nsenter -t $Q -n ip -o link
@nsenter -t $Q -- echo -m
@nsenter --no-fork=1 true
setpriv --reuid 65534 --clear-groups --regid 65534 @nsenter -t $Q -u true
"""

LSNS = r"""
@lsns
@lsns --tree=owner
@lsns --tree=parent
@lsns --tree=process
@lsns -Towner
@lsns -T
@lsns --tree
@lsns -r
@lsns -l
@lsns -u
@lsns -W
@lsns -n
@lsns -J
@lsns -J -T
@lsns -o NS,TYPE,PNS,ONS
@lsns --tree=parent -t pid -o NS,TYPE,PNS,ONS
@lsns --tree=owner -t pid -o NS,USER,UID,PID,PPID,PATH,NPROCS
@lsns -l -t pid -o NS,TYPE,PNS,ONS
@lsns -J --tree=parent -t pid
@lsns -t net
@lsns -J -t net
@lsns -r -t net
@lsns $U
@lsns -J $U
@lsns -l $U
@lsns -r $U
@lsns -p 1
@lsns -p 1 -J
@lsns --tree=bogus
@lsns --tree=parent -p 1
@lsns --tree=process -r -t uts
@lsns --tree=owner -r
@lsns --tree=owner -o TYPE
@lsns -J --tree=owner -o TYPE
@lsns -p 99999
@lsns -p 0
@lsns -p -1
@lsns ""
@lsns -o ""
@lsns -o ns,,type
@lsns -J -p 99999
@lsns --output-all
@lsns --output-all -r -t net
@lsns --output-all -o NS
@lsns --output-all --tree=process
@lsns -o +PPID,UID
@lsns -o type -t uts
@lsns -o NS,COMMAND -t uts
@lsns -o COMMAND,NS
@lsns -t mnt -t uts
@lsns -t bogus
@lsns -o NS,FOO
@lsns 1
@lsns abc
@lsns -p abc
@lsns -J -r
@lsns -p 1 4026531837
@lsns --bogus
@lsns -o
@lsns -n -o NS,NSFS -t uts
@lsns -W -o NS,NSFS -t uts
@lsns -o NS,NSFS -t uts -J
@lsns --json --list -t user
"""


def lines(text: str) -> list[str]:
    """Return the cases of a block."""
    return [line for line in text.splitlines() if line]
