"""The flags before the command."""

from __future__ import annotations

from hezi.front.cli.option import Option, refused

GLOBAL_OPTIONS = (
    Option("config", "string", "Directory of the client's configuration, with registry credentials"),
    Option("debug", "bool", "Show where an internal error happened", short="D"),
    Option("log-level", "string", 'How much to say: "debug", "info", "warn", "error", "fatal"', short="l"),
    Option("root", "string", "Where images and containers are kept (default $HEZI_ROOT or /var/lib/hezi)"),
    Option("runroot", "string", "What need not outlive a boot (default $HEZI_RUNROOT or /run/hezi)"),
    Option("version", "bool", "Print the version and quit", short="v"),
    *refused(
        "is refused: hezi has no daemon to connect to",
        "context:string:c=default host:list:H tls:bool tlscacert tlscert tlskey tlsverify:bool",
    ),
)
