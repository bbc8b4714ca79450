"""Reports of results and of recordings: plots, the HTML report, a page of Markdown, tables."""
