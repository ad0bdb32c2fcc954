"""The one file that speaks C: constants, structures and libc prototypes, each built once."""
