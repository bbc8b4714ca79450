"""Data sets: which one is meant, the public recordings and their checksums, and synthetic ones."""
