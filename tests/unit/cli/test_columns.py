"""Ages, sizes and tables, as docker's units and tabwriter make them."""

from __future__ import annotations

import pytest

from hezi.front.cli import columns

S, M, H, D = 1, 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "Less than a second"),
        (0.4, "Less than a second"),
        (1, "1 second"),
        (45, "45 seconds"),
        (M, "About a minute"),
        (119, "About a minute"),
        (2 * M, "2 minutes"),
        (59 * M + 59, "59 minutes"),
        (H, "About an hour"),
        (89 * M, "About an hour"),
        (90 * M, "2 hours"),
        (47 * H, "47 hours"),
        (2 * D, "2 days"),
        (13 * D, "13 days"),
        (14 * D, "2 weeks"),
        (59 * D, "8 weeks"),
        (60 * D, "2 months"),
        (729 * D, "24 months"),
        (730 * D, "2 years"),
        (365 * 10 * D, "10 years"),
    ],
)
def test_age(seconds, text):
    assert columns.age(int(seconds * 1e9)) == text


@pytest.mark.parametrize(
    ("count", "three", "four"),
    [
        (0, "0B", "0B"),
        (512, "512B", "512B"),
        (1000, "1kB", "1kB"),
        (4_261_574, "4.26MB", "4.262MB"),
        (117_000_000, "117MB", "117MB"),
        (1_054_321_000, "1.05GB", "1.054GB"),
        (10**15, "1PB", "1PB"),
    ],
)
def test_size(count, three, four):
    assert columns.size(count) == three
    assert columns.size(count, 4) == four


def test_table_is_laid_out_as_dockers():
    rows = [
        ("REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"),
        ("busybox", "latest", "ff7a7936e930", "14 months ago", "4.48MB"),
        ("localhost:5000/team/debian", "<none>", "1f6aec0fb0b1", "2 days ago", "117MB"),
    ]
    assert columns.table(rows).splitlines() == [
        "REPOSITORY                   TAG       IMAGE ID       CREATED         SIZE",
        "busybox                      latest    ff7a7936e930   14 months ago   4.48MB",
        "localhost:5000/team/debian   <none>    1f6aec0fb0b1   2 days ago      117MB",
    ]
    assert columns.table(rows[:1]) == "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE"
