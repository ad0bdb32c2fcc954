"""The life of containers: made, listed, shown, started, stopped, removed."""
