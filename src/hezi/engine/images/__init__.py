"""What the image commands show and do."""
