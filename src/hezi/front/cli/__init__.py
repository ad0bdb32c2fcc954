"""The docker-shaped command line, one file per verb."""
