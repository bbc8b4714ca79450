"""Spikes: where they are, what they look like, and what it takes to send them."""
