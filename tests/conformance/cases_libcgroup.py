"""Command lines for the tools of libcgroup, and those where hezi means to differ.

``{G}`` is the test's own group (of cpu: ``a``, ``a/b``, ``c`` below it; of memory: ``m``; of pids, freezer, cpuset and
devices itself alone), ``{P}`` a process in cpu:{G}/a and memory:{G}/m, ``{T}`` a directory with files.
"""

from __future__ import annotations

LINES = r"""
lscgroup cpu:/{G}
lscgroup cpu:{G}
lscgroup cpu:{G}/
lscgroup -g cpu:{G}/a
lscgroup --group cpu:{G}/a
lscgroup --gr=cpu:{G}/a
lscgroup memory:{G} cpu:{G}
lscgroup -g memory:{G} -g cpu:{G}/c
lscgroup cpu,memory:{G}
lscgroup memory,cpu:{G}
lscgroup cpu:{G}/nope
lscgroup nope:{G}
lscgroup nope:{G} cpu:{G}
lscgroup {G}
lscgroup cpu:
lscgroup :{G}
lscgroup -g
lscgroup -x
lscgroup --nope
lscgroup --group
lscgroup cpu:{G}/a/b/
lscgroup pids:{G} freezer:{G}
lssubsys -x
lssubsys --nope
lssubsys --a
lssubsys --all=1
cgget
cgget -x
cgget -r cpu.shares
cgget -r cpu.shares {G}
cgget -r cpu.shares /{G}
cgget -r cpu.shares {G}/
cgget -r cpu.shares {G} {G}/a
cgget -r cpu.shares -r cpu.cfs_period_us {G}/a
cgget --variable cpu.shares {G}/a
cgget --variable=cpu.shares {G}/a
cgget -n -r cpu.shares {G}/a
cgget -v -r cpu.shares {G}/a
cgget -nv -r cpu.shares {G}/a
cgget -n --values-only -r cpu.shares {G}/a
cgget -r cpu.stat {G}/c
cgget -v -r cpu.stat {G}/c
cgget -nv -r cpu.stat {G}/c
cgget -r memory.oom_control {G}/m
cgget -r memory.limit_in_bytes {G}/m
cgget -r freezer.state {G}
cgget -r pids.max {G}
cgget -r devices.list {G}
cgget -r cpuset.cpus {G}
cgget -g cpu {G}/c
cgget -g cpu:{G}/c
cgget -g cpu -n {G}/c
cgget -g cpu -nv {G}/c
cgget -g pids:{G} -g freezer:{G}
cgget -g cpu,pids:{G}
cgget -g pids -g freezer {G}
cgget -g devices {G}
cgget -g cpuset {G}
cgget -g freezer {G}
cgget -r cpu.nope {G}
cgget -r nope.nope {G}
cgget -r nope {G}
cgget -r cpu.shares {G}/nope
cgget -r cpu.shares -g cpu {G}
cgget -r cpu.shares -a {G}
cgget -g cpu:{G} {G}
cgget -g cpu
cgget -g
cgset
cgset {G}
cgset -r cpu.shares=100
cgset -r cpu.shares=100 {G}
cgset -r cpu.shares=100 {G} {G}/a
cgset -r cpu.shares=100 -r cpu.cfs_quota_us=50000 {G}/a
cgset -r cpu.shares=100 -r pids.max=7 {G}
cgset -r cpu.shares=1 {G}
cgset -r cpu.shares=abc {G}
cgset -r cpu.shares= {G}
cgset -r cpu.nope=1 {G}
cgset -r nope.nope=1 {G}
cgset -r cpu.shares=100 {G}/nope
cgset -r memory.limit_in_bytes=64M {G}/m
cgset -r memory.limit_in_bytes=99999999 {G}/m
cgset -r freezer.state=FROZEN {G}
cgset -r pids.max=max {G}
cgset -r cpuset.cpus=0 {G}
cgset -r cpuset.cpus=0-9999 {G}
cgset --copy-from {G}/a {G}/c
cgset --copy-from {G}/a {G}/c {G}/a/b
cgset -r cpu.shares=3 --copy-from {G} {G}/a
cgset -x {G}
cgcreate
cgcreate -x
cgcreate -g
cgcreate -g cpu
cgcreate -g cpu:
cgcreate -g :{G}
cgcreate -g cpu:{G}/new
cgcreate -g cpu:/{G}/new/
cgcreate -g cpu:{G}/new/deep/er
cgcreate -g cpu:{G}
cgcreate -g cpu,memory:{G}/new
cgcreate -g cpu:{G}/new -g pids:{G}/other
cgcreate -g nope:{G}/new
cgcreate -g cpu:/
cgcreate -g cpu:{G}/new extra
cgcreate -a daemon:daemon -g cpu:{G}/new
cgcreate -t daemon:daemon -g cpu:{G}/new
cgcreate -a daemon:daemon -t nobody:nogroup -g cpu:{G}/new
cgcreate -a daemon:daemon -g cpu:{G}/new/deep
cgcreate -d 700 -g cpu:{G}/new
cgcreate -f 600 -g cpu:{G}/new
cgcreate -s 660 -g cpu:{G}/new
cgcreate -d 750 -f 640 -s 666 -g cpu:{G}/new
cgcreate --dperm=750 --fperm=640 --tperm=666 -g cpu:{G}/new
cgcreate -d 9 -g cpu:{G}/new
cgcreate -a daemon:daemon -d 770 -g cpu:{G}/new
cgdelete
cgdelete -x
cgdelete {G}
cgdelete cpu:{G}/a/b
cgdelete -g cpu:{G}/a/b
cgdelete -r cpu:{G}/a
cgdelete -r cpu:{G}
cgdelete --recursive cpu:{G}/a
cgdelete cpu:{G}/c memory:{G}/m
cgdelete cpu:{G}/nope
cgdelete nope:{G}
cgdelete memory:{G}/m
cgdelete cpu:/
cgexec
cgexec -x
cgexec -g cpu:{G}/c
cgexec -g cpu:{G}/c true
cgexec -g cpu:{G}/c sh -c 'exit 7'
cgexec -g cpu:{G}/c grep :cpu: /proc/self/cgroup
cgexec -g cpu:{G}/c -g memory:{G}/m grep -E ':(cpu|memory):' /proc/self/cgroup
cgexec -g cpu,pids:{G} grep -E ':(cpu|pids):' /proc/self/cgroup
cgexec --sticky -g cpu:{G}/c true
cgexec -g cpu:{G}/c echo -g x
cgexec -g cpu:{G}/c no-such-program
cgexec -g cpu:{G}/nope true
cgexec -g nope:{G} true
cgexec -g cpu true
cgexec true
cgclassify
cgclassify -x
cgclassify -g cpu:{G}/c {P}
cgclassify -g cpu:{G}/c -g memory:{G} {P}
cgclassify -g cpu,memory:{G} {P}
cgclassify --sticky -g cpu:{G}/c {P}
cgclassify --cancel-sticky -g cpu:{G}/c {P}
cgclassify -g cpu:{G}/c 4194304 {P}
cgclassify -g cpu:{G}/c abc
cgclassify -g cpu:{G}/nope {P}
cgclassify -g nope:{G} {P}
cgclassify -g cpu {P}
cgclassify -g cpu:{G}/c
cgclassify {P}
cgconfigparser
cgconfigparser -x
cgconfigparser -l {T}/one.conf
cgconfigparser -l {T}/two.conf -l {T}/one.conf
cgconfigparser -L {T}/some
cgconfigparser -l {T}/nope.conf
cgconfigparser -l {T}/value.conf
cgconfigparser -l {T}/variable.conf
cgconfigparser -l {T}/broken.conf
cgconfigparser -l {T}/controller.conf
cgconfigparser -L {T}/nope
cgconfigparser -d 750 -f 640 -s 660 -l {T}/two.conf
cgconfigparser -a daemon:daemon -l {T}/two.conf
cgsnapshot -x
cgsnapshot -s -b {T}/empty cpu
cgsnapshot -s -t -b {T}/empty -w {T}/names cpu
cgsnapshot -s -b {T}/names cpu
cgsnapshot -s -b {T}/empty -f {T}/out cpu
cgsnapshot -s -b {T}/empty nope
cgsnapshot -b {T}/empty -w {T}/nope cpu
"""

# Line -> hezi's exit code, and why it is not libcgroup's way.
KNOWN = {
    "cgget -g cpu:{G}/nope": (82, "a group that is not there is no success"),
    "cgget -g nope {G}": (84, "a controller that is not there is no success"),
    "cgget -g '*:{G}'": (84, "nor is one that is called *"),
    "cgset -r nope=1 {G}": (255, "nothing was written: no success"),
    "cgset -r =3 {G}": (255, "nothing was written: no success"),
    "cgset -r cpu.shares {G}": (255, "libcgroup's dies of a null pointer"),
    "cgset --variable cpu.shares=100 {G}": (0, "the help of libcgroup's has it, the program refuses it"),
    "cgset --copy-from {G}/nope {G}/c": (82, "nothing was copied: no success"),
    "cgset --copy-from {G}/a {G}/nope": (82, "nothing was copied: no success"),
    "cgcreate -a no-such-user:daemon -g cpu:{G}/new": (255, "nothing was made: no success"),
    "cgcreate -a 1:1 -g cpu:{G}/new": (0, "numbers are as good as names"),
    "cgcreate -t daemon -g cpu:{G}/new": (0, "a user without a group is one, and not passed over"),
    "cgdelete -g cpu:{G}/c -g memory:{G}/m -g pids:{G}": (0, "all that is asked for goes"),
    "cgdelete pids:{G} freezer:{G}": (0, "all that is asked for goes"),
    "cgdelete pids,freezer:{G}": (0, "all that is asked for goes"),
    "cgdelete cpu:{G}/a": (96, "a group that is not removed keeps its processes"),
    "cgcreate --group=cpu:{G}/new": (0, "the other tools have it"),
    "cgcreate -g cpuset:{G}/new": (0, "a cpuset that takes tasks"),
    "cgsnapshot -s -b {T}/empty pids": (0, "what can only be read is left out, so that the file can be loaded"),
    "cgsnapshot -s": (0, "a list of what to leave out need not be there"),
    "cgsnapshot -s freezer": (0, "what can only be read is left out, so that the file can be loaded"),
    "cgsnapshot -s -b {T}/empty devices": (0, "each device rule is in it, not the first few characters of them all"),
    "cgclassify -g cpu:{G}/c -1": (2, "an option that is none is refused as one"),
}
