"""The facade: Docker's policies and defaults over the mechanisms below."""
