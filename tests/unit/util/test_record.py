"""Records behave as typing's named tuples do, asked the same questions."""

from __future__ import annotations

import copy
import inspect
import pickle
import typing

import pytest

from hezi._util import record


class Point(record.NamedTuple):
    """A point."""

    x: int
    y: int = 2
    name: str | None = None

    @property
    def total(self) -> int:
        return self.x + self.y

    @classmethod
    def origin(cls) -> Point:
        return cls(0, 0)

    def moved(self, by: int) -> Point:
        return self._replace(x=self.x + by)


class Theirs(typing.NamedTuple):
    """A point."""

    x: int
    y: int = 2
    name: str | None = None


class Plain(record.NamedTuple):
    count: int  # hides a method of tuple, as in typing


class PlainTheirs(typing.NamedTuple):
    count: int


class Child(Point):
    def moved(self, by: int) -> Point:
        return super().moved(2 * by)


Empty = type(record.NamedTuple)("Empty", (record.NamedTuple,), {"__module__": __name__, "__qualname__": "Empty"})
Long: type = type(record.NamedTuple)(
    "Long",
    (record.NamedTuple,),
    {
        "__module__": __name__,
        "__qualname__": "Long",
        "__annotations__": {f"f{number}": "int" for number in range(60)},
        "f59": 59,
    },
)


def _both(question):
    return question(Point), question(Theirs)


@pytest.mark.parametrize(
    "question",
    [
        lambda cls: tuple(cls(1)),
        lambda cls: cls(1) == (1, 2, None),
        lambda cls: hash(cls(1)),
        lambda cls: cls(x=1, name="n")._asdict(),
        lambda cls: tuple(cls(1)._replace(y=9)),
        lambda cls: tuple(cls._make([1, 2, 3])),
        lambda cls: cls._fields,
        lambda cls: cls._field_defaults,
        lambda cls: cls.__match_args__,
        lambda cls: cls.__slots__,
        lambda cls: cls.__doc__,
        type,
        lambda cls: [(p.name, p.kind, p.default) for p in inspect.signature(cls).parameters.values()],
        lambda cls: repr(cls(1)).partition("(")[2],
        lambda cls: cls(1)[1:],
        lambda cls: isinstance(cls(1), tuple),
        lambda cls: hasattr(cls(1), "__dict__"),
        lambda cls: cls.x.__doc__,
    ],
)
def test_it_answers_as_typing_does(question):
    mine, theirs = _both(question)
    assert mine == theirs


@pytest.mark.parametrize(
    "mistake",
    [
        lambda cls: cls(),
        lambda cls: cls(1, 2, 3, 4),
        lambda cls: cls(1, x=1),
        lambda cls: cls(1, z=1),
        lambda cls: cls(1)._replace(z=1),
        lambda cls: cls._make([1]),
        lambda cls: setattr(cls(1), "x", 2),
        lambda cls: setattr(cls(1), "other", 2),
        lambda cls: delattr(cls(1), "x"),
    ],
)
def test_it_fails_as_typing_does(mistake):
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - whatever typing raises
        mistake(Theirs)
    # Which exception an unknown field of _replace raises differs between Pythons.
    with pytest.raises((theirs.type, ValueError)) as mine:
        mistake(Point)
    assert str(mine.value).replace("Point", "Theirs") == str(theirs.value) or "field names" in str(mine.value)


def test_what_is_defined_in_the_body_stays():
    assert (Point(3).total, Point.origin(), Point(3).moved(4)) == (5, (0, 0, None), (7, 2, None))


def test_a_class_may_inherit_from_a_record():
    assert Child(1).moved(2) == (5, 2, None)
    assert repr(Child(1)) == "Child(x=1, y=2, name=None)"
    assert type(Child(1)._replace(x=2)) is Child


def test_a_field_may_hide_a_method_of_tuple():
    assert Plain(3).count == PlainTheirs(3).count == 3
    assert Plain.__doc__ == "Plain(count)"


@pytest.mark.parametrize("fields", [0, 60])
def test_of_any_number_of_fields(fields: int):
    if not fields:
        assert Empty() == ()
        assert Empty._fields == ()
        return
    made = Long(*range(59))
    assert tuple(made) == tuple(range(60))
    assert made.f58 == 58
    assert Long(**{f"f{number}": number for number in range(60)}) == made


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_can_be_pickled_and_copied(protocol: int):
    value = Point(1, name="n")
    back = pickle.loads(pickle.dumps(value, protocol))
    assert back == value
    assert type(back) is Point
    assert copy.copy(value) == copy.deepcopy(value) == value


def test_it_can_be_matched():
    match Point(1, 5):
        case Point(x, y=5, name=None):
            assert x == 1
        case _:
            pytest.fail("no match")


def _define(**namespace):
    namespace = {"__module__": __name__, "__qualname__": "Wrong", **namespace}
    return type(record.NamedTuple)("Wrong", (record.NamedTuple,), namespace)


def test_definitions_that_typing_refuses_are_refused():
    with pytest.raises(TypeError, match="field b without a default follows field a"):
        _define(__annotations__={"a": "int", "b": "int"}, a=1)
    with pytest.raises(ValueError, match="cannot start with an underscore"):
        _define(__annotations__={"_a": "int"})
    with pytest.raises(AttributeError, match="Cannot overwrite NamedTuple attribute __new__"):
        _define(__annotations__={"a": "int"}, __new__=lambda cls: None)
    with pytest.raises(TypeError, match="no other base class"):
        type(record.NamedTuple)("Wrong", (record.NamedTuple, Plain), {})
