"""Images and layers as immutable values; tar and compression."""
