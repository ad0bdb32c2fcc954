"""The tools of libcgroup: same options, formats, order and exit codes, right on v1, v2 and hybrid hosts."""
