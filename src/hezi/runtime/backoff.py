"""When a container is started again: docker's restart policies and its back-off."""

from __future__ import annotations

NAMES = ("no", "on-failure", "always", "unless-stopped")
FIRST_SECONDS = 0.1
MOST_SECONDS = 60.0
# One that has run so long begins anew with the shortest delay.
SETTLED_SECONDS = 10.0


class Policy:
    """The policy of one container.

    :ivar count: how often it was restarted.
    :ivar over: it was stopped by hand, and stays so.
    """

    __slots__ = ("_delay", "count", "most", "name", "over")

    def __init__(self, name: str, most: int = 0, count: int = 0) -> None:
        self.name = name
        self.most = most
        self.count = count
        self.over = False
        self._delay = 0.0

    def next(self, code: int, ran: float) -> float | None:
        """Give the seconds until the next start, None for no more.

        :param code: how it ended; ``ran``: how many seconds it has run.
        """
        if self.over or self.name not in {"on-failure", "always", "unless-stopped"}:
            return None
        if self.name == "on-failure" and (code == 0 or (self.most and self.count >= self.most)):
            return None
        again = FIRST_SECONDS if not self._delay or ran >= SETTLED_SECONDS else self._delay * 2
        self._delay = min(again, MOST_SECONDS)
        self.count += 1
        return self._delay
