"""Measuring codecs, keeping the results, and searching for better pipelines."""
