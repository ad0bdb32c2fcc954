"""OCI documents, digests, references and platforms: pure data, no I/O."""
