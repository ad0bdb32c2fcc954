"""Small tools that know nothing of containers."""
