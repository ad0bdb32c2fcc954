"""Frames and restart delays: pure, without a kernel."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hezi.runtime import backoff, monitor_files, protocol

FRAMES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=50)), max_size=10)


@given(FRAMES, st.lists(st.integers(1, 20), min_size=1))
def test_frames_come_out_as_they_went_in_however_they_are_cut(frames, cuts):
    data = b"".join(protocol.frame(*one) for one in frames)
    reader, found, at, turn = protocol.Frames(), [], 0, 0
    while at < len(data):
        step = cuts[turn % len(cuts)]
        found += reader.feed(data[at : at + step])
        at, turn = at + step, turn + 1
    assert found == frames


def test_a_length_that_no_frame_has_is_refused():
    with pytest.raises(ValueError, match="bytes"):
        list(protocol.Frames().feed(b"\1\xff\xff\xff\xff"))


def test_a_receiver_may_stop_in_the_middle():
    reader = protocol.Frames()
    data = protocol.frame(1, b"a") + protocol.frame(2, b"b")
    assert next(iter(reader.feed(data))) == (1, b"a")
    assert list(reader.feed(b"")) == [(2, b"b")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_json_by_hand_is_json(value):
    plain = json.loads(json.dumps(value).encode("utf-8", "replace"))
    assert json.loads(monitor_files.dumps(plain)) == json.loads(json.dumps(plain), object_hook=dict) or not _utf8(
        json.dumps(plain, ensure_ascii=False)
    )


def _utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def test_times_are_written_as_docker_writes_them():
    assert monitor_files.rfc3339(1_767_323_045_000_000_001) == "2026-01-02T03:04:05.000000001Z"
    assert monitor_files.rfc3339(0) == "0001-01-01T00:00:00Z"


# --- restart policies ----------------------------------------------------------------------------------------------


def test_the_delay_doubles_up_to_a_minute():
    policy = backoff.Policy("always")
    delays = [policy.next(1, 0.1) for _ in range(12)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == backoff.MOST_SECONDS


def test_the_delay_begins_anew_after_ten_seconds_of_running():
    policy = backoff.Policy("always")
    for _ in range(5):
        policy.next(1, 0.1)
    assert policy.next(0, 10.0) == backoff.FIRST_SECONDS


@pytest.mark.parametrize(
    ("name", "code", "again"),
    [
        ("no", 1, False),
        ("on-failure", 0, False),
        ("on-failure", 1, True),
        ("always", 0, True),
        ("unless-stopped", 0, True),
    ],
)
def test_who_is_started_again(name, code, again):
    assert (backoff.Policy(name).next(code, 1) is not None) == again


def test_the_number_of_tries_is_bounded():
    policy = backoff.Policy("on-failure", 2)
    assert [policy.next(1, 0) is not None for _ in range(3)] == [True, True, False]
    assert policy.count == 2


def test_who_was_stopped_by_hand_stays_down():
    policy = backoff.Policy("always")
    policy.over = True
    assert policy.next(1, 0) is None
