"""Images on their way in and out: archives, registries, and who we are there."""
