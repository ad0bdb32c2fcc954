"""The kernel as typed Python: no policy, no OCI."""
