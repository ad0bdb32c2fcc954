"""Small syntaxes: ``--ulimit --sysctl --shm-size --stop-signal --oom-score-adj --detach-keys``."""

from __future__ import annotations

from hezi import errors
from hezi._util.size import parse_bytes

_ULIMITS = frozenset(
    {
        *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice"),
        *("nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"),
    }
)

# signal(7), the numbers of every architecture but MIPS, Alpha and SPARC. The signal module would cost its enum on the
# start path, and would lack STKFLT.
_SIGNALS = (
    *("HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM"),
    *("TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF"),
    *("WINCH", "IO", "PWR", "SYS"),
)
_SIGNAL_ALIASES = {"IOT": "ABRT", "CLD": "CHLD", "POLL": "IO"}

# Only what the kernel keeps per namespace (namespaces(7), runc's validator): anything else would change the host.
_IPC_SYSCTLS = frozenset(
    f"kernel.{name}" for name in ("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced")
)
_SYSCTL_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def parse_ulimit(text: str) -> tuple[str, int, int]:
    """Read ``--ulimit TYPE=SOFT[:HARD]`` to (``RLIMIT_NOFILE``, soft, hard); -1 means unlimited."""
    name, equals, value = text.partition("=")
    if not equals:
        raise _bad(text, "ulimit", f"invalid ulimit argument: {text}")
    if name not in _ULIMITS:
        raise _bad(text, "ulimit", f"invalid ulimit type: {name}")
    numbers = value.split(":")
    if len(numbers) > 2:
        raise _bad(text, "ulimit", f"too many limit value arguments - {value}, can only have up to two, `soft[:hard]`")
    soft = _number(numbers[0], text)
    hard = _number(numbers[1], text) if len(numbers) == 2 else soft
    if hard != -1 and (soft > hard or soft == -1):
        shown = "-1 (unlimited)" if soft == -1 else str(soft)
        raise _bad(text, "ulimit", f"ulimit soft limit must be less than or equal to hard limit: {shown} > {hard}")
    return f"RLIMIT_{name.upper()}", soft, hard


def _number(text: str, argument: str) -> int:
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit():
        raise _bad(argument, "ulimit", f'strconv.ParseInt: parsing "{text}": invalid syntax')
    value = int(text) if len(text) < 21 else 2**64
    if not -1 <= value < 2**63:
        raise _bad(argument, "ulimit", f'strconv.ParseInt: parsing "{text}": value out of range')
    return value


def parse_sysctl(text: str) -> tuple[str, str, str]:
    """Read ``--sysctl NAME=VALUE`` to (name, value, namespace): ``ipc`` or ``network`` must be private for it."""
    name, equals, value = text.partition("=")
    namespace = "ipc" if name in _IPC_SYSCTLS or name.startswith("fs.mqueue.") else "network"
    parts = name.split(".")
    known = namespace == "ipc" or (parts[0] == "net" and len(parts) > 2)
    if not equals or not known or not all(part and set(part) <= _SYSCTL_LETTERS for part in parts):
        raise _bad(text, "sysctl", f"sysctl '{text}' is not allowed")
    # A value with a line of its own, or a NUL, is no value of any sysctl (CVE-2022-0811 came through the value).
    if not value.isprintable() and not set(value) <= set("0123456789 \t"):
        raise _bad(text, "sysctl", f"sysctl '{name}' has a value that is not plain text")
    return name, value, namespace


def parse_shm_size(text: str) -> int:
    """Read ``--shm-size`` to bytes; 0 means the default, as with docker."""
    try:
        return parse_bytes(text)
    except ValueError:
        raise _bad(text, "shm-size", f"invalid size: '{text}'") from None


def parse_signal(text: str) -> int:
    """Return the number of ``TERM``, ``SIGTERM``, ``15`` or ``RTMIN+3``."""
    if text.isascii() and text.isdigit() and len(text) < 3 and 1 <= int(text) <= 64:
        return int(text)
    name = text.upper().removeprefix("SIG")
    for base in ("RTMIN", "RTMAX"):
        if name.startswith(base):
            number = _real_time(base, name[len(base) :])
            if number:
                return number
    name = _SIGNAL_ALIASES.get(name, name)
    if name in _SIGNALS:
        return _SIGNALS.index(name) + 1
    message = f"invalid signal: {text}"
    raise errors.Error(errors.INVALID, message)


def _real_time(base: str, rest: str) -> int:
    start = 34 if base == "RTMIN" else 64  # of the C library, which keeps 32 and 33 for itself
    if not rest:
        return start
    if rest[0] not in "+-" or not rest[1:].isascii() or not rest[1:].isdigit() or len(rest) > 3:
        return 0
    # As docker: each name of a real-time signal is for the half that it is in.
    steps = int(rest)
    fine = 0 < steps <= 15 if base == "RTMIN" else -14 <= steps < 0
    return start + steps if fine else 0


def parse_oom_score_adj(value: int) -> int:
    """Check the range of proc(5) oom_score_adj."""
    if not -1000 <= value <= 1000:
        message = f"invalid value {value}, range for oom score adj is [-1000, 1000]"
        raise errors.Error(errors.INVALID, message)
    return value


_CONTROL = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}
DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q"


def parse_detach_keys(text: str) -> bytes:
    """Read ``--detach-keys ctrl-p,ctrl-q`` (or single letters) to the bytes a terminal sends."""
    keys = bytearray()
    for key in text.split(","):
        if len(key) == 1 and key.isascii():
            keys.append(ord(key))
            continue
        if key == "DEL":
            keys.append(127)
            continue
        letter = key.removeprefix("ctrl-")
        if letter == key or len(letter) != 1:
            message = f"invalid detach keys ({text}) provided: unknown character: '{key}'"
            raise errors.Error(errors.INVALID, message)
        if "a" <= letter <= "z":
            keys.append(ord(letter) - ord("a") + 1)
        elif letter in _CONTROL:
            keys.append(_CONTROL[letter])
        else:
            message = f"invalid detach keys ({text}) provided: unknown character: '{key}'"
            raise errors.Error(errors.INVALID, message)
    return bytes(keys)


def _bad(text: str, option: str, reason: str) -> errors.Error:
    return errors.Error(errors.INVALID, f'invalid argument "{text}" for "--{option}" flag: {reason}')
