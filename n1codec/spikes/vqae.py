"""Training of the vector-quantising autoencoder, with PyTorch: the only place that needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from n1codec.codec import UnavailableError
from n1codec.spikes import codebooks, network


class Settings(NamedTuple):
    width: int = 18
    """Channels of the convolutions."""
    latents: int = 16
    """Numbers of the vector that stands for a spike."""
    stages: int = 4
    codewords: int = 16
    """Of each stage."""
    epochs: int = 80
    batch: int = 48
    rate: float = 1e-3
    seed: int = 0
    denoise: bool = False
    """Whether the target is clean, which it can be for generated spikes only."""


def train(
    noisy: tuple[np.ndarray, np.ndarray],
    settings: Settings = Settings(),  # noqa: B008  (it is immutable)
    clean: tuple[np.ndarray, np.ndarray] | None = None,
    about: dict[str, str] | None = None,
    advance: Callable[..., Any] = lambda text="", step=1: None,
) -> bytes:
    """Return a model as the bytes of its file, the one of the epoch that was best on validation.

    Args:
        noisy: spikes to train on, and to choose the epoch by, in multiples of the noise, (spikes, channels, samples).
        settings: sizes, and how long.
        clean: the same spikes without noise, which then are the target; the noisy ones if None.
        about: further strings for the file.
        advance: called after each epoch.

    Raises:
        UnavailableError: PyTorch is not installed.
    """
    try:
        import torch
        from torch import nn
    except ImportError as error:
        raise UnavailableError("training needs PyTorch (pip install 'n1codec[torch]')") from error
    from torch.nn.functional import relu

    torch.set_num_threads(1)  # the layers are small: threads would wait for each other
    torch.manual_seed(settings.seed)
    random = np.random.default_rng(settings.seed)
    channels, samples = noisy[0].shape[1:]
    short = samples >> (network.BLOCKS - 1)
    width, blocks = settings.width, network.BLOCKS

    def convolution(inputs: int, outputs: int, taps: int) -> Any:
        return nn.Conv1d(inputs, outputs, taps, padding=taps // 2)

    layers = nn.ModuleDict()
    for side in ("enc", "dec"):
        for i in range(blocks):
            layers[f"{side}/{i}/a"] = convolution(width, width, 3)
            layers[f"{side}/{i}/b"] = convolution(width, width, 3)
            if i < blocks - 1:
                layers[f"{side}/{'down' if side == 'enc' else 'up'}{i}"] = convolution(width, width, 3)
    layers["enc/in"], layers["dec/out"] = convolution(channels, width, 5), convolution(width, channels, 5)
    layers["enc/out"] = nn.Linear(width * short, settings.latents)
    layers["dec/in"] = nn.Linear(settings.latents, width * short)

    def block(h: Any, name: str) -> Any:
        return h + layers[f"{name}/b"](relu(layers[f"{name}/a"](relu(h))))

    def encoded(x: Any) -> Any:
        h = layers["enc/in"](x)
        for i in range(blocks):
            h = block(h, f"enc/{i}")
            if i < blocks - 1:
                h = layers[f"enc/down{i}"](h)[:, :, ::2]
        return layers["enc/out"](relu(h).flatten(1))

    def decoded(z: Any) -> Any:
        h = layers["dec/in"](z).reshape(len(z), width, short)
        for i in range(blocks):
            h = block(h, f"dec/{i}")
            if i < blocks - 1:
                h = layers[f"dec/up{i}"](h.repeat_interleave(2, dim=2))
        return layers["dec/out"](relu(h))

    books = _Codebooks(torch, settings)

    def lost(x: Any, target: Any) -> Any:
        """The mean of what figures go by: decibels of each spike."""
        return 10 * torch.log10(((x - target) ** 2).sum((1, 2)) / (target**2).sum((1, 2)))

    check, target_check = (torch.tensor(part[1], dtype=torch.float32) for part in (noisy, clean or noisy))
    mixing = _Mixing(noisy[0], clean[0] if clean else None, random)
    optimiser = torch.optim.Adam(layers.parameters(), settings.rate, weight_decay=1e-4, amsgrad=True)
    batches = -(-len(noisy[0]) // settings.batch)
    steps = settings.epochs * batches
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3 * settings.rate, total_steps=steps)
    best, kept = np.inf, b""
    for epoch in range(settings.epochs):
        for chosen in np.array_split(random.permutation(len(noisy[0])), batches):
            x, target = (torch.tensor(part, dtype=torch.float32) for part in mixing(chosen))
            z = encoded(x)
            stages = int(random.integers(1, settings.stages + 1))
            q, commitment = books.quantised(z, stages, learn=True)
            through = z + (q - z).detach() if epoch >= settings.epochs // 10 else z
            loss = lost(decoded(through), target).mean() + 0.25 * commitment
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(layers.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            z = encoded(check)
            two = books.quantised(z, min(2, settings.stages))[0]
            every = books.quantised(z, settings.stages)[0]
            figure = float(lost(decoded(two), target_check).mean() + lost(decoded(every), target_check).mean()) / 2
        if figure < best and epoch >= settings.epochs // 4:
            best = figure
            weights = {k.replace("/", "."): v.detach().numpy().copy() for k, v in layers.state_dict().items()}
            weights["codewords"] = books.words.numpy().copy()
            said = {"channels": str(channels), "samples": str(samples), "epoch": str(epoch), "seed": str(settings.seed)}
            kept = network.pack(weights, {**(about or {}), **said})
        advance(f"{-figure:.2f} dB")
    return kept


class _Codebooks:
    """Codewords in stages, which follow means of the vectors that they stand for (exponential moving average)."""

    def __init__(self, torch: Any, settings: Settings) -> None:
        self._torch = torch
        shape = (settings.stages, settings.codewords)
        self.words = torch.randn(*shape, settings.latents) / 4
        self._counts, self._sums = torch.ones(shape), self.words.clone()

    def quantised(self, z: Any, stages: int, learn: bool = False) -> tuple[Any, Any]:
        """Return the sum of the nearest codewords of the first stages, and how far from it z is."""
        torch = self._torch
        left, q = z.detach(), torch.zeros_like(z)
        for stage in range(stages):
            words = self.words[stage].clone()
            near = torch.cdist(left, words).argmin(1)
            if learn:
                self._learn(stage, near, left)
            q = q + words[near]
            left = left - words[near]
        return q, ((z - q.detach()) ** 2).mean()

    def _learn(self, stage: int, near: Any, left: Any) -> None:
        torch = self._torch
        hot = torch.nn.functional.one_hot(near, self.words.shape[1]).to(left.dtype)
        self._counts[stage] = 0.97 * self._counts[stage] + 0.03 * hot.sum(0)
        self._sums[stage] = 0.97 * self._sums[stage] + 0.03 * hot.T @ left
        self.words[stage] = self._sums[stage] / self._counts[stage].clamp_min(1e-3)[:, None]
        for idle in torch.nonzero(self._counts[stage] < 0.05).flatten().tolist():  # nobody uses it: let it begin anew
            some = left[torch.randint(len(left), (1,))[0]]
            self.words[stage, idle] = some
            self._counts[stage, idle], self._sums[stage, idle] = 1.0, some


class _Mixing:
    """More spikes than there are: what a spike should be, and what another spike has besides that.

    A spike should be clean, or, where nobody knows that, the mean of its class; then what comes of it is the target.
    """

    def __init__(self, x: np.ndarray, clean: np.ndarray | None, random: np.random.Generator) -> None:
        self._x, self._clean, self._random = x, clean, random
        if clean is None:
            flat = x.reshape(len(x), -1).astype(np.float64)
            means = codebooks.k_means(flat, min(16, max(1, len(x) // 20)), seed=0)
            clean = means[codebooks.nearest(flat, means)].reshape(x.shape)
        self._means = clean

    def __call__(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return spikes to encode and what is to come back, for half of the chosen ones these themselves."""
        other = self._random.integers(0, len(self._x), len(chosen))
        mixed = self._means[chosen] + (self._x - self._means)[other]
        kept = self._random.random(len(chosen)) < 0.5
        mixed[kept] = self._x[chosen[kept]]
        louder = self._random.uniform(0.9, 1.1, (len(chosen), 1, 1))
        target = mixed if self._clean is None else self._clean[chosen]
        return mixed * louder, target * louder
