"""Names of containers: a small DNS server for the engine, without a daemon."""
