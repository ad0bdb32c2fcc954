"""What the global flags say, and the engine they lead to."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.engine import Engine


class Session:
    """One call of the program.

    :ivar program: the name to use in messages (``hezi``, or ``docker`` when linked so).
    :ivar failure: exit code when the engine fails; the verb's, once it is known.
    :ivar path: the command as it is called in messages (``hezi image ls``).
    """

    __slots__ = ("_engine", "debug", "failure", "path", "program", "quiet", "root", "runroot")

    def __init__(self, program: str) -> None:
        self.program = program
        self.path = program
        self.debug = False
        self.failure = 1
        self.quiet = False
        self.root: str | None = None
        self.runroot: str | None = None
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The engine, made when it is first wanted."""
        if self._engine is None:
            from hezi.engine.engine import Engine

            self._engine = Engine(self.root, self.runroot)
        return self._engine

    def notice(self, text: str) -> None:
        """Tell the user something on standard error, unless ``--log-level error`` asked for silence."""
        if not self.quiet:
            from hezi.front.cli.errors import line

            line(text)

    def told(self, text: str) -> None:
        """Tell the user something that the engine has to say."""
        self.notice(f"{self.program}: {text}")

    def close(self) -> None:
        """Close the engine if there is one."""
        if self._engine is not None:
            self._engine.close()
