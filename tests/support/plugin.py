"""The needs vocabulary applied to every test, and a last line that says what ran and what did not, and why."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.support import needs

# Containers that this process makes itself leave the machine's network as it is.
os.environ.setdefault("HEZI_NETWORK", "none")

STRICT = os.environ.get("HEZI_TEST_STRICT", "") not in {"", "0"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for need in _needs_of(item):
            try:
                needs.check(need)
            except needs.UnknownNeedError as error:
                raise pytest.UsageError(f"{item.nodeid}: {error}") from error


def pytest_runtest_setup(item: pytest.Item) -> None:
    unmet = [verdict for verdict in map(needs.check, _needs_of(item)) if not verdict.met]
    if not unmet:
        return
    reason = "needs: " + "; ".join(verdict.reason for verdict in unmet)
    root_is_there = os.geteuid() == 0
    if STRICT and root_is_there and all(verdict.providable for verdict in unmet):
        pytest.fail(f"{reason} (strict: this could have been installed)", pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    stats = terminalreporter.stats
    ran = sum(len(stats.get(outcome, ())) for outcome in ("passed", "failed", "xfailed", "xpassed"))
    reasons = Counter(_reason(report) for report in stats.get("skipped", ()))
    terminalreporter.section("what ran")
    terminalreporter.write_line(f"ran {ran} tests, skipped {sum(reasons.values())}")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"  {count:4d} skipped: {reason}")


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def _needs_of(item: pytest.Item) -> list[str]:
    return [need for mark in item.iter_markers("needs") for need in mark.args]
