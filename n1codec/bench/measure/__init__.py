"""Measure codecs: what to run, how to run it, and on which machine it ran."""
