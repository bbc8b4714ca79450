"""Makes what the canvas shows from a session and a state: one figure or two, a note, the job that it waits for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from n1codec.analysis import decimate, spectrum
from n1codec.analysis.groups import Group
from n1codec.analysis.histogram import histogram
from n1codec.codec import CodecError
from n1codec.viewer.figures import compression, correlation, image, results, signals, spectra
from n1codec.viewer.figures.style import Figure, Theme, message
from n1codec.viewer.jobs import Job
from n1codec.viewer.session import Session
from n1codec.viewer.state import State, shown, visible, window

_POINTS = 160_000
"""Points of a figure, shared by its lines."""
_FEWEST_POINTS = 120
"""Points of a line, however many there are."""
_FEW = 16
"""Channels of which more is drawn than is visible."""
_PLOT_HEIGHT = 58
_NARROW = 720
_SEGMENT = 256
"""Frames of a segment of a spectrogram, unless few are shown."""
_SEGMENTS = 8
"""Segments that are averaged into a column of a spectrogram at the most."""


_BARS = 400
"""Bins of a histogram at the most."""


class Size(NamedTuple):
    """The size of the canvas in pixels."""

    width: float = 1100
    height: float = 760


class Canvas(NamedTuple):
    """What is shown at a time."""

    main: Figure
    detail: Figure | None = None
    note: str = ""
    job: str = ""
    """The name of the job that the view waits for."""


class Order(NamedTuple):
    """The channels from top to bottom."""

    channels: np.ndarray
    """Their numbers, int64."""
    job: Job | None
    """What must end before they can be put in the order that was asked for."""


def arrange(session: Session, state: State) -> Order:
    """Return the order of the channels: that of the files, until the clustering that was asked for is computed."""
    plain = np.arange(session.channels)
    if not state.linkage:
        return Order(plain, None)
    job = session.correlate(state.measure)
    tree = session.tree(state.measure, state.linkage, state.distance)
    return Order(plain, job) if tree is None else Order(tree.leaves, None)


def draw(session: Session, state: State, size: Size, style: Theme, results_home: Path) -> Canvas:
    """Return what a view shows. A problem that a person can solve is written in place of the figure.

    Args:
        session: the recordings.
        state: what is asked for; it fits the session (``state.fit``).
        size: of the canvas.
        style: colours of the light or the dark theme.
        results_home: a folder of the result store, or of such folders.
    """
    try:
        if state.view == "results":
            return _results(state, size, style, results_home)
        order = arrange(session, state)
        view = {
            "signals": _signals,
            "image": _image,
            "correlation": _correlation,
            "spectrum": _spectrum,
            "compression": _compression,
        }[state.view]
        made = view(session, state, order, size, style)
    except CodecError as error:
        return Canvas(message(str(error), style))
    if made.main["layout"]["dragmode"]:
        made.main["layout"]["dragmode"] = state.drag
    if order.job and not made.job:
        made = made._replace(job=state.measure)
    return made


def _chosen(session: Session, state: State, order: Order) -> tuple[int, list[int], list[str]]:
    first, last = visible(state, session.channels)
    channels = [int(c) for c in order.channels[first:last]]
    return first, channels, [session.labels[c] for c in channels]


def _span(session: Session, state: State) -> tuple[float, float]:
    start, stop = window(state, session.frames)
    return start / session.rate, stop / session.rate


def lines(
    session: Session, channels: Sequence[int], start: int, stop: int, pixels: float
) -> tuple[list[signals.Line], int]:
    """Return what is drawn of channels from ``start`` to ``stop``, and the frames in a bin.

    A few channels reach half as far again on either side, so that there is something to see while the mouse pans.
    """
    points = max(_FEWEST_POINTS, min(pixels, _POINTS / 2 / max(len(channels), 1)))
    beyond = (stop - start) // 2 if len(channels) <= _FEW else 0
    first, last = max(start - beyond, 0), min(stop + beyond, session.frames)
    made = session.pyramid.window(list(channels), first, last, int(points * (last - first) / (stop - start)))
    found = []
    for row, channel in enumerate(channels):
        x, y = decimate.interleave(made, row)
        if row % 2 and made.width > 1:
            y = y.reshape(-1, 2)[:, ::-1].ravel()  # all lines up and down together would draw a comb
        length = int(session.lengths[channel])
        inside = int(np.searchsorted(x, length))
        visible = slice(int(np.searchsorted(made.x, start)), int(np.searchsorted(made.x, min(stop, length))))
        low, high = made.low[row, visible], made.high[row, visible]
        found.append(
            signals.Line(
                channel,
                session.labels[channel],
                x[:inside] / session.rate,
                y[:inside],
                int(low.min()) if low.size else 0,
                int(high.max()) if high.size else 1,
                length / session.rate if length < session.frames else np.inf,
            )
        )
    return found, made.width


def _signals(session: Session, state: State, order: Order, size: Size, style: Theme) -> Canvas:
    _, channels, _ = _chosen(session, state, order)
    start, stop = window(state, session.frames)
    note = ""
    first, last = shown(state, session.channels)
    if last - first > len(channels):
        note = f"The first {len(channels)} of {last - first} chosen channels: [ and ] show others, overlaid shows all."
    made, width = lines(session, channels, start, stop, size.width)
    figure = signals.separate if state.mode == "separate" else signals.overlaid
    height = max(size.height, len(channels) * _PLOT_HEIGHT + 52) if state.mode == "separate" else size.height
    return Canvas(figure(made, _span(session, state), session.rate, width, height, style), note=note)


def _image(session: Session, state: State, order: Order, size: Size, style: Theme) -> Canvas:
    first, channels, labels = _chosen(session, state, order)
    start, stop = window(state, session.frames)
    x, values, width = session.pyramid.image(channels, start, stop, int(size.width))
    figure = image.draw(
        values, x, width, _span(session, state), session.rate, channels, labels, first, session.lengths[channels],
        size.height, style, state.colours == "robust",
    )  # fmt: skip
    return Canvas(figure)


def _correlation(session: Session, state: State, order: Order, size: Size, style: Theme) -> Canvas:
    first, channels, labels = _chosen(session, state, order)
    job = session.correlate(state.measure)
    groups = session.simultaneous()
    r = session.matrix(state.measure)
    if r is None:
        return Canvas(message(_waiting(job), style, size.height), job=state.measure)
    place = {channel: first + row for row, channel in enumerate(channels)}
    found: list[Group] = groups.result or []
    pairs = [
        (place[a], place[b]) for group in found for a in group.members for b in group.members
        if a != b and a in place and b in place
    ]  # fmt: skip
    tree = session.tree(state.measure, state.linkage, state.distance) if state.linkage else None
    lines_of_tree = correlation.dendrogram(tree.linkage, tree.leaves) if tree and len(tree.linkage) else None
    chosen = (place[state.focus], place[state.other]) if {state.focus, state.other} <= place.keys() else None
    height = size.height if state.other < 0 else max(360.0, 0.62 * size.height)
    figure = correlation.matrix(
        r[np.ix_(channels, channels)], channels, labels, first, state.measure, pairs, lines_of_tree,
        (size.width, height), style, chosen,
    )  # fmt: skip
    detail = _pair(session, state, size, style) if state.other >= 0 else None
    return Canvas(figure, detail, _about_groups(session, groups, found), "" if groups.result is not None else "groups")


def _waiting(job: Job) -> str:
    return f"{job.title}: cancelled." if job.cancelled.is_set() else job.error or f"{job.title} …"


def _about_groups(session: Session, job: Job, found: Sequence[Group]) -> str:
    if job.result is None:
        return _waiting(job)
    members = sum(len(group.members) for group in found)
    alone = session.channels - members
    if not found:
        return (
            "No two of these show that they were recorded at the same time: between separate pieces, a correlation is "
            "chance."
        )
    pairs = sum(len(group.members) == 2 for group in found)
    what = (
        f"{pairs} simultaneous pair{'s' * (pairs != 1)}"
        if pairs == len(found)
        else f"{len(found)} group{'s' * (len(found) != 1)}"
    )
    rest = (
        f" {alone} show nothing simultaneous: if they are separate pieces, their correlations are chance."
        if alone
        else ""
    )
    return f"{what} ({members} of {session.channels} recordings), marked by squares.{rest} Click a cell to see the two."


def _pair(session: Session, state: State, size: Size, style: Theme) -> Figure:
    both = (state.focus, state.other)
    start, stop = window(state, session.frames)
    narrow = size.width < _NARROW
    made, _ = lines(session, both, start, stop, size.width * 0.6)
    end = max(start + 2, min(stop, *(int(session.lengths[c]) for c in both)))
    x, y = (np.asarray(session.signals[c, start:end], np.float64) for c in both)
    session.prepare().wait()
    lags, r = correlation.correlogram(x, y, session.rate)
    return correlation.pair(
        made, lags, r, _span(session, state), style, 520 if narrow else max(280.0, 0.36 * size.height), narrow
    )


def _spectrum(session: Session, state: State, order: Order, size: Size, style: Theme) -> Canvas:
    first, channels, labels = _chosen(session, state, order)
    start, stop = window(state, session.frames)
    if state.spectrum == "spectrogram":
        return _spectrogram(session, state, size, style)
    found = session.spectra_of(channels, start, stop)
    note = ""
    if found is None:
        job = session.spectra()
        if job.running or job.result is None:
            return Canvas(message(_waiting(job), style, size.height), job="spectra")
        frequencies, power = job.result
        found = frequencies, power[channels]
        if (start, stop) != (0, session.frames):
            note = "Spectra of the whole recordings: so many channels are not computed anew for each range shown."
    if state.spectrum == "image":
        return Canvas(spectra.image(*found, channels, labels, first, size.height, style), note=note)
    return Canvas(spectra.lines(*found, channels, labels, size.height, style), note=note)


def spectrogram(session: Session, state: State, columns: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the spectrogram of the frames shown of the channel in focus, about ``columns`` segments wide.

    Where a column has room for many segments, it is the mean of some that are spread over it.

    Returns:
        Frequencies in Hz, shape (bins,); the middles of the columns in seconds, shape (columns,); the density in
        squared units per Hz, shape (bins, columns).
    """
    start, stop = window(state, session.frames)
    end = max(start + 2, min(stop, int(session.lengths[state.focus])))
    x = session.signals[state.focus, start:end]
    segment = max(16, min(_SEGMENT, len(x) // 8))
    hop = max(1, len(x) // int(max(columns, 200)))
    session.prepare().wait()
    if hop < 2 * segment:
        frequencies, seconds, power = spectrum.spectrogram(x, session.rate, segment, max(segment - hop, 0))
        return frequencies, seconds + start / session.rate, power
    each = min(hop // segment, _SEGMENTS)
    count = len(x) // hop
    firsts = np.arange(count)[:, None] * hop + np.arange(each) * (hop // each)
    pieces = np.concatenate([x[first : first + segment] for first in firsts.ravel()])
    frequencies, _, power = spectrum.spectrogram(pieces, session.rate, segment, 0)
    seconds = (start + (np.arange(count) + 0.5) * hop) / session.rate
    return frequencies, seconds, power.reshape(len(frequencies), count, each).mean(axis=2)


def _spectrogram(session: Session, state: State, size: Size, style: Theme) -> Canvas:
    name = f"{state.focus}  {session.names[state.focus]}"
    made = spectrogram(session, state, size.width)
    figure = spectra.spectrogram(*made, _span(session, state), name, size.height, style)
    return Canvas(figure, note="The keys , and . go to another channel.")


def _compression(session: Session, state: State, order: Order, size: Size, style: Theme) -> Canvas:
    first, channels, labels = _chosen(session, state, order)
    job = session.compress(state.codec)
    name = job.name
    height = max(300.0, 0.48 * size.height)
    detail = _coded(session, state, job, size, style)
    if job.running or job.result is None:
        return Canvas(message(_waiting(job), style, height), detail, job=name)
    made = job.result
    means = session.bits_per_sample(made)
    figure = compression.overview(
        made.bits[channels], made.block / session.rate, means[channels], _span(session, state), channels, labels, first,
        state.focus, height, style,
    )  # fmt: skip
    whole = float((means * session.lengths).sum() / session.lengths.sum())
    note = (
        f"{made.spec}: {whole:.3f} bits per sample in blocks of {made.block} frames, each coded by itself, which costs "
        "more than whole files do. Click a row to see its channel below."
    )
    looked, length = session.looked_at(state.focus, *window(state, session.frames)), session.lengths[state.focus]
    if looked[1] - looked[0] < length:
        note += f" Its residual and its histograms are of the frames {looked[0]:,} to {looked[1]:,}."
    return Canvas(figure, detail, note)


def _coded(session: Session, state: State, job: Job, size: Size, style: Theme) -> Figure:
    start, stop = window(state, session.frames)
    channel, narrow = state.focus, size.width < _NARROW
    (line,), width = lines(session, [channel], start, stop, size.width * 0.65)
    first, last = session.looked_at(channel, start, stop)
    left = session.residual(state.codec, channel, first, last)
    inside = slice(max(start - first, 0), max(stop - first, 0))
    x, y = bins(left.values[inside], max(start, first), max(width, 1))
    blocks = -(-session.frames // session.block)
    bits = np.full(blocks, np.nan) if job.running or job.result is None else job.result.bits[channel]
    codes = np.asarray(session.signals[channel, first:last])
    return compression.detail(
        line,
        (x / session.rate, y),
        (np.arange(len(bits)) * session.block / session.rate, bits),
        counted(codes),
        counted(left.values),
        _span(session, state),
        channel,
        f"{channel}  {session.labels[channel]}",
        left.spec,
        760 if narrow else max(380.0, 0.5 * size.height),
        style,
        narrow,
    )


def bins(x: np.ndarray, start: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a line through the lowest and the highest of each ``width`` values.

    Args:
        x: shape (frames,); frames at the end that fill no bin are left out.
        start: the number of the first frame.
        width: frames in a bin.

    Returns:
        Frames, float64, and values, int32, both of shape (points,).
    """
    whole = len(x) // width * width
    pieces = x[:whole].reshape(-1, width)
    low, high = (pieces.min(axis=1), pieces.max(axis=1)) if whole else (pieces[:, 0], pieces[:, 0])
    at = start + width * np.arange(len(low), dtype=np.int64)
    frames, values = decimate.interleave(decimate.Window(at, low[None], high[None], width))
    return frames, values.astype(np.int32)


def counted(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of bins of values, and how many samples each bin has.

    The rarest values at either end, a thousandth of the samples, are left out. A bin holds one value, or a whole number
    of the converter's steps where there are more than 400 values.

    Args:
        x: integers of any shape.
    """
    values, counts = np.unique(x, return_counts=True)
    share = np.cumsum(counts) / max(x.size, 1)
    inside = (share > 0.001) & (share < 0.9995)
    if inside.sum() > 2:
        values, counts = values[inside], counts[inside]
    found = histogram(values, counts, _BARS)
    return found.values, found.counts


def folders(results_home: Path) -> list[Path]:
    """Return the folders of results, the newest first."""
    found = [results_home / "summary.csv", *results_home.glob("*/summary.csv")]
    there = [path for path in found if path.exists()]
    return [path.parent for path in sorted(there, key=lambda path: -path.stat().st_mtime)]


def chosen_results(state: State, results_home: Path) -> Path:
    """Return the folder of the results that are shown.

    Raises:
        CodecError: there are none.
    """
    found = folders(results_home)
    if not found:
        raise CodecError(f"{results_home}: there are no results (run n1codec grid, or name a folder with --results)")
    return next((folder for folder in found if folder.name == state.results), found[0])


def _results(state: State, size: Size, style: Theme, results_home: Path) -> Canvas:
    from n1codec.bench.results import summary

    folder = chosen_results(state, results_home)
    table = summary.read(folder)
    note = f"{folder.name}: {int((table['status'] == 'ok').sum())} verified codecs."
    return Canvas(results.draw(table, state.speed, size.height, style, size.width < _NARROW), note=note)
