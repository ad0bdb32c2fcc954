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
cgsnapshot -b {T}/nope -f {T}/no/out cpu
cgconfigparser -l {T}/default.conf -l {T}/oneline.conf
cgconfigparser -d 750 -l {T}/default.conf -l {T}/quotes.conf
cgconfigparser -l {T}/ns-one.conf
cgconfigparser -l {T}/ns-late.conf
cgconfigparser -l {T}/ns-twice.conf
cgconfigparser -l {T}/ns-nope.conf
cgconfigparser -l {T}/ns-mount.conf
cgconfigparser -l {T}/ns-empty.conf
cgconfigparser -l {T}/mountempty.conf
cgcreate -d x -d 700 -g cpu:{G}/new
cgcreate -a :: -g cpu:{G}/new
cgget -g cpu:
"""

# One more slash, option, name, number or file that is not as it should be.
MORE = r"""
lscgroup cpu:{G} cpu:{G}
lscgroup -g cpu:{G} pids:{G}
lscgroup pids:{G} -g cpu:{G}
lscgroup -- cpu:{G}
lscgroup -g cpu:{G} -- pids:{G}
lscgroup -gcpu:{G}
lscgroup --group=cpu:{G} --group pids:{G}
lscgroup --g cpu:{G}
lscgroup -g cpu:{G} -x
lscgroup -gx cpu:{G}
lscgroup cpu:{G}/a cpu:{G}/nope
lscgroup cpu,nope:{G}
lscgroup nope,cpu:{G}
lscgroup nope,nix:{G}
lscgroup cpu,:{G}
lscgroup ,cpu:{G}
lscgroup ''
lscgroup :
lscgroup 'cpu:{G}/*'
lscgroup '*:{G}'
lscgroup CPU:{G}
lscgroup cpu,cpu:{G}
lscgroup cpu,memory,pids:{G}
lscgroup cpuset,devices:{G}
lscgroup --help=1
lscgroup -
lscgroup cpu:{G} ''
lscgroup -g '' cpu:{G}
lscgroup systemd:/nope-{G}
lssubsys -ax
lssubsys -M -x
cgget -r
cgget -n
cgget -v
cgget -nv
cgget -n {G}
cgget -v {G}
cgget -r cpu.shares -- {G}
cgget -r cpu.shares -- -x
cgget {G} -r cpu.shares
cgget {G} -r cpu.shares {G}/a
cgget -rcpu.shares {G}
cgget -ncpu.shares {G}
cgget -r cpu.shares -n -n -v -v {G}
cgget --var cpu.shares {G}
cgget --v cpu.shares {G}
cgget --values -r cpu.shares {G}
cgget --values=1 -r cpu.shares {G}
cgget --all=1 {G}
cgget -r cpu.shares {G}//a
cgget -r cpu.shares {G}/a/
cgget -r cpu.shares //{G}
cgget -r cpu.shares ''
cgget -r cpu.shares /
cgget -r '' {G}
cgget -r . {G}
cgget -r cpu. {G}
cgget -r .shares {G}
cgget -r cpu.shares. {G}
cgget -r tasks {G}
cgget -r cpu.shares -r pids.max {G}
cgget -r pids.max -r cpu.shares {G}
cgget -r cpu.shares -r cpu.nope {G}
cgget -r cpu.nope -r cpu.shares {G}
cgget -r cpu.shares -r nope.x {G}
cgget -r cpu.shares {G} {G}/nope
cgget -r cpu.shares {G}/nope {G}
cgget -r cpu.shares {G}/a/b {G}/c {G}/a {G}
cgget -r memory.stat -nv {G}/nope
cgget -r devices.allow {G}
cgget -r devices.deny {G}
cgget -r memory.force_empty {G}
cgget -r memory.limit_in_bytes -r memory.swappiness {G}/m
cgget -r memory.use_hierarchy {G}
cgget -r cpuset.mems -r cpuset.cpus {G}
cgget -g pids {G}
cgget -g pids -v {G}
cgget -g pids {G} {G}
cgget -g pids:{G} -g pids:{G}
cgget -g pids:{G} -n
cgget -g pids:{G} -v
cgget -g pids:{G} -nv
cgget -g pids:{G} -r cpu.shares
cgget -r cpu.shares -g pids:{G}
cgget -g pids:/{G}
cgget -g pids:{G}/
cgget -gpids:{G}
cgget -g cpu:{G}/a -g cpu:{G}/a/b
cgget -g cpu:{G}/a -g pids:{G} -g freezer:{G}
cgget -g pids: {G}
cgget -g ''
cgget -g ,pids:{G}
cgget -g pids,:{G}
cgget -g pids,pids:{G}
cgget -g pids -g pids {G}
cgget -g pids:{G} -a
cgget -g pids,nope:{G}
cgget -a -r cpu.shares {G}
cgget -a -g cpu {G}
cgget --variable
cgget --group cpu {G}
cgset -r
cgset -r cpu.shares=100 -- {G}
cgset {G} -r cpu.shares=100
cgset {G} -r cpu.shares=100 {G}/a
cgset -rcpu.shares=100 {G}
cgset --rule cpu.shares=9 {G}
cgset --rule=cpu.shares=9 {G}
cgset --ru=cpu.shares=9 {G}
cgset -r cpu.shares=100 ''
cgset -r cpu.shares=100 {G}//a
cgset -r cpu.shares=100 /{G}/a/
cgset -r cpu.shares=100 {G}/nope {G}
cgset -r cpu.shares=100 {G} {G}/nope
cgset -r cpu.shares=100 -r cpu.nope=200 {G}
cgset -r cpu.nope=200 -r cpu.shares=100 {G}
cgset -r cpu.shares=100 -r nope.x=1 {G}
cgset -r cpu.shares=1=2 {G}
cgset -r cpu.shares=100x {G}
cgset -r 'cpu.shares= 100' {G}
cgset -r 'cpu.shares=100 ' {G}
cgset -r cpu.shares==100 {G}
cgset -r 'cpu.shares =100' {G}
cgset -r cpu.shares=0 {G}
cgset -r cpu.shares=-1 {G}
cgset -r cpu.shares=999999999 {G}
cgset -r cpu.shares=99999999999999999999999 {G}
cgset -r cpu.shares=0x200 {G}
cgset -r cpu.=3 {G}
cgset -r .shares=3 {G}
cgset -r .=3 {G}
cgset -r = {G}
cgset -r '' {G}
cgset -r cpu.cfs_quota_us=-1 {G}/a
cgset -r cpu.cfs_quota_us=1 {G}/a
cgset -r cpu.cfs_quota_us=10 {G}/a
cgset -r cpu.cfs_period_us=5 {G}/a
cgset -r cpu.cfs_period_us=50000 -r cpu.cfs_quota_us=25000 {G}/a
cgset -r cpu.stat=1 {G}
cgset -r pids.max=0 {G}
cgset -r pids.max=-1 {G}
cgset -r pids.max=maxi {G}
cgset -r pids.current=1 {G}
cgset -r freezer.state=nope {G}
cgset -r freezer.state=THAWED {G}
cgset -r freezer.state=frozen {G}
cgset -r memory.limit_in_bytes=1k {G}/m
cgset -r memory.limit_in_bytes=-1 {G}/m
cgset -r memory.limit_in_bytes=64MB {G}/m
cgset -r memory.limit_in_bytes=1G -r memory.soft_limit_in_bytes=1M {G}/m
cgset -r memory.swappiness=101 {G}/m
cgset -r memory.swappiness=100 {G}/m
cgset -r memory.memsw.limit_in_bytes=32M {G}/m
cgset -r cpuset.cpus=0-1 -r cpuset.mems=0 {G}
cgset -r cpuset.cpus=x {G}
cgset -r cpuset.cpus=1-0 {G}
cgset -r cpuset.mems=77 {G}
cgset -r cpuset.cpu_exclusive=1 {G}
cgset -r 'devices.deny=c 1:3 r' {G}
cgset -r 'devices.allow=c 1:3 r' {G}
cgset -r 'devices.deny=a' {G}
cgset -r 'devices.allow=nonsense' {G}
cgset -r devices.list=a {G}
cgset -r cpu.shares=5 -r memory.limit_in_bytes=64M -r pids.max=3 {G}
cgset -r pids.max=5 {G}/a
cgset -r pids.max=5 {G} {G}/a
cgset --copy-from {G}/a
cgset --copy-from
cgset --copy-from={G}/a {G}/c
cgset --copy {G}/a {G}/c
cgset --c={G}/a {G}/c
cgset --copy-from /{G}/a /{G}/c
cgset --copy-from {G}/a --copy-from {G}/c {G}/a/b
cgset --copy-from {G}/a -r cpu.shares=3 {G}/c
cgset --copy-from {G} {G}/c
cgset --copy-from {G}/c {G}
cgset -1 {G} {G}
cgcreate -g cpu:{G}/new --
cgcreate -- -g cpu:{G}/new
cgcreate -gcpu:{G}/new
cgcreate -g cpu:{G}/new -g cpu:{G}/new
cgcreate -g cpu:{G}/new -g cpu:{G}/new/er -g cpu:{G}/newer
cgcreate -g cpu:{G}/new,x
cgcreate -g 'cpu:{G}/a space'
cgcreate -g cpu,nope:{G}/new
cgcreate -g nope,cpu:{G}/new
cgcreate -g cpu:{G}/new -g nope:{G}/new
cgcreate -g nope:{G}/new -g cpu:{G}/new
cgcreate -g cpu:{G}/new -g broken
cgcreate -g cpu:{G}//new//er
cgcreate -g cpu:{G}/a
cgcreate -g cpu:{G}/./new
cgcreate -g cpu,:{G}/new
cgcreate -g ,cpu:{G}/new
cgcreate -g ''
cgcreate -a
cgcreate -t
cgcreate -d
cgcreate -f
cgcreate -s
cgcreate -a '' -g cpu:{G}/new
cgcreate -a : -g cpu:{G}/new
cgcreate -a daemon -g cpu:{G}/new
cgcreate -a daemon: -g cpu:{G}/new
cgcreate -a :daemon -g cpu:{G}/new
cgcreate -t :daemon -g cpu:{G}/new
cgcreate -t daemon: -g cpu:{G}/new
cgcreate -d '' -g cpu:{G}/new
cgcreate -d 0 -g cpu:{G}/new
cgcreate -d 0755 -g cpu:{G}/new
cgcreate -d 1777 -g cpu:{G}/new
cgcreate -d 77777 -g cpu:{G}/new
cgcreate -d 7 -g cpu:{G}/new
cgcreate -d 75 -g cpu:{G}/new
cgcreate -d rwx -g cpu:{G}/new
cgcreate -f 9 -g cpu:{G}/new
cgcreate -s 8 -g cpu:{G}/new
cgcreate -f 777 -g cpu:{G}/new
cgcreate -s 777 -g cpu:{G}/new
cgcreate -f 0 -g cpu:{G}/new
cgcreate -s 0 -g cpu:{G}/new
cgcreate -f 222 -g cpu:{G}/new
cgcreate -t daemon:daemon -s 660 -f 640 -g cpu:{G}/new
cgcreate -d 750 -g cpu:{G}/a
cgcreate -a daemon:daemon -g cpu:{G}/a
cgcreate -f 600 -s 600 -g cpu:{G}/new/deep
cgcreate -t daemon:daemon -g cpu:{G}/new/deep
cgcreate -d 700 -g cpu:{G}/new/deep
cgcreate --dperm 700 -g cpu:{G}/new
cgcreate --fperm 600 -g cpu:{G}/new
cgcreate --tperm 600 -g cpu:{G}/new
cgcreate --dp=700 -g cpu:{G}/new
cgcreate --d=700 -g cpu:{G}/new
cgcreate -d 700 -d 750 -g cpu:{G}/new
cgcreate -a daemon:daemon -a root:root -g cpu:{G}/new
cgcreate -g pids,freezer,devices:{G}/new
cgcreate -g freezer:{G}/new -g pids,memory:{G}/new/two
cgcreate -g memory:{G}/m/x -g memory:{G}/m/y
cgdelete -g
cgdelete -g cpu:{G}/c
cgdelete -gcpu:{G}/c
cgdelete --group cpu:{G}/c
cgdelete --group=cpu:{G}/c
cgdelete --rec cpu:{G}/a
cgdelete cpu:{G}/a/b -r
cgdelete cpu:{G}/a -r
cgdelete -r cpu:{G}/a cpu:{G}/c
cgdelete -r -g cpu:{G}/a
cgdelete -rg cpu:{G}/a
cgdelete cpu:{G}/a/b cpu:{G}/c
cgdelete cpu:{G}/a/b cpu:{G}/nope
cgdelete cpu:{G}/nope cpu:{G}/c
cgdelete -r cpu:{G}/nope
cgdelete cpu:/{G}/c/
cgdelete cpu:{G}//c
cgdelete cpu:
cgdelete :{G}
cgdelete ''
cgdelete -- cpu:{G}/c
cgdelete nope,cpu:{G}/c
cgdelete nope:{G} cpu:{G}/c
cgdelete cpu:{G}/c broken
cgdelete broken cpu:{G}/c
cgdelete cpu:{G}
cgdelete pids:{G}
cgdelete freezer:{G}
cgdelete cpuset:{G}
cgdelete devices:{G}
cgdelete memory:{G}
cgdelete -r memory:{G}
cgdelete -r cpu:{G}/c
cgdelete -r cpu:{G}/a/b
cgdelete -rr cpu:{G}/a
cgdelete -r
cgdelete '*:{G}'
cgdelete -g cpu:{G}/c memory:{G}/m
cgexec -g
cgexec -g cpu:{G}/c --sticky true
cgexec --sticky
cgexec --sticky=1 -g cpu:{G}/c true
cgexec -g cpu:{G}/c -- true
cgexec -g cpu:{G}/c -- echo -x --
cgexec -- -g cpu:{G}/c true
cgexec -gcpu:{G}/c true
cgexec -g cpu:/{G}/c/ grep :cpu: /proc/self/cgroup
cgexec -g cpu:{G}//a//b grep :cpu: /proc/self/cgroup
cgexec -g cpu:{G}/c -g cpu:{G}/a grep :cpu: /proc/self/cgroup
cgexec -g cpu:{G}/a -g cpu:{G}/c grep :cpu: /proc/self/cgroup
cgexec -g cpu,memory:{G} grep -E ':(cpu|memory):' /proc/self/cgroup
cgexec -g cpu:{G}/c -g memory:{G}/nope true
cgexec -g memory:{G}/nope -g cpu:{G}/c true
cgexec -g cpu:{G}/c -g nope:{G} true
cgexec -g cpu,nope:{G} true
cgexec -g cpu: true
cgexec -g :{G} true
cgexec -g '' true
cgexec -g cpu,:{G} true
cgexec -g ,cpu:{G} true
cgexec -g cpu:/ grep :cpu: /proc/self/cgroup
cgexec -g cpu:{G}/c /
cgexec -g cpu:{G}/c ''
cgexec -g cpu:{G}/c /etc/passwd
cgexec -g cpu:{G}/c sh -c 'echo out; echo err >&2; exit 3'
cgexec -g cpu:{G}/c sh -c 'kill -9 $$'
cgexec -g cpuset:{G} true
cgexec -g '*:{G}' grep -cE '{G}$' /proc/self/cgroup
cgexec -g pids:{G} cat -n /dev/null
cgclassify -g
cgclassify -g cpu:{G}/c -- {P}
cgclassify -gcpu:{G}/c {P}
cgclassify -g cpu:{G}/c {P} {P}
cgclassify -g cpu:{G}/c {P} 4194304
cgclassify -g cpu:{G}/c {P} abc
cgclassify -g cpu:{G}/c abc {P}
cgclassify -g cpu:{G}/c 1x {P}
cgclassify -g cpu:{G}/c -g cpu:{G}/a/b {P}
cgclassify -g cpu:{G}/c -g memory:{G}/nope {P}
cgclassify -g cpu:{G}/nope -g memory:{G} {P}
cgclassify -g nope:{G} {P} {P}
cgclassify -g cpu,nope:{G} {P}
cgclassify -g cpu:/ {P}
cgclassify -g cpu:/{G}//c/ {P}
cgclassify -g pids,freezer,devices:{G} {P}
cgclassify -g '*:{G}' {P}
cgclassify -g cpu: {P}
cgclassify -g '' {P}
cgclassify --sticky --cancel-sticky -g cpu:{G}/c {P}
cgclassify --cancel-sticky --sticky -g cpu:{G}/c {P}
cgclassify --sticky=1 -g cpu:{G}/c {P}
cgclassify --s -g cpu:{G}/c {P}
cgclassify --c -g cpu:{G}/c {P}
cgclassify --cancel-sticky {P}
cgclassify -g cpuset:{G} {P}
cgclassify -1 -g cpu:{G}/c {P}
cgconfigparser -l
cgconfigparser -L
cgconfigparser {T}/one.conf
cgconfigparser -l {T}/one.conf extra
cgconfigparser -l{T}/one.conf
cgconfigparser --load {T}/one.conf
cgconfigparser --load={T}/one.conf
cgconfigparser --load-directory {T}/some
cgconfigparser -l {T}/one.conf -l {T}/one.conf
cgconfigparser -l {T}/one.conf -l {T}/nope.conf
cgconfigparser -l {T}/nope.conf -l {T}/one.conf
cgconfigparser -l {T}/broken.conf -l {T}/one.conf
cgconfigparser -l {T}/one.conf -l {T}/value.conf
cgconfigparser -l {T}/empty
cgconfigparser -L {T}/one.conf
cgconfigparser -L {T}/some -L {T}/nope
cgconfigparser -d 9 -l {T}/two.conf
cgconfigparser -f 9 -l {T}/two.conf
cgconfigparser -s 9 -l {T}/two.conf
cgconfigparser -d 700 -l {T}/one.conf
cgconfigparser -f 600 -s 666 -l {T}/one.conf
cgconfigparser -t daemon:daemon -l {T}/two.conf
cgconfigparser -t daemon:daemon -a daemon:daemon -l {T}/one.conf
cgconfigparser -a no-such:daemon -l {T}/two.conf
cgconfigparser -t daemon:no-such -l {T}/two.conf
cgconfigparser -a daemon -l {T}/two.conf
cgconfigparser --dperm=750 -l {T}/two.conf
cgconfigparser --dperm 750 --fperm 640 --tperm 660 -l {T}/two.conf
cgconfigparser -l {T}/default.conf
cgconfigparser -l {T}/quotes.conf
cgconfigparser -l {T}/nested.conf
cgconfigparser -l {T}/twice.conf
cgconfigparser -l {T}/order.conf
cgconfigparser -l {T}/root.conf
cgconfigparser -l {T}/comment.conf
cgconfigparser -l {T}/nosemi.conf
cgconfigparser -l {T}/noend.conf
cgconfigparser -l {T}/nouser.conf
cgconfigparser -l {T}/number.conf
cgconfigparser -l {T}/emptyval.conf
cgconfigparser -l {T}/emptygroup.conf
cgconfigparser -l {T}/wordval.conf
cgconfigparser -l {T}/oneline.conf
cgconfigparser -l {T}/devices.conf
cgconfigparser -l {T}/cpuset.conf
cgconfigparser -l {T}/defperm.conf
cgconfigparser -l {T}/badperm.conf
cgconfigparser -l {T}/foreign.conf
cgsnapshot --help=1
cgsnapshot -b
cgsnapshot -w
cgsnapshot -f
cgsnapshot -s -b {T}/nope cpu
cgsnapshot -s -b {T}/empty cpu memory
cgsnapshot -s -b {T}/empty cpu nope
cgsnapshot -s -b {T}/empty nope cpu
cgsnapshot cpu -s -b {T}/empty
cgsnapshot -s --blacklist={T}/empty cpu
cgsnapshot --silent --blacklist {T}/empty cpu
cgsnapshot --silent --strict --whitelist {T}/names --blacklist {T}/empty cpu
cgsnapshot -t -b {T}/empty cpu
cgsnapshot -t -w {T}/names -b {T}/names cpu
cgsnapshot -w {T}/names -b {T}/empty cpu
cgsnapshot -s -b {T}/empty -f {T}/no/such cpu
cgsnapshot -s -b {T}/empty --file={T}/out cpu
cgsnapshot -s -b {T}/empty -- cpu
cgsnapshot -sb {T}/empty cpu
cgsnapshot -sb{T}/empty cpu
cgsnapshot -s -b {T}/empty cpu cpu
cgsnapshot -s -b {T}/empty memory
cgsnapshot -s -b {T}/empty freezer
cgsnapshot -s -b {T}/empty cpuset
cgsnapshot -s -b {T}/empty CPU
cgconfigparser --load-directory={T}/good -l {T}/one.conf
cgconfigparser -l {T}/one.conf -L {T}/good -l {T}/two.conf
lssubsys --h
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
    "lscgroup cpu:{G}//a": (0, "a group has one path, however many slashes were typed"),
    "lscgroup cpu://{G}": (0, "a group has one path, however many slashes were typed"),
    "lscgroup cpu:/{G}//": (0, "a group has one path, however many slashes were typed"),
    "lscgroup cpu:{G}:x": (0, "a colon in a path is part of it, and nothing is there"),
    "lscgroup cpu:{G}/a/.": (0, "a group has one path"),
    "lscgroup cpu:{G}/a/..": (0, "a path with .. in it may lead out of what was meant: nothing is there"),
    "lscgroup name=systemd:/nope-{G}": (0, "as in any other hierarchy"),
    "cgget -- -x": (82, "a group that is not there is no success"),
    "cgget -r cpu.shares {G}/../{G}": (96, "a path with .. in it may lead out of what was meant"),
    "cgget -r cpu.shares -r cpu.shares {G}": (0, "what is asked for twice is told twice"),
    "cgget -g pids,freezer {G}": (0, "both are shown, not an empty block"),
    "cgget -g freezer,pids {G}": (0, "both are shown, not an empty block"),
    "cgget -g :{G}": (255, "a group of no controller is a slip"),
    "cgget -g nope:{G}": (84, "a controller that is not there is no success"),
    "cgget -g nope:{G} -g pids:{G}": (84, "a controller that is not there is no success"),
    "cgget -g pids:{G} -g nope:{G}": (84, "a controller that is not there is no success"),
    "cgget -g pids:{G} -g pids:{G}/nope": (82, "a group that is not there is no success"),
    "cgget -g pids {G} {G}/nope": (82, "a group that is not there is no success"),
    "cgget -g blkio {G}": (82, "a group that is not there is no success"),
    "cgget -g '*' {G}": (84, "nor is a controller that is called *"),
    "cgget -g '*:{G}' -n": (84, "nor is a controller that is called *"),
    "cgget --all --values-only -n nope-{G}": (82, "a group that is not there is no success"),
    "cgset --variable=cpu.shares=9 {G}": (0, "the help of libcgroup's has it, the program refuses it"),
    "cgset -r cpu.shares=100 -r cpu.shares=200 {G}": (
        0,
        "both are written; libcgroup's writes neither, and calls it success",
    ),
    "cgset -r notify_on_release=1 {G}": (255, "nothing was written: no success"),
    "cgset -r tasks=1 {G}": (255, "nothing was written: no success"),
    "cgcreate -g cpu,cpu:{G}/new": (0, "a controller may be named twice"),
    "cgcreate -t no-such:daemon -g cpu:{G}/new": (255, "nothing was made: no success"),
    "cgcreate -t daemon:no-such -g cpu:{G}/new": (255, "nothing was made: no success"),
    "cgcreate -a daemon:no-such -g cpu:{G}/new": (255, "nothing was made: no success"),
    "cgcreate -a daemon:daemon:x -g cpu:{G}/new": (255, "no group of users is called so"),
    "cgcreate --gr=cpu:{G}/new": (0, "the other tools have it"),
    "cgdelete cpu,nope:{G}/c": (84, "a controller that is not there is no success"),
    "cgdelete cpu,memory:{G}/c": (96, "memory had none to be removed: no success"),
    "cgdelete memory,cpu:{G}/m": (96, "cpu had none to be removed: no success"),
    "cgdelete cpu,cpu:{G}/c": (0, "a controller may be named twice"),
    "cgexec --group cpu:{G}/c true": (0, "the other tools have it"),
    "cgexec --group=cpu:{G}/c true": (0, "the other tools have it"),
    "cgexec -g cpu,cpu:{G} true": (0, "a controller may be named twice"),
    "cgclassify {P} -g cpu:{G}/c": (0, "options may stand behind, as everywhere else"),
    "cgclassify --group cpu:{G}/c {P}": (0, "the other tools have it"),
    "cgclassify --group=cpu:{G}/c {P}": (0, "the other tools have it"),
    "cgclassify -g cpu:{G}/c 0": (2, "0 is no process, as abc is none"),
    "cgclassify -g cpu:{G}/c 0 {P}": (2, "0 is no process, as abc is none"),
    "cgclassify -g cpu:{G}/c ''": (2, "nor is nothing at all"),
    "cgclassify -g cpu:{G}/c 99999999999999999999": (2, "nor is what no process can have as its number"),
    "cgclassify --sticky": (2, "nothing was moved: no success"),
    "cgconfigparser --load-directory={T}/some -l {T}/one.conf": (
        104,
        "a bad file is told of, the good one behind it is loaded",
    ),
    "cgconfigparser -l {T}/one.conf -L {T}/some -l {T}/two.conf": (
        104,
        "a bad file is told of, the good one behind it is loaded",
    ),
    "cgconfigparser -l {T}/oneline.conf -l {T}/foreign.conf": (95, "it takes away no group that was there before it"),
    "cgconfigparser -l {T}/some": (96, "a directory cannot be read as a file"),
    "cgconfigparser -l {T}/template.conf": (0, "perm may have one of its two parts"),
    "cgconfigparser -l {T}/permtwice.conf": (0, "perm may have one of its two parts"),
    "cgconfigparser -l {T}/tuid.conf": (0, "the older words for owners count, and are not passed over"),
    "cgconfigparser -l {T}/mountonly.conf": (0, "what is mounted there already need not be mounted"),
    "cgconfigparser -l {T}/crlf.conf": (0, "lines may end as on other systems"),
}

_SHOW = "grep -oE ':(cpu|memory):.*' /proc/self/cgroup"
# /etc/cgrules.conf (lines end at the bar), and a command line that goes by it.
RULES = [
    *(
        (rules, f"cgexec {_SHOW}")
        for rules in (
            "root cpu {G}/a",
            "root cpu /{G}/a/",
            "root\tcpu\t{G}/a",
            "# a comment||root cpu {G}/a # another",
            "root cpu,memory {G}",
            "daemon cpu {G}/a|root cpu {G}/c",
            "root cpu {G}/a|root memory {G}/m",
            "root cpu {G}/a|% memory {G}/m",
            "* cpu {G}/a",
            "@root cpu {G}/a",
            "@daemon cpu {G}/a|* cpu {G}/c",
            "root:grep cpu {G}/a",
            "root:no-such cpu {G}/a",
            "*:grep cpu {G}/a",
            "root cpu {G}/nope",
            "root nope {G}/a",
            "root cpu,nope {G}/a",
            "root cpu",
            "root cpu {G}/a x",
            "root cpu {G}/a ignore",
            "root cpu {G}/a ignore|* cpu {G}/c",
            "root cpu {G}/a x y",
            "no-such-user cpu {G}/a|root cpu {G}/c",
            "@no-such-group cpu {G}/a|root cpu {G}/c",
            "",
        )
    ),
    ("root cpu {G}/c", f"cgexec -g cpu:{{G}}/a {_SHOW}"),
    ("root cpu {G}/c", f"cgexec --sticky {_SHOW}"),
    ("root cpu {G}/c", "cgexec no-such-program"),
    *(
        (rules, "cgclassify {P}")
        for rules in (
            "root cpu {G}/c",
            "root cpu,memory {G}",
            "daemon cpu {G}/c",
            "root:sleep cpu {G}/c",
            "root:bash cpu {G}/c",
            "root cpu {G}/c|% memory {G}",
            "root cpu {G}/c ignore",
            "root cpu {G}/nope",
            "root cpu",
        )
    ),
    ("root cpu {G}/c", "cgclassify --sticky {P}"),
    ("root cpu {G}/c", "cgclassify {P} 4194304"),
    ("root cpu {G}/c", "cgclassify 4194304 {P}"),
]
# Rules -> where hezi puts the program: libcgroup's dies of these, or knows them only in later versions.
RULES_KNOWN = {
    "root cpu {G}/%u": "root",
    "root cpu {G}/%u-%U": "root-0",
    "root cpu {G}/%g": "root",
    "root cpu {G}/%p": "grep",
    "root cpu {G}/\\%u": "%u",
    "root:gr* cpu {G}/a": "a",
    "0 cpu {G}/a": "a",
}
