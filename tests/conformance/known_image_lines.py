"""Where hezi answers otherwise than docker to the lines of tests/data/image_lines.txt, and why.

Beside these: sizes in ``system df`` and of prunes are not compared, as hezi counts blobs, records and logs too
(docs/adr/0015); nor is the order of what a prune removes, and of the names of one image, which are chance with docker.
"""

from __future__ import annotations

_REASONS: dict[str, tuple[str, ...]] = {
    "what docker's newer engines take": (
        "~ images -f 'dangling=1'",
        "~ images -f 'dangling=0'",
        "~ images -f 'until=24h'",
        "~ images -f 'until=2021-06-01'",
        "~ images -f 'until=2022-01-15T00:00:00Z'",
        "tag @base fOO/bar",
        "tag @base LOCALHOST/foo",
        "tag @base '[::1]/x'",
        "tag @base '[::1]:5000/x'",
        "~ images --format '{{.Repository}}:{{.Tag}}'",
        "commit -c 'STOPSIGNAL 9' ff com:48",
        "commit -c 'STOPSIGNAL SIGTERM' ff com:49",
        "commit -c 'STOPSIGNAL 99' ff com:109",
        "commit -c 'STOPSIGNAL bogus' ff com:110",
        "commit -c 'stopsignal term' ff com:111",
        "config com:48",
        "config com:49",
        "config com:109",
        "config com:110",
        "config com:111",
    ),
    "an engine of 2020 does not look at the platform": (
        "inspect -f '{{.Os}} {{.Architecture}}' imp:p",
        "inspect -f '{{.Os}} {{.Architecture}} {{.Variant}}' imp:p",
        "pull --platform linux/bogus -q @base",
    ),
    "one argument too many is refused, where docker leaves it unread": ("import %d/fs.tar imp:1 extra",),
    "as docker's manual has it, until= takes a time too; docker gives it to its build cache, which does not": tuple(
        f"system prune -f --filter 'until={text}'"
        for text in (
            "2020-01-01",
            "2030-01-01",
            "2020-01-01T00:00:00",
            "2020-01-01T00:00:00Z",
            "1600000000",
            "1600000000.5",
            "10",
        )
    ),
    "named volumes are only removed when that is asked for, since docker 23": (
        "system prune -f --volumes",
        "volume ls -q",
    ),
    "one more section: layers, blobs, broken-off downloads and logs": (
        "system df -v",
        "system df -v --format table",
    ),
}

KNOWN = {line: reason for reason, lines in _REASONS.items() for line in lines}
