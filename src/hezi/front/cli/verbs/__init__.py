"""One file per command: its table (``VERB``) and what it does (``call``)."""
