"""The front ends: they translate and print, never decide."""
