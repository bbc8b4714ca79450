"""Plots, from the result store alone."""
