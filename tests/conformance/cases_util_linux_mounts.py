"""The man pages of findmnt and mount (propagation, bind, move) gone through likewise; see :mod:`cases_util_linux`."""

FINDMNT = r"""
@findmnt -h >/dev/null
@findmnt -V >/dev/null
@findmnt --vers -x >/dev/null
@findmnt -Vx >/dev/null
@findmnt --out TARGET
@findmnt --output=TARGET,PROPAGATION /mnt
@findmnt --tar /mnt/a
@findmnt --target /mnt/a/.
@findmnt --targ=/mnt/e
@findmnt --target /etc/passwd -o TARGET
@findmnt --target /mnt/b -n
@findmnt -nT /mnt/b -o FSTYPE
@findmnt -T/mnt/c
@findmnt -T /mnt -T /mnt/a
@findmnt -T /mnt/a -R
@findmnt -T /mnt -R
@findmnt -T /mnt/nothere
cd /mnt && @findmnt -T .
cd /mnt/a && @findmnt -T ..
cd /mnt && @findmnt .
cd /mnt && @findmnt b
cd /mnt && @findmnt -M a
@findmnt -M /mnt -R
@findmnt -M /mnt/b
@findmnt -M /mnt/b -o TARGET,SOURCE
@findmnt -M ''
@findmnt -M sa
@findmnt -M /mnt//a
@findmnt -M /mnt/./a
@findmnt -M "/mnt/x y"
@findmnt --mountpoint /mnt/a
@findmnt --mountpoint=/mnt/f -n -o OPTIONS
@findmnt -S ''
@findmnt -S nosuch
@findmnt -S sa -n
@findmnt -S tmpfs -o TARGET
@findmnt -S over
@findmnt -S sd
@findmnt -S sd -R
@findmnt -S 'sd[/sub]'
@findmnt -S /dev/nosuch
@findmnt -S /mnt
@findmnt -S proc
@findmnt -S 0:1
@findmnt -S 999:999
@findmnt -S LABEL=x
@findmnt -S UUID=x
@findmnt --source sa
@findmnt --source=sa /mnt/a
@findmnt -S sa /mnt/a
@findmnt -S sb /mnt/a
@findmnt -S sa sb
@findmnt -T /mnt/a /mnt/b
@findmnt -M /mnt/a sa
@findmnt -S sa -M /mnt/a
@findmnt -S sa -T /mnt/a
@findmnt -M /mnt/a -T /mnt/a
@findmnt sa /mnt/a extra
@findmnt ''
@findmnt '' ''
@findmnt nosuch
@findmnt /nosuch
@findmnt /etc
@findmnt /etc/passwd
@findmnt /
@findmnt / /
@findmnt -n /
@findmnt -no SOURCE /
@findmnt -no source,fstype,options /mnt/b
@findmnt /mnt/b -l
@findmnt /mnt/b -J
@findmnt /mnt/b -P
@findmnt /mnt/b -r
@findmnt /mnt/b -f -J
@findmnt "/mnt/x y" -P
@findmnt "/mnt/x y" -r
@findmnt "/mnt/x y" -J
@findmnt -k
@findmnt -k -n -o TARGET
@findmnt --kernel /mnt/a
@findmnt -A
@findmnt --all
@findmnt -l
@findmnt -l -n
@findmnt -r
@findmnt -P
@findmnt -J
@findmnt -J -l
@findmnt -J --tree
@findmnt -r --tree
@findmnt --tree -R /mnt
@findmnt -a
@findmnt -a -R /mnt
@findmnt -ar
@findmnt -lr
@findmnt -lP
@findmnt -rJ
@findmnt -rP
@findmnt -JP
@findmnt -u
@findmnt -u -l
@findmnt -v
@findmnt -v /mnt/e
@findmnt -y -P /mnt/e -o MAJ:MIN,FSROOT
@findmnt -y -r /mnt/e -o MAJ:MIN
@findmnt -y
@findmnt -D -n -o TARGET,FSTYPE /mnt/b
@findmnt --df -n -o TARGET /mnt
@findmnt -D /mnt/b
@findmnt -D -t tmpfs -R /mnt
@findmnt -D -J /mnt/b
@findmnt -D -b /mnt/b
@findmnt -b -o TARGET,SIZE /mnt/b
@findmnt -o TARGET,SIZE,AVAIL,USED,USE% /mnt/b
@findmnt -o SIZE,USED -J /mnt/b
@findmnt -b -o SIZE,USED -J /mnt/b
@findmnt -o TARGET,SIZE /proc
@findmnt -e /mnt/a
@findmnt --evaluate -S sa
~@findmnt -o ACTION,OLD-TARGET,OLD-OPTIONS /mnt/a
@findmnt -o TARGET,VFS-OPTIONS,FS-OPTIONS /mnt/b
@findmnt -o +ID /mnt/a -J | tr 0-9 N
@findmnt -o + /mnt/a
@findmnt -o '' /mnt/a
~@findmnt -o TARGET, /mnt/a
@findmnt -o TARGET,TARGET /mnt/a
@findmnt -o TARGET -o SOURCE /mnt/a
@findmnt -o 'TARGET SOURCE' /mnt/a
@findmnt -o targ /mnt/a
@findmnt -o MAJ:MIN /mnt/a
@findmnt -o MAJ:MIN -J /mnt/a
@findmnt -o MAJ:MIN -r
@findmnt -o FSROOT -R /mnt
@findmnt -o ID,PARENT -R /mnt
@findmnt -t tmpfs
@findmnt -t TMPFS
@findmnt -t tmpfs -n -o TARGET
@findmnt -t tmpfs,proc
@findmnt -t notmpfs,proc
@findmnt -t notmpfs,noproc
@findmnt -t tmpfs -J
@findmnt -t tmpfs -R
@findmnt -t tmpfs /mnt/a
@findmnt -t proc /mnt/a
@findmnt -t ''
@findmnt -t no
@findmnt -t
@findmnt --types tmpfs -l
@findmnt --types=proc
@findmnt -t proc -t tmpfs
@findmnt -i -t tmpfs -l
@findmnt -i -S sa -l
@findmnt -i
@findmnt -i -t nosuch
@findmnt -O rw
@findmnt -O ro -l
@findmnt -O norw
@findmnt -O noro
@findmnt -O nosuid,ro -l
@findmnt -O nonosuid -l
@findmnt -O size=4k
@findmnt -O bogus
@findmnt -O ''
@findmnt -O +ro
@findmnt -O relatime -n -o TARGET
@findmnt --options ro
@findmnt -f
@findmnt -f -t tmpfs
@findmnt -f -t tmpfs -o TARGET
@findmnt -f -J
@findmnt -f -R /mnt
@findmnt -f -d backward
@findmnt -f -l -d backward
@findmnt --first-only -t proc
@findmnt --fir -t proc
@findmnt -d forward -l
@findmnt -d backward -l
@findmnt -d backward
@findmnt -d for
@findmnt -d back /mnt/b
@findmnt --direction backward -S sd -l
@findmnt -d
@findmnt -U
@findmnt -U -l
@findmnt -U /mnt/b
@findmnt --uniq -t tmpfs -l
@findmnt --real
@findmnt --real -l
@findmnt --real -J
@findmnt --pseudo -l
@findmnt --pseudo -n -o TARGET,FSTYPE
@findmnt --pseudo --real
@findmnt --real --pseudo
@findmnt --pseudo -t tmpfs -l
@findmnt --real -t tmpfs
@findmnt --pseudo /mnt/a
@findmnt --real /
@findmnt --shadowed
@findmnt --shadow -o TARGET,SOURCE
@findmnt -R
@findmnt -R sd
@findmnt -R /mnt/a
@findmnt -R /mnt/c -J
@findmnt -R -t tmpfs -l
@findmnt -R -f /mnt
@findmnt -R /mnt -n -o TARGET
@findmnt -R /etc
@findmnt --submounts /mnt -o SOURCE,TARGET
@findmnt -R /mnt -d backward
@findmnt -R /mnt -i
@findmnt -R /mnt -t proc
@findmnt -N 1 -o TARGET -n /
@findmnt -N $P /mnt/a
@findmnt -N $P -R /mnt
@findmnt -N 0
~@findmnt -N abc
~@findmnt -N -1
~@findmnt -N ''
@findmnt -N
@findmnt --task $P /mnt/f
@findmnt -C /mnt/a
@findmnt -C /mnt/a/
@findmnt -C sa
@findmnt -c /mnt/a
@findmnt --canon /mnt/../mnt/b
@findmnt --noc /mnt/a
~@findmnt --no /mnt/a
@findmnt --nof /mnt/e
@findmnt --noh /mnt/e
@findmnt --not /mnt/e
@findmnt -nl
@findmnt -nlo TARGET
@findmnt -rno TARGET
@findmnt -rn -o TARGET -t tmpfs
@findmnt -nrT /mnt/a -o SOURCE
@findmnt -s /
@findmnt --fstab /
~@findmnt -F /nonexist
@findmnt -s -n
~@findmnt -w x /mnt/a
~@findmnt --poll=bogus
@findmnt -q
@findmnt --bogus=1
@findmnt --json=1
@findmnt -- /mnt/a
@findmnt -- -x
@findmnt /mnt/a -- -x
setpriv --reuid 65534 --clear-groups @findmnt -R /mnt
setpriv --reuid 65534 --clear-groups @findmnt -T /mnt/a
setpriv --reuid 65534 --clear-groups @findmnt -N 1 /
@findmnt -Do +ID /mnt/b
@findmnt -D -P /mnt/a
@findmnt -D -r /mnt/b
@findmnt -bo SIZE /proc
@findmnt -o SIZE,USE% /sys
"""

MOUNT = r"""
@mount -h >/dev/null
@mount -V >/dev/null
@mount --make-sh /mnt
@mount --make-sl /mnt/copy
@mount --make-p /mnt
@mount --make-u /mnt
@mount --make-rp /mnt
@mount --make-rsl /mnt
@mount --make-r /mnt
@mount --make-rs /mnt
@mount --make /mnt
@mount --make-rprivate --make-rshared /mnt
@mount --make-rshared --make-rslave /mnt
@mount --make-rslave --make-rshared /mnt
@mount --make-runbindable --make-shared /mnt
@mount --make-shared --make-shared /mnt
@mount --make-unbindable --make-slave /mnt
@mount --make-unbindable --make-private /mnt
@mount --make-unbindable --make-shared /mnt/copy
@mount --make-shared --make-private /mnt/copy
@mount --make-slave --make-private /mnt/copy
@mount --make-slave --make-unbindable /mnt/copy
@mount --make-slave --make-slave /mnt/copy
@mount /mnt --make-shared
@mount /mnt/a --make-rshared --make-rprivate
~@mount --make-shared /mnt /mnt/a
~@mount --make-shared "" /mnt
@mount --make-shared none none
@mount --make-shared /mnt/a/inner/../inner
@mount --make-shared /mnt/a/
@mount --make-shared //mnt//a
@mount --make-shared /mnt/b/nothere
@mount --make-shared /etc/passwd
@mount --make-shared /etc
@mount --make-private /proc
@mount --make-rshared /
@mount --make-rslave /
@mount --make-slave /
@mount --make-unbindable /
cd /mnt && @mount --make-rshared ./a
cd /mnt/a && @mount --make-shared ..
cd /mnt/a && @mount --make-shared inner
ln -s /mnt/a /mnt/link && @mount --make-shared /mnt/link
@mount --make-shared -B /mnt/a /mnt/c
@mount -B --make-rslave /mnt/copy /mnt/c
@mount -B --make-unbindable /mnt/a /mnt/c
@mount -R --make-rshared /mnt/a /mnt/c
@mount -R --make-rslave /mnt/a /mnt/c
@mount --bind --make-private --make-shared /mnt/a /mnt/c
@mount -BR /mnt/a /mnt/c
@mount -RB /mnt/a /mnt/c
@mount -BM /mnt/a /mnt/c
@mount -MB /mnt/a /mnt/c
@mount --bi /mnt/a /mnt/c
@mount --rb /mnt/a /mnt/c
@mount --mo /mnt/a /mnt/c
@mount --mov /mnt/a /mnt/c
~@mount --bind /mnt/a
@mount --bind
@mount --bind a b c
@mount --bind /mnt /mnt/c
@mount --bind /mnt/a /mnt/a
@mount --rbind /mnt/a /mnt/a
@mount --bind /mnt/a/inner /mnt/c
@mount --bind /mnt/c /mnt/d
@mount --bind /mnt/c /mnt/c
@mount --bind /mnt/c /mnt/c && @mount --make-shared /mnt/c
cd /mnt && @mount --bind a c
cd /mnt && @mount --bind ./a ./c
~@mount --bind "" /mnt/c
~@mount --bind /mnt/a ""
touch /mnt/f /mnt/g && @mount --bind /mnt/f /mnt/g
~touch /mnt/f && @mount --bind /mnt/f /mnt/c
~touch /mnt/f && @mount --bind /mnt/c /mnt/f
ln -s /mnt/c /mnt/link && @mount --bind /mnt/a /mnt/link
ln -s /mnt/a /mnt/link && @mount --bind /mnt/link /mnt/c
~@mount --make-unbindable /mnt/a && @mount --rbind /mnt/a /mnt/c
@mount --make-unbindable /mnt/a && @mount --rbind /mnt /mnt/c
@mount --make-unbindable /mnt/a/inner && @mount --rbind /mnt/a /mnt/c
@mount --make-runbindable /mnt/a && @mount --bind /mnt /mnt/c
@mount --make-shared /mnt && @mount --bind /mnt/a /mnt/c
@mount --make-shared /mnt/a && @mount --bind /mnt/a /mnt/c
@mount --make-shared /mnt/a && @mount --bind /mnt/a /mnt/c && @mount --make-slave /mnt/c
@mount --make-rshared /mnt && @mount --rbind /mnt/a /mnt/c
@mount --make-rshared /mnt && @mount --make-rslave /mnt
@mount --move /mnt/b /mnt/a
~@mount --move /mnt/b /mnt/b
@mount --move /mnt/a/inner /mnt/c
~@mount --move /mnt /mnt/a
~@mount --move / /mnt/c
~@mount --move /nonexist /mnt/c
~@mount --move /mnt/a /nonexist
@mount --move --make-shared /mnt/a /mnt/c
~touch /mnt/f && @mount --move /mnt/a /mnt/f
~@mount --make-shared /mnt/a && @mount --move /mnt/a/inner /mnt/c
@mount --make-shared /mnt/a && @mount --move /mnt/a /mnt/c
@mount --make-unbindable /mnt/b && @mount --move /mnt/b /mnt/c
~@mount --make-unbindable /mnt/b && @mount --make-shared /mnt && @mount --move /mnt/b /mnt/c
~@mount --make-shared /mnt/a && @mount --make-unbindable /mnt/b && @mount --move /mnt/b /mnt/a
@mount -x /mnt
@mount --make-shared -x /mnt
@mount --make-shared --
@mount --make-shared -- /mnt
@mount --make-shared -- -x
@mount --make-shared -v /mnt >/dev/null
@mount -vB /mnt/a /mnt/c >/dev/null
@mount -B -v --make-shared /mnt/a /mnt/c >/dev/null
~setpriv --reuid 65534 --clear-groups @mount --bind /mnt/a /mnt/c
~setpriv --reuid 65534 --clear-groups @mount --move /mnt/a /mnt/c
~setpriv --reuid 65534 --clear-groups @mount --make-rshared /nonexist
setpriv --reuid 65534 --clear-groups @mount --make-shared
"""
