"""rtnetlink in a few hundred lines: messages are tables, and no other library is needed to make a network."""
