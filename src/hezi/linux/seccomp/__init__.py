"""Seccomp filters: assembler, Docker's profile semantics, loading."""
