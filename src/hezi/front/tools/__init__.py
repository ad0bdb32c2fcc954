"""Tools on the kernel facilities themselves, without containers: they use :mod:`hezi.linux` and nothing above it."""
