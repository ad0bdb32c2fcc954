"""Distribution client: authentication, resolving, pulling, pushing."""
