"""A program that starts one box and waits for it, to be killed or traced: ``python -m tests.kernel.starter TREE ARGS``.

It writes the first process's number on a line of its own once the box runs.
"""

from __future__ import annotations

import os
import sys

from hezi.linux import mount
from hezi.runtime import box, plan, spawn
from hezi.spec import runtime as rt
from tests.kernel import boxes


def main() -> None:
    tree, *args = sys.argv[1:]
    directory = os.path.dirname(tree)
    for name in ("upper", "work"):
        os.makedirs(os.path.join(directory, name), exist_ok=True)
    names = (("lowerdir", tree), ("upperdir", f"{directory}/upper"), ("workdir", f"{directory}/work"))
    how = os.environ.get("STARTER", "")
    user = boxes.user(5) if "--user" in how else {}
    binds = (bind.split(":") for bind in os.environ.get("STARTER_BINDS", "").split())
    mounts = [rt.Mount(to, "bind", source, ("rbind", "rprivate", "ro", "nosuid")) for source, to in binds]
    wanted = boxes.spec(
        *args,
        process={"cwd": "/made", **user},
        mounts=(*boxes.MOUNTS, *mounts),
        root=rt.Root(readonly="--read-only" in how),
    )
    options = plan.Options(init="--init" in how)
    root = mount.new_mount("overlay", names)
    running = box.start(spawn.spawn(), plan.make(wanted, options), root, stdio=(0, 1, 2))
    os.write(1, b"%d\n" % running.pid)
    status = running.wait()
    running.close()
    sys.exit(status.code if status else 1)


if __name__ == "__main__":
    main()
