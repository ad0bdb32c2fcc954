"""What is said over a monitor's socket: frames on a stream, the same both ways.

    ┌──────┬────────────────┬─────────┐
    │ kind │ length         │ payload │     u8, u32 little endian, at most 1 MiB
    └──────┴────────────────┴─────────┘

    client                                        monitor
      HELLO  flags of what is wanted ───────────>
      <─────────────────────────────── STATE      JSON: state.json as it is now
      <─────────────────────────────── CREDIT     how many bytes of STDIN may be sent (only with the flag STDIN)
      STDIN, STDIN_EOF ─────────────────────────>
      <─────────────────────────────── STDOUT, STDERR
      <─────────────────────────────── LAGGED     this client read too slowly: it gets no more output (u64 bytes lost)
      RESIZE SIGNAL STOP PAUSE UNPAUSE UPDATE ──>
      <─────────────────────────────── OK or ERROR, one for each, in their order
      WAIT ─────────────────────────────────────>
      <─────────────────────────────── EXIT       JSON: the exit record, when it is safe on the disk
      CLOSE_OUTPUT ─────────────────────────────>
      DETACH ───────────────────────────────────>
      <─────────────────────────────── end of file: the monitor is gone, and with it all it had to clean up

    EXEC with up to three descriptors, alone on a connection of its own ──>
      <─────────────────────────────── STARTED    with a pidfd, and the master of a terminal; or ERROR
      RESIZE, SIGNAL ───────────────────────────>
      <─────────────────────────────── EXIT

A client that asked for BACKPRESSURE holds the program back as a full pipe would (foreground ``run``); any other one
is cut off from output it does not read. Without HELLO a client is one that only asks.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# --- client to monitor ---
HELLO = 1  # u16 flags
STDIN = 2
STDIN_EOF = 3
RESIZE = 4  # u16 rows, u16 columns
SIGNAL = 5  # u8: as docker kill: also ends the restart policy when it is SIGKILL or the stop signal
STOP = 6  # u8 signal (0: the container's own), i32 milliseconds until SIGKILL (-1: never, -2: the container's own)
PAUSE = 7  # nothing, or u8 1: only as long as this client stays
UNPAUSE = 8
WAIT = 9  # u8: WAIT_*
DETACH = 10
UPDATE = 11  # restart policy: u32 most tries, then its name
QUERY = 12  # answered with STATE
EXEC = 13  # marshal: (operations, names of descriptors, flags)
KEEP = 15  # with --rm: it is not to be removed at this end (a restart follows)
CLOSE_OUTPUT = 14  # u8: STDOUT or STDERR: this client's reader is gone; without another one the program is to know
# --- monitor to client ---
OK = 64
ERROR = 65  # u32 errno, text
STATE = 66
STDOUT = 67
STDERR = 68
CREDIT = 69  # u32
EXIT = 70
LAGGED = 71  # u64
STARTED = 72  # u32 pid
FAILED = 73  # marshal: (index of the operation, errno, text, path)
INPUT_CLOSED = 74  # the program reads no more input: sending it is of no use

# Flags of HELLO.
WANT_STDIN = 1
WANT_STDOUT = 2
WANT_STDERR = 4
BACKPRESSURE = 8
# The container is killed when this client goes without a word: a program's sandbox ends with the program.
TIED = 32

# What WAIT waits for: that it does not run (perhaps at once), the next time it ends, that it ends for good.
WAIT_NOT_RUNNING = 0
WAIT_NEXT_EXIT = 1
WAIT_REMOVED = 2

SOCKET = "monitor.sock"
STATE_FILE = "state.json"
EXIT_FILE = "exit.json"
# Beside state.json, with room for the other.
ROOM_FILE = ".exit.room"

MAX_PAYLOAD = 1 << 20
_HEADER = struct.Struct("<BI")
U8 = struct.Struct("<B")
U16 = struct.Struct("<H")
U32 = struct.Struct("<I")
U64 = struct.Struct("<Q")
SIZE = struct.Struct("<HH")
STOPPING = struct.Struct("<Bi")


def frame(kind: int, payload: bytes = b"") -> bytes:
    """Give one frame as it travels."""
    return _HEADER.pack(kind, len(payload)) + payload


class Frames:
    """Puts frames together from what a socket gives."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Give the frames that ``data`` completes, as (kind, payload).

        :raises ValueError: a length that no frame has: the other side does not speak this protocol.
        """
        buffer = self._buffer + data if self._buffer else data
        at = 0
        while len(buffer) - at >= _HEADER.size:
            kind, length = _HEADER.unpack_from(buffer, at)
            if length > MAX_PAYLOAD:
                self._buffer = b""
                message = f"a frame of {length} bytes"
                raise ValueError(message)
            end = at + _HEADER.size + length
            if len(buffer) < end:
                break
            payload = buffer[at + _HEADER.size : end]
            at = end
            # Kept before it is handed out: the receiver may stop taking.
            self._buffer = buffer[at:]
            yield kind, payload
        self._buffer = buffer[at:]
