"""Arrays -> Plotly figures, as plain dictionaries: quick to make and to send. One module per view."""
