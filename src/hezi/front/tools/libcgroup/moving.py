"""Moving processes into groups by specs or by rules: what cgexec and cgclassify have in common."""

from __future__ import annotations

import os

from hezi.front.tools.libcgroup import common, rules
from hezi.linux.cgroup import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.front.tools.libcgroup.common import Spec
    from hezi.front.tools.libcgroup.rules import Rule, Task
    from hezi.linux.cgroup.survey import Survey


def move(found: Survey, spec: Spec, pid: int) -> None:
    """Move a process into the group of each controller's hierarchy.

    :raises common.FailedError: no such controller or group; the kernel refuses.
    """
    for one, _ in common.places(found, spec.controllers):
        try:
            node = common.open_group(one, spec.path)
        except OSError:
            raise common.FailedError(common.NOT_EXIST) from None
        with node:
            try:
                node.add(pid)
            except OSError as error:
                raise common.FailedError(common.OTHER, os.strerror(error.errno or 0)) from None


def move_by_rules(found: Survey, known: list[list[Rule]], task: Task) -> None:
    """Move a process to where the rules want it; a group named by letters (``%u``) is made.

    :raises common.FailedError: as :func:`move`.
    """
    for rule in rules.fitting(known, task):
        path = rules.destination(rule, task)
        if path != rule.destination:
            for one, controllers in common.places(found, rule.controllers):
                tree.make(one.hierarchy, common.clean(path), controllers=controllers, exist_ok=True).close()
        move(found, common.Spec(rule.controllers, path), task.pid)


def parse_specs(texts: Sequence[str]) -> list[Spec] | None:
    """Read several ``-g``; None if one is none."""
    specs = [common.parse_spec(text) for text in texts]
    good = [spec for spec in specs if spec is not None]
    return good if len(good) == len(specs) else None
