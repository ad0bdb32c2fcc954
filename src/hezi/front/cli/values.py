"""Reading the values of flags as Go's flag library does, with the same words for wrong ones.

Scripts match on these texts, and people search for them; so they are docker's to the letter.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_SIZE_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_NOT_NUMERIC = "".join(chr(code) for code in range(33, 127) if chr(code) not in "0123456789.")
_MOST_DIGITS = 40
_DURATION_UNITS = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,
    "μs": 1000,
    "ms": 10**6,
    "s": 10**9,
    "m": 6 * 10**10,
    "h": 36 * 10**11,
}


def quote(text: str, mark: str = '"') -> str:
    """Return ``text`` between quotation marks with Go's escapes (``strconv.Quote``)."""
    return mark + "".join(_escape(char, mark) for char in text) + mark


def _escape(char: str, mark: str) -> str:
    if char in {mark, "\\"}:
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as Python keeps it in argv
        return f"\\x{code - 0xDC00:02x}"
    if char in _ESCAPES:
        return _ESCAPES[char]
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _wrong(text: str) -> NoReturn:
    raise ValueError(text)


def boolean(text: str) -> bool:
    """Read ``1 t T TRUE true True`` and their opposites."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    _wrong(f"strconv.ParseBool: parsing {quote(text)}: invalid syntax")


def _integer(function: str, text: str, low: int, high: int) -> int:
    body = text[1:] if low < 0 and text[:1] in {"+", "-"} else text
    try:
        # int() would take signs and blanks of its own; "?" it takes in no base.
        body = "?" if body[:1] in {"+", "-", "_"} or body != body.strip() else body
        # Go takes a leading 0 for octal, Python's base 0 refuses it.
        octal = len(body) > 1 and body[0] == "0" and body[1].isdigit()
        value = int(body, 8 if octal else 0)
    except ValueError:
        _wrong(f"strconv.{function}: parsing {quote(text)}: invalid syntax")
    if text[:1] == "-":
        value = -value
    if not low <= value <= high:
        _wrong(f"strconv.{function}: parsing {quote(text)}: value out of range")
    return value


def integer(text: str) -> int:
    """Read a signed 64-bit integer; ``0x``, ``0o``, ``0b`` and a leading 0 choose the base."""
    return _integer("ParseInt", text, -(2**63), 2**63 - 1)


def uint16(text: str) -> int:
    """Read an unsigned 16-bit integer."""
    return _integer("ParseUint", text, 0, 2**16 - 1)


def uint(text: str) -> int:
    """Read an unsigned 64-bit integer."""
    return _integer("ParseUint", text, 0, 2**64 - 1)


def byte_count(text: str) -> int:
    """Read ``64m``, ``1g``, ``512``, ``1.5 GiB`` (binary units), with the words of docker's go-units."""
    split = len(text.rstrip(_NOT_NUMERIC))
    if not split:
        _wrong(f"invalid size: '{text}'")
    number, suffix = text[:split], text[split:]
    if number[-1] == " ":
        number = number[:-1]
    try:
        # float() would take blanks, underscores and words that Go does not.
        value = float(number if number.strip("+-.0123456789eE") == "" else "?")
    except ValueError:
        _wrong(f"strconv.ParseFloat: parsing {quote(number)}: invalid syntax")
    unit = suffix.lower()
    if unit not in {"", "b"} and (unit[0] not in _SIZE_UNITS or unit[1:] not in {"", "b", "ib"}):
        _wrong(f"invalid suffix: '{suffix}'")
    value *= _SIZE_UNITS.get(unit[:1], 1)
    if not 0 <= value < 2**63:
        _wrong(f"invalid size: '{text}'")
    return int(value)


def byte_count_or_unlimited(text: str) -> int:
    """Read a size, or -1 for no limit (``--memory-swap``)."""
    return -1 if text == "-1" else byte_count(text)


def duration(text: str) -> int:
    """Read ``1h15m30.5s`` into nanoseconds (Go's ``time.ParseDuration``)."""
    invalid = f"time: invalid duration {quote(text)}"
    rest = text[1:] if text[:1] in {"+", "-"} else text
    if rest == "0":
        return 0
    if not rest:
        _wrong(invalid)
    total = 0.0
    while rest:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        if not digits.strip(".") or digits.count(".") > 1:
            _wrong(invalid)
        rest = rest[len(digits) :]
        unit = rest[: len(rest) - len(rest.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZµμ"))]
        if not unit:
            _wrong(f"time: missing unit in duration {quote(text)}")
        if unit not in _DURATION_UNITS:
            _wrong(f"time: unknown unit {quote(unit)} in duration {quote(text)}")
        total += float(digits) * _DURATION_UNITS[unit]
        rest = rest[len(unit) :]
    return int(-total if text[0] == "-" else total)


def nano_cpus(text: str) -> int:
    """Read a count of CPUs into billionths: 1.5, 3/2 and 15e-1 are the same."""
    number, slash, divisor = text.partition("/")
    number, _, power = number.replace("E", "e").partition("e")
    try:
        whole, _, fraction = number.partition(".")
        # No count of processors needs more, and the number would be as long as it says.
        shift = max(-_MOST_DIGITS, min(_MOST_DIGITS, int(power or 0)))
        top: int = int(whole + fraction) * 10 ** (9 + max(0, shift))
        bottom: int = 10 ** (len(fraction) + max(0, -shift)) * (int(divisor) if slash else 1)
        quotient, remainder = divmod(top, bottom)
    except (ValueError, ZeroDivisionError):
        _wrong(f"failed to parse {text} as a rational number")
    if remainder:
        _wrong("value is too precise")
    return quotient


def env(text: str) -> str:
    """Accept ``NAME=value`` and ``NAME``."""
    if not text.partition("=")[0]:
        _wrong(f"invalid environment variable: {text}")
    return text


def label(text: str) -> str:
    """Accept ``key=value`` and ``key``."""
    if not text.partition("=")[0].strip():
        _wrong(f"invalid label '{text}': empty name")
    name = text.partition("=")[0]
    if any(letter.isspace() for letter in name):
        _wrong(f"label '{name}' contains whitespaces")
    return text


def filter_text(text: str) -> str:
    """Accept ``KEY=VALUE``."""
    if "=" not in text:
        _wrong("bad format of filter (expected name=value)")
    return text


def host(text: str) -> str:
    """Accept ``NAME:IP`` (``--add-host``)."""
    from hezi.engine import parse_network
    from hezi.errors import Error

    try:
        parse_network.parse_host(text)
    except Error as error:
        _wrong(error.message)
    return text


def link(text: str) -> str:
    """Accept ``CONTAINER[:ALIAS]`` (``--link``)."""
    if not text:
        _wrong("empty string specified for links")
    if text.count(":") > 1:
        _wrong(f"bad format for links: {text}")
    return text


def domain(text: str) -> str:
    """Accept a domain to look for names in (``--dns-search``); ``.`` is for none."""
    if not text.strip():
        _wrong(f"{text} is not a valid domain")
    return text


def address(text: str) -> str:
    """Accept an IP address (``--dns``)."""
    from hezi.engine import parse_network
    from hezi.errors import Error

    try:
        parse_network.check_dns([text], (), ())
    except Error as error:
        _wrong(error.message)
    return text


def stream(text: str) -> str:
    """Accept the name of a standard stream (``--attach``)."""
    lowered = text.lower()
    if lowered not in {"stdin", "stdout", "stderr"}:
        _wrong("valid streams are STDIN, STDOUT and STDERR")
    return lowered


_ULIMITS = frozenset(
    (
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    )
)
_SOFT_OVER_HARD = "ulimit soft limit must be less than or equal to hard limit"


def ulimit(text: str) -> str:
    """Accept ``type=soft[:hard]``."""
    name, equals, limits = text.partition("=")
    if not equals:
        _wrong(f"invalid ulimit argument: {text}")
    if name not in _ULIMITS:
        _wrong(f"invalid ulimit type: {name}")
    parts = limits.split(":")
    if len(parts) > 2:
        _wrong(f"too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`")
    soft, hard = (_limit(part) for part in (parts if len(parts) == 2 else parts * 2))
    if hard != -1 and soft == -1:
        _wrong(f"{_SOFT_OVER_HARD}: soft: -1 (unlimited), hard: {hard}")
    if hard != -1 and soft > hard:
        _wrong(f"{_SOFT_OVER_HARD}: {soft} > {hard}")
    return text


def _limit(text: str) -> int:
    # ParseInt with base 10, unlike the integers above
    digits = text[1:] if text[:1] in {"+", "-"} else text
    if not (digits.isascii() and digits.isdigit()):
        _wrong(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    return int(text)


_SYSCTLS = frozenset(
    (
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    )
)


def sysctl(text: str) -> str:
    """Accept ``name=value`` of a sysctl that belongs to a namespace of the container."""
    name, equals, _ = text.partition("=")
    if not equals or (name not in _SYSCTLS and not name.startswith(("net.", "fs.mqueue."))):
        _wrong(f"sysctl '{text}' is not allowed")
    return text


def weight_device(text: str) -> str:
    """Accept ``/dev/sda:100``."""
    return _accepted("blkio-weight-device", text)


def rate_bps(text: str) -> str:
    """Accept ``/dev/sda:1mb``."""
    return _accepted("device-read-bps", text)


def rate_iops(text: str) -> str:
    """Accept ``/dev/sda:1000``."""
    return _accepted("device-read-iops", text)


def _accepted(flag: str, text: str) -> str:
    # The syntax is the engine's; it is loaded for those who use it.
    from hezi.engine import parse_resources

    parse_resources.PARSERS[flag](text)
    return text


def device_rule(text: str) -> str:
    """Accept ``c 1:3 rwm``."""
    from hezi.engine import parse_resources

    parse_resources.parse_rule(text)
    return text


READERS: dict[str, Callable[[str], object]] = {
    "bool": boolean,
    "int": integer,
    "uint": uint,
    "uint16": uint16,
    "bytes": byte_count,
    "duration": duration,
    "decimal": nano_cpus,
    "ulimit": ulimit,
    "limit": byte_count_or_unlimited,
}
