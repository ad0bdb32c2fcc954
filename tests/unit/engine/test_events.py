"""The file of events: several writers, a full file, a line that was cut off, docker's filters."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from hezi import errors
from hezi.engine import events
from hezi.engine.containers import filters
from hezi.engine.paths import Paths
from hezi.runtime import eventlog


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths(str(tmp_path / "root"), str(tmp_path / "run"))
    found.make()
    return found


def past(paths: Paths, *texts: str) -> list[events.Event]:
    wanted = filters.read(texts, events.KEYS)
    return list(events.read(paths, events.Selection(since=1, until=time.time_ns(), wanted=wanted)))


def told(paths: Paths, *texts: str) -> list[str]:
    return [f"{one.action} {one.id}" for one in past(paths, *texts)]


def test_what_is_told_is_read_with_attributes_as_texts(paths: Paths) -> None:
    events.tell(paths, events.CONTAINER, "die", "c1", {"exitCode": 3, "signal": 9, "oom": False, "name": "web"})
    (found,) = past(paths)
    assert (found.type, found.action, found.id) == ("container", "die", "c1")
    assert found.attributes == {"exitCode": "3", "name": "web"}


def test_nobody_minds_that_it_cannot_be_written(tmp_path: Path) -> None:
    events.tell(Paths(str(tmp_path), str(tmp_path / "nosuch")), events.IMAGE, "pull", "x", {})
    assert not (tmp_path / "nosuch").exists()


def test_lines_of_several_writers_do_not_mix_and_none_is_lost_when_the_file_is_full(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventlog, "MOST_BYTES", 150_000)

    def write(who: int) -> None:
        for number in range(200):
            events.tell(paths, events.CONTAINER, "start", f"{who}-{number}", {"name": "n" * 100})

    writers = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert os.path.exists(f"{paths.events}.1")
    assert {one.id for one in past(paths)} == {f"{who}-{number}" for who in range(4) for number in range(200)}


def test_the_oldest_go_when_it_is_full_again(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventlog, "MOST_BYTES", 2000)
    for number in range(200):
        events.tell(paths, events.CONTAINER, "start", str(number), {})
    ids = [one.id for one in past(paths)]
    assert 10 < len(ids) < 60
    assert ids == [str(number) for number in range(200 - len(ids), 200)]


def test_a_follower_survives_the_renaming(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventlog, "MOST_BYTES", 2000)
    events.tell(paths, events.CONTAINER, "start", "before", {})
    stream = events.read(paths, events.Selection(since=1))
    assert next(stream).id == "before"
    for number in range(25):
        events.tell(paths, events.CONTAINER, "start", str(number), {})
    assert os.path.exists(f"{paths.events}.1")
    assert [next(stream).id for _ in range(25)] == [str(number) for number in range(25)]


def test_a_line_that_a_full_disk_cut_off_breaks_neither_the_next_one_nor_the_reader(paths: Paths) -> None:
    events.tell(paths, events.CONTAINER, "start", "first", {})
    with open(paths.events, "a", encoding="utf-8") as file:
        file.write('{"time_ns": 17, "type": "conta')
    events.tell(paths, events.CONTAINER, "start", "second", {})
    with open(paths.events, "a", encoding="utf-8") as file:
        file.write("rubbish\n[]\n{}\n" + json.dumps({"time_ns": "x", "type": 1, "action": 1, "id": 1}) + "\n")
    assert told(paths) == ["start first", "start second"]


def test_a_container_that_was_renamed_is_told_of_by_its_present_name(paths: Paths) -> None:
    events.tell(paths, events.CONTAINER, "start", "c1", {"name": "old"})
    events.tell(paths, events.CONTAINER, "rename", "c1", {"name": "new", "oldName": "/old"})
    events.tell(paths, events.CONTAINER, "die", "c1", {"name": "old"})
    events.tell(paths, events.CONTAINER, "start", "c2", {"name": "old"})
    assert [one.attributes["name"] for one in past(paths)] == ["old", "new", "new", "old"]


def test_filters_of_docker(paths: Paths) -> None:
    web = {"name": "web", "image": "nginx:1", "tier": "front"}
    events.tell(paths, events.CONTAINER, "create", "aa11", web)
    events.tell(paths, events.CONTAINER, "health_status: healthy", "aa11", web)
    events.tell(paths, events.CONTAINER, "exec_create: sh -c x", "aa11", web)
    events.tell(paths, events.IMAGE, "tag", "sha256:1", {"name": "nginx:1"})
    events.tell(paths, events.VOLUME, "create", "data", {"driver": "local"})
    assert told(paths, "type=image") == ["tag sha256:1"]
    assert told(paths, "event=create") == ["create aa11", "create data"]
    assert told(paths, "event=health_status") == ["health_status: healthy aa11"]
    assert told(paths, "event=exec_create", "container=web") == ["exec_create: sh -c x aa11"]
    assert told(paths, "event=healthy") == []
    assert len(told(paths, "container=aa")) == 3
    assert len(told(paths, "container=we")) == 3
    assert told(paths, "container=other") == []
    assert len(told(paths, "image=nginx")) == len(told(paths, "image=nginx:1")) == 4
    assert len(told(paths, "label=tier")) == len(told(paths, "label=tier=front")) == 3
    assert told(paths, "label=tier=back") == []
    assert told(paths, "volume=data") == ["create data"]
    assert len(told(paths, "scope=local")) == 5
    assert told(paths, "scope=swarm") == []


def test_times(paths: Paths) -> None:
    events.tell(paths, events.CONTAINER, "create", "a", {})
    (first,) = past(paths)
    assert list(events.read(paths, events.Selection(since=first.time_ns, until=first.time_ns))) == [first]
    assert not list(events.read(paths, events.Selection(since=first.time_ns + 1, until=first.time_ns + 1)))
    with pytest.raises(errors.Error, match="cannot be after"):
        events.read(paths, events.Selection(since=2, until=1))
    # Without a time only what comes.
    soon = time.time_ns() + 50_000_000
    assert list(events.read(paths, events.Selection(until=soon))) == [first]
