"""The results: the store that rows are appended to, the summary of its rows, and tables made from both."""
