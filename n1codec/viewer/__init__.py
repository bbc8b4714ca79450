"""The viewer: recordings in the browser, a Dash app.

session    recordings as one memory-mapped array, and what is computed of them, in a cache keyed by content
jobs       long computations in the background, with progress and cancelling
state      what the page shows; written as a query string, so that a link reproduces it
figures/   arrays -> Plotly figures as plain dictionaries, one module per view
canvas     session and state -> the figures of a view
export     session and state -> the CSV of a view
layout     the page; assets/ has its style and its keys
callbacks  what connects the page with the above
app        the server
"""
