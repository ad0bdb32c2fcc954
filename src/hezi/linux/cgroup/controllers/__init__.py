"""One file per controller: what it limits, under v1 and under v2."""
