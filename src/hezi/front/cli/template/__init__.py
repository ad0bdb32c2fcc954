"""Go's text/template, as docker's users write it in ``--format`` and ``-f``. Loaded only when such an option is given.

Source: the documentation of Go's packages text/template, fmt, strconv, encoding/json and text/tabwriter, and what the
docker 28.2 client was seen to answer (tests/data/template_golden.json).
"""
