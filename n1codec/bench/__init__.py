"""Measuring codecs: what to run, how to run it, where the results are kept and what they add up to."""
