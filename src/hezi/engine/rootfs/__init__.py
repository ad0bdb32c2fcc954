"""The root file system of a container as seen from outside: cp, diff, export, commit."""
