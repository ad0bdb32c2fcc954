"""Why a flag of docker is refused: the end of a sentence that starts with the flag."""

from __future__ import annotations

TRUST = "is refused: hezi does no Notary verification, it verifies images by digest"
WINDOWS = "is refused: it is for Windows containers"
RUNTIME = "is refused: hezi is its own runtime"
NO_DAEMON = "is refused: hezi has no daemon and no API socket"
GPUS = "is refused: hezi does not set up GPUs; pass the devices by --device"
KERNEL = "is refused: the kernel no longer offers it"
STORAGE = "is refused: the overlay driver takes no options per container"
SWARM = "is refused: hezi is no swarm"
CHECKPOINTS = "is refused: hezi has no checkpoints"
LINKS = "is refused: links are lines of /etc/hosts here, and go with the container"
