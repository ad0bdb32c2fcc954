"""Names for containers that were given none: an adjective and a thing that is found in, or done with, boxes."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_ADJECTIVES = (
    "agile amber ample ancient azure brave bright brisk calm candid cheerful clear clever coral cosy crisp curious"
    " dainty daring deep diligent eager early earnest easy elegant fair fancy fast fearless fine firm fond frank free"
    " fresh friendly gentle gifted glad golden graceful grand green happy hardy honest humble jade jolly joyful keen"
    " kind late lively loyal lucid lucky mellow merry mild mighty modest neat nimble noble open patient plain polite"
    " proud pure quick quiet ready red robust rosy round rustic serene sharp shiny silent silver simple sleek smart"
    " smooth snug solid spry steady still stout strong sturdy sunny swift tall tender tidy tiny tough tranquil trusty"
    " upbeat vivid warm wide wise witty young zesty"
)
_NOUNS = (
    "abacus acorn anchor anvil apricot awl bamboo barrel basket beacon bell bench bobbin bolt bottle bowl box bracket"
    " brick brush bucket button cabinet camphor candle carp carton case cedar chest chime chisel clasp coin comb"
    " compass coral cork crane crate cricket cup cypress dial dragon drawer drum fan fern flask flute fox garnet"
    " ginkgo gong hammer hamper harp heron hinge inkstone ivy jar kettle key kite knot ladder lantern latch lid loom"
    " lotus lute magnet magpie maple marble mortar needle oak orchid otter panda parcel peach pebble pestle pine plum"
    " pocket pouch puzzle quill rack reed ribbon rice ring rope satchel scroll sedge shelf shell silk spindle spool"
    " spring sprocket stamp teapot thimble thread tin tray trunk turtle urn vase walnut wheel whistle willow wren"
)
_TRIES = 6


def generate() -> str:
    """Return a random name such as ``quiet_lantern``."""
    return f"{_pick(_ADJECTIVES)}_{_pick(_NOUNS)}"


def _pick(text: str) -> str:
    words = text.split()
    return words[int.from_bytes(os.urandom(4), "little") % len(words)]


def free(taken: Callable[[str], bool]) -> str:
    """Return a name for which ``taken`` says no; with a number at its end when the lists are used up."""
    for _ in range(_TRIES):
        name = generate()
        if not taken(name):
            return name
    while True:
        name = f"{generate()}{int.from_bytes(os.urandom(3), 'little')}"
        if not taken(name):
            return name
