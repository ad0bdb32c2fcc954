"""Options and verbs as data.

One table per verb feeds the parser, ``--help``, the completions and the reference pages. An option either works or
carries the reason why it is refused; there is no third kind, so nothing a docker user types is ignored in silence.

Plain classes with ``__slots__`` instead of ``typing.NamedTuple``: importing ``typing`` costs as much as a third of a
bare interpreter, and ``hezi version`` needs nothing else of it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[str], object]

# Kinds that may be given several times and keep every value, in order.
MANY = frozenset({"list", "map", "ulimit", "mount", "network", "filter", "strings"})


class Option:
    """One flag.

    :ivar name: long name without dashes.
    :ivar short: one letter, or "".
    :ivar kind: pflag's name of the type, which is also the placeholder in the help (``string``, ``list``, ``bool``...).
    :ivar help: one line; empty for a refused one.
    :ivar refusal: why it is not accepted; None when it works.
    :ivar harmless: values that ask for what hezi does anyway, accepted although the option is refused.
    :ivar check: reads one value; raises :class:`ValueError` with docker's words for a wrong one.
    :ivar bare: the value meant by the flag alone (``--plan``); None when a value must follow.
    :ivar choices: what completions offer.
    :ivar same: the flag that it is another spelling of, to which its values go, in the order of the line; "" for none.
    """

    __slots__ = ("bare", "check", "choices", "harmless", "help", "kind", "name", "refusal", "same", "short")

    def __init__(
        self,
        name: str,
        kind: str = "string",
        help: str = "",  # noqa: A002 - the field is called what it is
        *,
        short: str = "",
        check: Check | None = None,
        refusal: str | None = None,
        bare: str | None = None,
        choices: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.kind = kind
        self.help = help
        self.short = short
        self.check = check
        self.refusal = refusal
        self.harmless: tuple[object, ...] = ()
        self.bare = "true" if kind == "bool" else bare
        self.choices = choices
        self.same = ""

    @property
    def many(self) -> bool:
        """Whether each value is kept when the flag is given several times."""
        return self.kind in MANY

    @property
    def spelling(self) -> str:
        """The flag as docker's messages quote it: ``-e, --env``."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


def same(name: str, other: Option) -> Option:
    """Return ``--name`` as another spelling of a flag that may be given several times; the help has the one."""
    found = Option(name, other.kind, check=other.check)
    found.same = other.name
    return found


def refused(reason: str, names: str) -> tuple[Option, ...]:
    """Make the entries of flags that are known and refused.

    :param reason: the rest of a sentence that starts with the flag ("needs the network part, not built yet").
    :param names: words ``name:kind`` or ``name:kind:short``; the kind is ``string`` when left out; ``=value`` at the
        end names values, with ``|`` between them, that are accepted because they ask for nothing.
    """
    options = []
    for word in names.split():
        text, equals, harmless = word.partition("=")
        name, _, rest = text.partition(":")
        kind, _, short = rest.partition(":")
        option = Option(name, kind or "string", short=short, refusal=reason)
        if kind == "bool":
            option.harmless = (harmless == "true",)
        elif equals:
            option.harmless = tuple(harmless.split("|"))
        options.append(option)
    return tuple(options)


class Verb:
    """One command: what it accepts and what its help says.

    :ivar use: the usage line after the command's path (``[OPTIONS] IMAGE [COMMAND] [ARG...]``).
    :ivar summary: one line.
    :ivar options: the flags, without ``--help``, which every verb has.
    :ivar least: fewest positional arguments.
    :ivar most: most positional arguments; None for no bound.
    :ivar interspersed: whether flags may follow the first positional argument.
    :ivar spellings: all ways to write the command, as docker's "Aliases" section.
    :ivar examples: (command line, what it does) pairs; the command lines start after the program's name.
    :ivar failure: exit code when the engine fails: 125 for run and its like, else 1.
    """

    __slots__ = (
        "examples",
        "failure",
        "interspersed",
        "least",
        "most",
        "notes",
        "options",
        "spellings",
        "summary",
        "use",
    )

    def __init__(
        self,
        use: str,
        summary: str,
        *,
        options: tuple[Option, ...] = (),
        arguments: tuple[int, int | None] = (0, 0),
        interspersed: bool = True,
        failure: int = 1,
    ) -> None:
        self.use = use
        self.summary = summary
        self.options = options
        self.least, self.most = arguments
        self.interspersed = interspersed
        self.failure = failure
        self.spellings: tuple[str, ...] = ()
        self.examples: tuple[tuple[str, str], ...] = ()
        self.notes = ""

    def documented(self, *examples: tuple[str, str], spellings: tuple[str, ...] = (), notes: str = "") -> Verb:
        """Add what only ``--help`` and the reference pages show; returns the verb itself."""
        self.examples = examples
        self.spellings = spellings
        self.notes = notes
        return self
