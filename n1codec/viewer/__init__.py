"""The viewer shows recordings in the browser: a static page of plain ES modules, and a server that answers it.

opening     makes a session of files
session     holds recordings and what is computed from them; tiles of minima and maxima; blocks that codecs make
signals     gives samples of any recording as 16 bits, copied or where they are
processing  filters, takes a common reference, whitens
spikes      finds threshold crossings
details     what is shown of one channel or two
cache       the folder of what was prepared, and its bound
jobs        runs long computations in the background, with progress and cancelling
sessions    the recordings that are open, and those that are dropped on the page
export      the data of a view as CSV; the result store
wire        how arrays travel to the browser
api         the addresses that the page asks
server      serves page and addresses, and refuses strangers
page/       the page: HTML, style, and modules that draw on canvases
"""
