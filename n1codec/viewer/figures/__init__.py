"""Plotly figures made from arrays, one module per view. They are plain dictionaries: quick to make and to send."""
