r"""Docker's json-file log: one JSON object a line, in files that are renamed when they are full.

    {"log":"what was written, its newline too\n","stream":"stdout","time":"2026-01-02T03:04:05.123456789Z"}

    <id>-json.log  <-  current        <id>-json.log.1  <-  the one before        ... .2 and so on

With attributes (``--log-opt tag labels env``) each has ``"attrs":{"tag":"web"},`` before the time.

Bytes that are no UTF-8 become U+FFFD (one for each sequence begun, where docker has one for each byte), ``< > &``
are escaped as docker does it, controls as JSON has it. Encoded a chunk of lines at a time: a container may write
hundreds of megabytes a second, and what it writes is mostly plain text, for which this is two passes of memory and no
loop.
"""

from __future__ import annotations

import time
from _json import encode_basestring  # noqa: PLC2701 - the C half of json, whose rest is a third of a monitor

from hezi.runtime import logfile

STDOUT, STDERR = 1, 2
NAMES = {STDOUT: b"stdout", STDERR: b"stderr"}
# What stands for itself in a JSON string; and the newline, which is looked after separately.
_PLAIN = bytes(byte for byte in range(0x20, 0x80) if byte not in b'"\\<>&') + b"\n"
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
# Stands for the newline meanwhile: no text that was decoded has it.
_NEWLINE = "\ud800"


def escape(data: bytes) -> bytes:
    """Give the inside of a JSON string that says ``data``, but for newlines, which stay."""
    if not data.translate(None, _PLAIN):
        return data
    text = data.decode("utf-8", "replace").replace("\n", _NEWLINE)
    text = encode_basestring(text)[1:-1].replace(_NEWLINE, "\n")
    for one, escaped in _ESCAPED.items():
        if one in text:
            text = text.replace(one, escaped)
    return text.encode()


def _one_line(text: str) -> bytes:
    return escape(text.encode("utf-8", "replace")).replace(b"\n", b"\\n")


class JsonFile:
    """The sink of the driver ``json-file``."""

    __slots__ = ("_attributes", "_file", "_second", "_stamp")

    def __init__(
        self,
        path: str,
        max_size: int,
        max_file: int,
        attributes: tuple[tuple[str, str], ...] = (),
        *,
        compress: bool = False,
    ) -> None:
        """Open the log, going on with what is there.

        :param attributes: what each record says beside the text.
        :raises OSError: it cannot be made.
        """
        self._file = logfile.RotatingFile(path, max_size, max_file, lines=True, compress=compress)
        pairs = b",".join(b'"%b":"%b"' % (_one_line(name), _one_line(value)) for name, value in attributes)
        self._attributes = b'"attrs":{%b},' % pairs if pairs else b""
        self._second = -1
        self._stamp = b""

    def write(self, stream: int, data: bytes, ns: int) -> None:
        """Write whole lines, or a part of one (no newline at its end). Never fails: see :mod:`hezi.runtime.logfile`."""
        if self._file.lost:
            self._file.append_notice(self._record(STDERR, self._file.notice(), ns))
        self._file.append(self._record(stream, data, ns), data.count(b"\n"))

    def _record(self, stream: int, data: bytes, ns: int) -> bytes:
        end = b'","stream":"%b",%b"time":"%b"}\n' % (NAMES[stream], self._attributes, self._time(ns))
        text = escape(data)
        if not text.endswith(b"\n"):
            return b'{"log":"' + text.replace(b"\n", b"\\n" + end + b'{"log":"') + end
        return b'{"log":"' + text[:-1].replace(b"\n", b"\\n" + end + b'{"log":"') + b"\\n" + end

    def _time(self, ns: int) -> bytes:
        second, fraction = divmod(ns, 1_000_000_000)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
        return b"%b.%09dZ" % (self._stamp, fraction)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
