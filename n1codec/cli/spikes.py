"""``n1codec spikes``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from n1codec.cli._data import takes_data

if TYPE_CHECKING:
    from n1codec.recordings import Reading
    from n1codec.spikes.align import Spikes
    from n1codec.spikes.network import Network

DETECTORS = ("mad", "neo", "neo-median", "templates")


def _detection(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what a spike is, and on which channels it is seen."""
    return _detector("--detector")(
        click.option("--neighbours", type=click.IntRange(1), default=4, show_default=True,
                     help="Channels of a waveform, nearest to where the spike is greatest.")(function)
    )  # fmt: skip


def _detector(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options that say what a spike is; ``names`` are those of the detector."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        function = click.option("--factor", type=click.FloatRange(0, min_open=True), help="That multiple: 4.5 (mad, "
                                "templates), 8 (neo) or 15 (neo-median) by default.")(function)  # fmt: skip
        return click.option(
            *names, "detector", type=click.Choice(DETECTORS), default="mad", show_default=True,
            help="Troughs below a multiple of the noise (mad), nonlinear energy above one of its mean or median, or "
            "what has the shape of a neuron's spikes (templates), learned from the channel itself.",
        )(function)  # fmt: skip

    return add


def _generation(help_text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options of generated spikes."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        function = click.option("--units", type=click.IntRange(1), default=24, show_default=True,
                                help="Neurons that generated spikes are of.")(function)  # fmt: skip
        return click.option("--generated", is_flag=True, help=help_text)(function)

    return add


def _found(data: str | None, reading: Reading, detector: str, factor: float | None, neighbours: int) -> Spikes:
    from n1codec.datasets import dataset
    from n1codec.spikes import align

    return align.of_all(list(dataset.resolve(data, reading=reading).recordings()), neighbours, detector, factor)


def _model(path: Path | None, waveforms: Any) -> Network | None:
    from n1codec.spikes import network

    channels, samples = waveforms.shape[1:]
    return network.load(path).fitting(channels, samples) if path else network.shipped(channels, samples)


@click.group()
def command() -> None:
    """Find spikes, say what they look like in few bits, and measure what that loses.

    \b
    Examples:
      n1codec spikes detect recordings/
      n1codec spikes evaluate tetrode.raw --channels 4 --rate 15000
      n1codec spikes encode tetrode.raw --channels 4 --rate 15000 -o tetrode.n1s
      n1codec spikes decode tetrode.n1s -o tetrode.npz
    """


@command.command()
@takes_data()
@_detector("--detector", "--method")
@click.option(
    "--keep",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the waveforms of the neurons that were learned of every channel, an .npz file.",
)
@click.option(
    "--templates",
    "given",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Find the neurons of such a file, and learn none.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON list, an object per channel.")
def detect(
    data: str | None,
    detector: str,
    factor: float | None,
    keep: Path | None,
    given: Path | None,
    as_json: bool,
    reading: Reading,
) -> None:
    """Find the spikes of every channel by itself, and tell its noise, its rate of spikes, and how much less they take.

    The ratio is that of 16-bit samples to the times of the spikes, and of which neurons they are. With --method
    templates a channel's spikes are those of its neurons, and are told apart.

    \b
    Examples:
      n1codec spikes detect recordings/ --method templates
      n1codec spikes detect first.raw --channels 4 --rate 30000 --method templates --keep neurons.npz
      n1codec spikes detect first.raw --channels 4 --rate 30000 --templates neurons.npz
    """
    import numpy as np

    from n1codec import files
    from n1codec.codec import CodecError
    from n1codec.datasets import dataset
    from n1codec.recordings.columns import columns, names, signals
    from n1codec.spikes import hits, templates
    from n1codec.spikes.detect import BAND, DETECTORS, bandpass, noise_level
    from n1codec.spikes.evaluate import SAMPLE_BITS

    shapes = given is not None or keep is not None or detector == "templates"
    known = templates.read(given) if given else {}
    kept: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for recording in dataset.resolve(data, reading=reading).recordings():
        recording = signals(recording)
        filtered = bandpass(columns(recording), recording.rate, BAND) if recording.rate else None
        for name, x in zip(names(recording), filtered if filtered is not None else (), strict=False):
            noise = noise_level(x)
            row: dict[str, Any] = {"channel": name, "noise": noise}
            if shapes:
                if given:
                    waveforms = noise * templates.of_channel(known, name, recording.rate, str(given))
                else:
                    waveforms = templates.learn(x, recording.rate)
                kept[name] = waveforms / max(noise, float(np.finfo(float).tiny))
                found = templates.match(x, recording.rate, waveforms, factor or templates.FACTOR)
                units = found.units
                row["units"] = np.bincount(units, minlength=len(waveforms)).tolist()
            else:
                units = np.zeros(DETECTORS[detector](x, recording.rate, factor).size, np.int64)
            bits = units.size * hits.event_bits(units, len(x))
            row |= {"spikes": units.size, "rate": units.size / recording.seconds,
                    "ratio": SAMPLE_BITS * len(x) / bits if bits else None}  # fmt: skip
            rows.append(row | {"bits": bits, "samples": len(x)})
    if not rows:
        raise CodecError(f"{data or 'the data set'}: no channel has a band of spikes: there are too few frames, or the "
                         "rate is too low or not known (--rate)")  # fmt: skip
    if keep:
        with files.writing(keep) as target:
            np.savez(target, **kept)
    bits, samples = (sum(row.pop(name) for row in rows) for name in ("bits", "samples"))
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        apart = f" of {len(row['units'])} neuron{'s'[: len(row['units']) != 1]}" if shapes else ""
        click.echo(
            f"{row['channel']}: noise {row['noise']:.9g}, {row['spikes']} spikes{apart}, {row['rate']:.9g} a second"
        )
    if bits:
        ratio = SAMPLE_BITS * samples / bits
        click.echo(
            f"times of spikes{', and their neurons,' if shapes else ''} take {ratio:.9g} times less than samples"
        )


@command.command()
@takes_data()
@_detection
@click.option("--methods", metavar="'A B'", help="Methods, separated by blanks; all of them without it.")
@click.option("--model", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Of the autoencoder; the "
              "one that comes with the package for such waveforms without it.")  # fmt: skip
@_generation("Take generated spikes on --neighbours channels, no recording.")
@click.option("--clean", is_flag=True, help="Of generated ones: measure against the spikes without noise.")
@click.option(
    "--detectors",
    "of_detectors",
    is_flag=True,
    help="Compare detectors instead: hits, false alarms and "
    "neurons told apart, of spikes planted in the quiet recordings of DATA, or of --generated ones.",
)
@click.option(
    "--robust",
    is_flag=True,
    help="Of generated ones: measure what other noise, jitter and neurons than those "
    "to which methods are fitted do to them, and to sorting.",
)
@click.option(
    "--sorter",
    metavar="NAME",
    help="Of --generated recordings: sort them, and what can be drawn of their spikes after each method, with a sorter "
    "of SpikeInterface such as spykingcircus2 (make sorting).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON list, an object per method and rate.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def evaluate(
    data: str | None,
    detector: str,
    factor: float | None,
    neighbours: int,
    methods: str | None,
    model: Path | None,
    generated: bool,
    units: int,
    clean: bool,
    of_detectors: bool,
    robust: bool,
    sorter: str | None,
    as_json: bool,
    quiet: bool,
    reading: Reading,
) -> None:
    """Compare methods: bits of a spike, and what comes back of it, on spikes that no method has seen.

    The first 60 % of the spikes are for fitting, the next 20 % for choosing, the last 20 % are measured. SNDR is the
    ratio of signal to noise and distortion: the mean of decibels over the spikes, all channels of a spike together.
    """
    from n1codec.cli._progress import progress
    from n1codec.spikes import evaluate as evaluation
    from n1codec.spikes import generate
    from n1codec.spikes.codebooks import METHODS

    if of_detectors:
        _show_detectors(data, generated, as_json, quiet, reading)
        return
    chosen = methods.split() if methods else [*METHODS]
    if unknown := [name for name in chosen if name not in METHODS]:
        raise click.UsageError(f"there is no method {unknown[0]} (there are {', '.join(METHODS)})")
    if clean and not generated:
        raise click.UsageError("--clean is for --generated: of a recording nobody knows its spikes without noise")
    if robust:
        if not generated:
            raise click.UsageError("--robust is for --generated: of a recording nobody knows its neurons")
        _show_robustness(chosen, model, as_json, quiet)
        return
    if sorter:
        if not generated:
            raise click.UsageError("--sorter is for --generated: n1codec quality sorts recordings")
        _show_sorted(sorter, methods.split() if methods else None, neighbours, as_json, quiet)
        return
    with progress(len(chosen), "methods", quiet=quiet or as_json) as advance:
        if generated:
            made = generate.spikes(channels=neighbours, units=units)
            parts, truth = evaluation.split(made.noisy), evaluation.split(made.clean)
            network = _model(model, made.noisy) if model else None
            rows = evaluation.run_split(parts, truth if clean else parts, 1.0, 0.0, chosen, network, advance)
        else:
            spikes = _found(data, reading, detector, factor, neighbours)
            rows = evaluation.run(spikes, chosen, _model(model, spikes.waveforms), advance)
    if as_json:
        click.echo(json.dumps([row._asdict() for row in rows], indent=2))
        return
    click.echo(
        f"{'method':11}{'bits':>8}{'ideal':>8}{'times':>8}{'all':>8}{'SNDR':>8}{'sd':>7}{'pooled':>8}{'channel':>9}"
    )
    for row in rows:
        click.echo(
            f"{row.method:11}{row.bits_per_spike:8.2f}{row.ratio_ideal:8.1f}{row.ratio_times:8.1f}{row.ratio_all:8.2f}"
            f"{row.sndr_db:8.2f}{row.sndr_db_sd:7.2f}{row.sndr_db_pooled:8.2f}{row.sndr_db_channel:9.2f}"
        )


def _show_detectors(data: str | None, generated: bool, as_json: bool, quiet: bool, reading: Reading) -> None:
    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError
    from n1codec.datasets import dataset
    from n1codec.recordings.columns import columns, signals
    from n1codec.spikes import hits

    with progress(2 if generated else len(hits.LEVELS), "detectors", quiet=quiet or as_json) as advance:
        if generated:
            rows = hits.generated(advance=advance)
        else:
            recordings = [signals(recording) for recording in dataset.resolve(data, reading=reading).recordings()]
            rates = {recording.rate for recording in recordings}
            if len(rates) != 1 or 0 in rates:
                raise CodecError("recordings of one known rate are needed to plant spikes in (--rate)")
            rows = hits.planted([x for one in recordings for x in columns(one)], rates.pop(), advance)
    if as_json:
        click.echo(json.dumps([row._asdict() for row in rows], indent=2))
        return
    click.echo(
        f"{'truth':10}{'level':>8}  {'detector':11}{'factor':>6}{'hits':>7}{'false/s':>9}{'right':>7}{'ns':>6}"
        f"{'learn':>6}{'ratio':>8}"
    )
    for row in rows:
        right = "" if row.accuracy is None else f"{row.accuracy:.3f}"
        click.echo(
            f"{row.truth:10}{row.level:>8}  {row.detector:11}{row.factor:6g}{row.hit_rate:7.3f}"
            f"{row.false_alarms_per_s:9.3f}{right:>7}{row.ns:6.0f}{row.learn_ns:6.0f}{row.ratio:8.0f}"
        )


def _show_robustness(methods: list[str], model: Path | None, as_json: bool, quiet: bool) -> None:
    from n1codec.cli._progress import progress
    from n1codec.spikes import generate, network, robust

    of_model = network.load(model).fitting(generate.CHANNELS, generate.SAMPLES) if model else None
    with progress(robust.CONDITIONS, "conditions", quiet=quiet or as_json) as advance:
        rows = robust.run(methods, of_model, advance=advance)
    if as_json:
        click.echo(json.dumps([row._asdict() for row in rows], indent=2))
        return
    click.echo(f"{'condition':40}{'method':11}{'bits':>7}{'SNDR':>7}{'clean':>7}{'sorted before':>15}{'after':>7}")
    for row in rows:
        click.echo(
            f"{row.condition:40}{row.method:11}{row.bits_per_spike:7.2f}{row.sndr_db:7.2f}{row.clean_db:7.2f}"
            f"{row.sorted_before:15.3f}{row.sorted_after:7.3f}"
        )


def _show_sorted(name: str, methods: list[str] | None, neighbours: int, as_json: bool, quiet: bool) -> None:
    import tempfile

    from n1codec.cli._progress import progress
    from n1codec.lossy.sorting import Sorter
    from n1codec.spikes import rebuilt

    chosen = [method for method in methods or rebuilt.METHODS if method != "vqae"]
    total = len(rebuilt.SEEDS) * (2 + len(chosen))
    with (
        tempfile.TemporaryDirectory(prefix="n1-sorted-") as folder,
        Sorter(name, Path(folder)) as sorter,
        progress(total, "sortings", quiet=quiet or as_json) as advance,
    ):
        rows = rebuilt.run(sorter, chosen, neighbours=neighbours, advance=advance)
    if as_json:
        click.echo(json.dumps([row._asdict() for row in rows], indent=2))
        return
    click.echo(f"{'sorted':15}{'bits':>7}{'ratio':>8}{'accuracy':>10}{'well':>6}{'false':>7}")
    for row in rows:
        bits, ratio = ("" if value is None else f"{value:.2f}" for value in (row.bits_per_spike, row.ratio))
        click.echo(f"{row.method:15}{bits:>7}{ratio:>8}{row.accuracy:10.3f}{row.found_well:6.1f}{row.false_units:7.1f}")


@command.command()
@takes_data()
@_detection
@_generation("Take generated spikes on --neighbours channels; with DATA, besides those of recordings.")
@click.option("--clean", is_flag=True, help="Of generated ones: let the target be the spikes without noise.")
@click.option("--epochs", type=click.IntRange(1), default=80, show_default=True)
@click.option("--stages", type=click.IntRange(1, 8), default=4, show_default=True, help="Of codewords.")
@click.option("--codewords", type=click.IntRange(2, 256), default=16, show_default=True, help="Of each stage.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The model's file.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def train(
    data: str | None,
    detector: str,
    factor: float | None,
    neighbours: int,
    generated: bool,
    units: int,
    clean: bool,
    epochs: int,
    stages: int,
    codewords: int,
    seed: int,
    out: Path,
    quiet: bool,
    reading: Reading,
) -> None:
    """Train the autoencoder on the first 60 % of the spikes, and keep the epoch that is best on the next 20 %.

    It needs PyTorch: pip install 'n1codec[torch]'. What it writes is used without.
    """
    from n1codec import files
    from n1codec.cli._progress import progress
    from n1codec.spikes import evaluate as evaluation
    from n1codec.spikes import generate, vqae

    if clean and not (generated and data is None):
        raise click.UsageError("--clean is for --generated: of a recording nobody knows its spikes without noise")
    parts, sources, truth = [], [], None
    if data or not generated:
        spikes = _found(data, reading, detector, factor, neighbours)
        if generated and spikes.waveforms.shape[1] != neighbours:
            raise click.UsageError(f"{data}: its spikes have {spikes.waveforms.shape[1]} channels (--neighbours)")
        parts.append(evaluation.split(spikes.waveforms / spikes.noise))
        sources.append(Path(data or "the data set").name)
    if generated:
        made = generate.spikes(channels=neighbours, units=units)
        parts.append(evaluation.split(made.noisy))
        sources.append("generated spikes")
        truth = evaluation.split(made.clean)[:2] if clean else None
    every, about = evaluation.joined(parts), " and ".join(sources)
    settings = vqae.Settings(epochs=epochs, stages=stages, codewords=codewords, seed=seed)
    with progress(epochs, "epochs", quiet=quiet) as advance:
        model = vqae.train((every.train, every.validation), settings, truth, {"trained on": about}, advance)
    files.write(out, model)
    click.echo(f"{out}: {len(model)} bytes")


@command.command()
@takes_data()
@_detection
@click.option("--method", type=click.Choice(["rvq", "vqae"]), help="Codewords in stages, or the autoencoder. By "
              "default the autoencoder for one channel or a --model, and codewords for more.")  # fmt: skip
@click.option(
    "--stages", type=click.IntRange(1, 8), default=4, show_default=True, help="Of codewords; fewer take less."
)
@click.option("--model", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Of the autoencoder.")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
def encode(
    data: str | None,
    detector: str,
    factor: float | None,
    neighbours: int,
    method: str | None,
    stages: int,
    model: Path | None,
    out: Path,
    reading: Reading,
) -> None:
    """Keep the spikes of a recording alone: times, channels and codewords; all else is lost."""
    from n1codec import files
    from n1codec.codec import CodecError
    from n1codec.spikes import stored
    from n1codec.spikes.codebooks import Autoencoder, Code, Words

    spikes = _found(data, reading, detector, factor, neighbours)
    if method is None:
        method = "vqae" if model or spikes.waveforms.shape[1] == 1 else "rvq"
    code: Code
    if method == "rvq":
        code = Words.fitted(spikes.waveforms.reshape(len(spikes.frames), -1).astype(float), 16, stages)
    else:
        network = _model(model, spikes.waveforms)
        if network is None:
            raise CodecError("no model for such waveforms comes with the package (name one with --model)")
        code = Autoencoder(network, min(stages, network.stages), spikes.noise)
    size = files.write(out, stored.pack(spikes, code, files.read(model) if model and method == "vqae" else b""))
    count = len(spikes.frames)
    click.echo(f"{out}: {count} spikes, {size} bytes, {8 * size / count:.9g} bits a spike with times and model")


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="An .npz file.")
def decode(file: Path, out: Path) -> None:
    """Write the spikes of a file as arrays: waveforms (spikes, channels, samples), frames, channels, rate."""
    import numpy as np

    from n1codec import files
    from n1codec.codec import CodecError
    from n1codec.spikes import stored

    try:
        spikes = stored.unpack(files.read(file))
    except CodecError as error:
        raise CodecError(f"{file}: {error}") from error
    with files.writing(out) as target:
        np.savez(target, waveforms=spikes.waveforms, frames=spikes.frames, channels=spikes.channels, rate=spikes.rate)
    click.echo(f"{out}: {len(spikes.frames)} spikes")
