"""The two towers of the embedded encoder, as plain torch modules."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Conv(nn.Sequential):
    """Convolution and, while training, batch normalisation; the shipped tower has the normalisation folded in."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, norm: bool = True):
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=not norm)
        layers: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
        if norm:
            layers["norm"] = nn.BatchNorm2d(outputs)
        super().__init__(layers)


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a short cut."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: bool):
        super().__init__()
        self.first = Conv(inputs, outputs, 3, stride, norm)
        self.second = Conv(outputs, outputs, 3, 1, norm)
        self.short = Conv(inputs, outputs, 1, 1, norm) if inputs != outputs or stride > 1 else None
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, inputs, h, w)`` to ``(n, outputs, h / stride, w / stride)``."""
        short = x
        if self.short is not None:
            short = self.short(F.avg_pool2d(x, self.stride, ceil_mode=True) if self.stride > 1 else x)
        return F.relu(self.second(F.relu(self.first(x))) + short)


class ImageTower(nn.Module):
    """A residual network of dense 3 x 3 convolutions, the cheapest form a multiply has on a CPU; total stride 16.

    The last convolution has the teacher's shape (``features`` channels, rectified, averaged over the grid), so that
    the average can be compared with the teacher's features number by number.

    Parameters
    ----------
    stem, widths, depths : int or sequence of int
        Channels after the first convolution; channels and residual blocks of the three stages.
    features : int
        Channels of the last map.
    dim : int
        Of the space shared with the text tower.
    norm : bool
        With batch normalisation (training) or with it folded into the convolutions (shipped).
    """

    def __init__(self, stem: int, widths: list[int], depths: list[int], features: int, dim: int, norm: bool = False):
        super().__init__()
        self.stem = nn.ModuleList([Conv(3, stem, 3, 2, norm), Conv(stem, widths[0], 3, 2, norm)])
        blocks, inputs = [], widths[0]
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for i in range(depth):
                blocks.append(Residual(inputs, width, 2 if stage and i == 0 else 1, norm))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.last = Conv(inputs, features, 1, 1, norm)
        self.embed = nn.Linear(features, dim)

    def map(self, x: Tensor) -> Tensor:
        """Pixels ``(n, 3, h, w)``, normalised, to the last feature map ``(n, features, h / 16, w / 16)``."""
        for conv in self.stem:
            x = F.relu(conv(x))
        return F.relu(self.last(self.blocks(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Pixels ``(n, 3, h, w)`` to vectors ``(n, dim)``, not normalised."""
        return self.embed(self.map(x).mean((2, 3)))


class Layer(nn.Module):
    """A transformer layer, normalised after each part."""

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.heads = heads
        self.mix, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.first, self.second = nn.LayerNorm(width, 1e-12), nn.LayerNorm(width, 1e-12)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Word pieces ``(n, length, width)``, and True in ``mask`` (n, length) where one stands, to the same shape."""
        n, length, width = x.shape
        q, k, v = self.mix(x).view(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, None if mask is None else mask[:, None, None])
        x = self.first(x + self.join(seen.transpose(1, 2).reshape(n, length, width)))
        return self.second(x + self.narrow(F.gelu(self.wide(x))))


class TextTower(nn.Module):
    """A small transformer over word pieces with a factorised embedding, averaged over the text.

    Parameters
    ----------
    vocabulary, factor : int
        Word pieces, and numbers stored for each; a linear map widens them to ``width``.
    width, layers, heads, hidden : int
        Of the transformer (post-norm, as MiniLM, whose weights it starts from).
    length : int
        Longest text, in word pieces.
    dim : int
        Of the space shared with the image tower.
    """

    def __init__(
        self, vocabulary: int, factor: int, width: int, layers: int, heads: int, hidden: int, length: int, dim: int
    ):
        super().__init__()
        self.pieces = nn.Embedding(vocabulary, factor)
        self.widen = nn.Linear(factor, width)
        self.places = nn.Parameter(torch.zeros(length, width))
        self.norm = nn.LayerNorm(width, 1e-12)
        self.layers = nn.ModuleList(Layer(width, heads, hidden) for _ in range(layers))
        self.embed = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, dim))

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Word pieces ``(n, length)`` int64, and True where one stands if rows are padded, to vectors ``(n, dim)``."""
        return self.encode(self.widen(self.pieces(ids)), mask)

    def encode(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """The same from embedded word pieces ``(n, length, width)``."""
        x = self.norm(x + self.places[: x.shape[1]])
        for layer in self.layers:
            x = layer(x, mask)
        if mask is None:
            return self.embed(x.mean(1))
        weight = mask.unsqueeze(2).to(x.dtype)
        return self.embed((x * weight).sum(1) / weight.sum(1))
