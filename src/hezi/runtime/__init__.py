"""OCI runtime spec to a plan of small operations to a running box."""
