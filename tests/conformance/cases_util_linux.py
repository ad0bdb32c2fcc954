"""Command lines for the tools of util-linux: ``$Q`` is a process in namespaces of its own, ``$R`` its own root.

A line that begins with ``~`` has both complain, each in its own words. The long rest is in ``cases_util_linux_*.py``.
"""

UNSHARE = r"""
@unshare true
@unshare grep -E 'Sig(Ign|Blk|Cgt)' /proc/self/status
@unshare -f grep -E 'Sig(Ign|Blk|Cgt)' /proc/self/status
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
~@unshare --map-auto true
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
~@unshare --boottime 1000 true
@unshare -T --boottime x true
@unshare -S 5 -G 6 id
@unshare -S abc true
~@unshare -G -1 true
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
~@unshare --m true
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
@nsenter grep -E 'Sig(Ign|Blk|Cgt)' /proc/self/status
@nsenter -t $Q -p grep -E 'Sig(Ign|Blk|Cgt)' /proc/self/status
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
setpriv --reuid 65534 --clear-groups @lsns -J
setpriv --reuid 65534 --clear-groups @lsns -p 1
"""

FINDMNT = r"""
@findmnt -o TARGET,PROPAGATION
@findmnt -o TARGET,PROPAGATION -J
@findmnt -o TARGET,PROPAGATION -l
@findmnt -o TARGET,PROPAGATION -r
@findmnt -o TARGET,PROPAGATION -P
@findmnt -o TARGET,PROPAGATION -n
@findmnt -o TARGET,PROPAGATION -a
@findmnt -o TARGET,PROPAGATION -R /mnt
@findmnt -o TARGET,PROPAGATION,OPT-FIELDS -R /mnt
@findmnt -o TARGET,PROPAGATION -R /mnt -r
@findmnt -o TARGET,PROPAGATION -R /mnt -P -y
@findmnt -o TARGET,PROPAGATION -R /mnt -J
@findmnt -o TARGET,PROPAGATION -R /mnt -l
@findmnt -o TARGET,PROPAGATION -R /mnt -l -J
@findmnt -o TARGET,PROPAGATION -R /mnt -a
@findmnt -o TARGET,PROPAGATION /mnt/a
@findmnt -o TARGET,PROPAGATION /mnt/b
@findmnt -o TARGET,PROPAGATION /mnt/b/x
@findmnt -o TARGET,PROPAGATION -T /mnt/a/y
@findmnt -o TARGET,PROPAGATION -T /mnt/a
@findmnt -o TARGET,PROPAGATION -T /nonexistent
@findmnt -o TARGET,PROPAGATION -M /mnt/c
@findmnt -o TARGET,PROPAGATION -M /mnt/c/
@findmnt -o TARGET,PROPAGATION -M /etc
@findmnt -o TARGET,PROPAGATION -S sa
@findmnt -o TARGET,PROPAGATION sa
@findmnt -o TARGET,PROPAGATION sa /mnt/a
@findmnt -o TARGET,PROPAGATION sb /mnt/a
@findmnt -o TARGET,PROPAGATION -t tmpfs
@findmnt -o TARGET,PROPAGATION -t tmpfs -l
@findmnt -o TARGET,PROPAGATION -t notmpfs
@findmnt -o TARGET,PROPAGATION -t nosuch
@findmnt -o TARGET,PROPAGATION -t xfs
@findmnt -o TARGET,PROPAGATION -t tmpfs,proc -l
@findmnt -o TARGET,PROPAGATION -i -t tmpfs
@findmnt -o TARGET,PROPAGATION -f /mnt/b
@findmnt -o TARGET,PROPAGATION -f
@findmnt -o TARGET,PROPAGATION -d backward /mnt/b
@findmnt -o TARGET,PROPAGATION -d sideward
@findmnt -o TARGET,PROPAGATION -d backward -l -t tmpfs
@findmnt -o TARGET,PROPAGATION -U
@findmnt -o TARGET,PROPAGATION -U -R /mnt
@findmnt -o TARGET,PROPAGATION --shadowed
@findmnt -o TARGET,PROPAGATION --real
@findmnt -o TARGET,PROPAGATION --pseudo
@findmnt -o TARGET,PROPAGATION -O noatime
@findmnt -o TARGET,PROPAGATION -O ro
@findmnt -o TARGET,PROPAGATION -O nosuid -l
@findmnt -o TARGET,PROPAGATION,FOO
@findmnt -o target,propagation /mnt/d
@findmnt -o PROPAGATION /mnt/d
@findmnt -no PROPAGATION /mnt/d
@findmnt -o +PROPAGATION /mnt/a
@findmnt /mnt/a
@findmnt -o SOURCE,FSROOT,TARGET,PROPAGATION /mnt/e
@findmnt -v -o SOURCE,TARGET,PROPAGATION /mnt/e
@findmnt -o ID,PARENT,MAJ:MIN,TARGET,PROPAGATION -R /mnt
@findmnt -o ID,PARENT,MAJ:MIN,TARGET,PROPAGATION -R /mnt -J
@findmnt -o TARGET,VFS-OPTIONS,FS-OPTIONS,OPTIONS -R /mnt
@findmnt -N $P -o TARGET,PROPAGATION /mnt/a
@findmnt -N 4194304 -o TARGET,PROPAGATION
@findmnt -N $P -o TID,TARGET,PROPAGATION /mnt/a | tr 0-9 N
@findmnt -o TARGET,PROPAGATION -J -r
@findmnt -o TARGET,PROPAGATION --bogus
@findmnt -o
@findmnt -o TARGET,PROPAGATION /mnt/../mnt/a
@findmnt -C -o TARGET,PROPAGATION /mnt/../mnt/a
@findmnt -o TARGET,PROPAGATION --tree -t tmpfs -l
@findmnt -o TARGET,PROPAGATION a b c
@findmnt -o TARGET,PROPAGATION -R /mnt/b
@findmnt -o TARGET,PROPAGATION -k /mnt/a
@findmnt -o TARGET,PROPAGATION -A -R /mnt
cd /mnt && @findmnt -o TARGET,PROPAGATION a
@findmnt -o PROPAGATION,TARGET -R /mnt
@findmnt -o PROPAGATION -R /mnt
@findmnt -o PROPAGATION -R /mnt -J
@findmnt -o PROPAGATION,TARGET -r "/mnt/x y"
"""

# In a mount namespace of its own: a tmpfs on /mnt, others on /mnt/a and /mnt/b, empty directories c and d.
MOUNT = r"""
@mount --make-shared /mnt
@mount --make-private /mnt
@mount --make-slave /mnt
@mount --make-unbindable /mnt
@mount --make-rshared /mnt
@mount --make-rprivate /mnt
@mount --make-rslave /mnt
@mount --make-runbindable /mnt
@mount --make-private --make-shared /mnt
@mount --make-shared --make-slave /mnt
@mount --make-slave --make-shared /mnt/copy
@mount --make-slave /mnt/copy
@mount --make-rslave /mnt/copy
@mount --make-rslave /mnt/copy --make-shared
@mount --make-rshared --make-private /mnt
@mount --make-rshared --make-unbindable /mnt
@mount --make-private --make-rshared /mnt
@mount --make-shared /mnt/c
@mount --make-shared /nonexist
@mount --make-shared
@mount --make-shared a b c
@mount --make-bogus /mnt
@mount --make-s /mnt
@mount --make-shared=1 /mnt
@mount --make-shared none /mnt
@mount --make-rprivate /
@mount --make-rshared /mnt/../mnt
@mount --make-rsh /mnt
@mount --make-un /mnt/a
~@mount --make-private ""
cd /mnt && @mount --make-shared .
cd /mnt && @mount --make-shared a
@mount --make-private /proc/self/ns/uts
setpriv --reuid 65534 --clear-groups @mount --make-private /mnt
@mount --bind --make-shared /mnt/a /mnt/c
@mount --make-private --bind /mnt/a /mnt/c
@mount --bind /mnt/copy /mnt/c
@mount --rbind /mnt/a /mnt/c
@mount --rbind /mnt /mnt/c
@mount -B /mnt/a /mnt/c
@mount -R /mnt/a /mnt/c
@mount -M /mnt/a /mnt/c
@mount --move /mnt/a /mnt/c
~@mount --make-shared /mnt && @mount --move /mnt/a /mnt/c
~@mount --move /mnt/c /mnt/d
~@mount --move /mnt/a /mnt/a/inner
~@mount --bind /nonexist /mnt/c
~@mount --bind /mnt/a /nonexist
~@mount --bind /etc/passwd /mnt/c
~@mount --make-unbindable /mnt/a && @mount --bind /mnt/a /mnt/c
@mount --make-runbindable /mnt/a && @mount --rbind /mnt /mnt/c
"""


def lines(text: str) -> list[str]:
    """Return the cases of a block."""
    return [line for line in text.splitlines() if line]
