"""What a seccomp filter can answer, and how strict each answer is (seccomp(2), linux/seccomp.h)."""

from __future__ import annotations

KILL_PROCESS = 0x80000000
KILL_THREAD = 0x00000000
TRAP = 0x00030000
ERRNO = 0x00050000
USER_NOTIF = 0x7FC00000
TRACE = 0x7FF00000
LOG = 0x7FFC0000
ALLOW = 0x7FFF0000

ACTION_MASK = 0xFFFF0000  # SECCOMP_RET_ACTION_FULL
DATA_MASK = 0x0000FFFF  # SECCOMP_RET_DATA
MAX_ERRNO = 4095  # the kernel cuts anything larger to this (include/linux/err.h)

# The names in profiles. SCMP_ACT_KILL kills the thread, as in libseccomp.
NAMES = {
    "SCMP_ACT_KILL": KILL_THREAD,
    "SCMP_ACT_KILL_THREAD": KILL_THREAD,
    "SCMP_ACT_KILL_PROCESS": KILL_PROCESS,
    "SCMP_ACT_TRAP": TRAP,
    "SCMP_ACT_ERRNO": ERRNO,
    "SCMP_ACT_TRACE": TRACE,
    "SCMP_ACT_LOG": LOG,
    "SCMP_ACT_ALLOW": ALLOW,
}
LETS_THROUGH = frozenset({ALLOW, LOG, TRACE})


def strictness(verdict: int) -> int:
    """A key that sorts verdicts as the kernel ranks those of several filters: the smallest wins.

    The kernel compares the action as a signed number, which puts KILL_PROCESS first.
    """
    action = verdict & ACTION_MASK
    return action - (1 << 32) if action & 0x80000000 else action
