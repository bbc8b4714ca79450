"""The viewer shows recordings in the browser. It is a Dash app with these modules:

session    holds recordings as one memory-mapped array, and what is computed from them, in a cache keyed by content
jobs       runs long computations in the background, with progress and cancelling
state      describes what the page shows; it is written as a query string, so that a link reproduces it
figures/   makes Plotly figures, as plain dictionaries, from arrays; one module per view
canvas     makes the figures of a view from a session and a state
export     makes the CSV file of a view from a session and a state
layout     builds the page; assets/ has its style and its keys
callbacks  answers what a person does on the page, by way of the modules above
app        makes the server
speed      measures how long the server takes for each kind of answer
"""
