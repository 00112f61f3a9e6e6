"""EfficientNet-Lite (Tan and Le 2019, without squeeze-and-excitation, ReLU6 throughout): pixels to pooled features."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from tuneworks.core.records import from_plain, to_json
from tuneworks.neural.devices import device

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
EPSILON = 1e-3  # of batch normalisation, as it was trained
MODEL_TYPE = "efficientnet-lite"


@dataclass(frozen=True)
class Stage:
    """Like blocks in a row; the first has the stride, and widens every input channel ``expand`` times inside."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    width: int


@dataclass(frozen=True)
class Architecture:
    """The whole network: ``size`` pixels a side go in; its head is ``width`` wide."""

    size: int
    stem: int
    stages: tuple[Stage, ...]
    width: int
    model_type: str = MODEL_TYPE

    @property
    def features(self) -> int:
        """How many features come out: those of the inner stages, then the head's."""
        return sum(stage.width for stage in self.stages[1:-1]) + self.width


LITE0 = Architecture(
    224,
    32,
    (
        Stage(1, 3, 1, 1, 16),
        Stage(2, 3, 2, 6, 24),
        Stage(2, 5, 2, 6, 40),
        Stage(3, 3, 2, 6, 80),
        Stage(3, 5, 1, 6, 112),
        Stage(4, 5, 2, 6, 192),
        Stage(1, 3, 1, 6, 320),
    ),
    1280,
)


class Convolution(nn.Module):
    """Convolution, batch normalisation and, unless ``linear``, ReLU6; odd padding goes to the right and below."""

    def __init__(self, before: int, after: int, kernel: int, *, stride: int = 1, groups: int = 1, linear: bool = False):
        super().__init__()
        self.convolution = nn.Conv2d(before, after, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(after, eps=EPSILON)
        self.linear = linear

    def forward(self, pixels: Tensor) -> Tensor:
        kernel, stride = self.convolution.kernel_size[0], self.convolution.stride[0]
        rows, columns = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in pixels.shape[-2:])
        padded = functional.pad(pixels, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        made: Tensor = self.norm(self.convolution(padded))
        return made if self.linear else functional.relu6(made)


class Block(nn.Module):
    """Inverted residual: widen, filter each channel alone, narrow; added to its input where the shapes allow."""

    def __init__(self, before: int, stage: Stage, stride: int):
        super().__init__()
        inside = before * stage.expand
        self.widen = Convolution(before, inside, 1) if stage.expand > 1 else nn.Identity()
        self.filter = Convolution(inside, inside, stage.kernel, stride=stride, groups=inside)
        self.narrow = Convolution(inside, stage.width, 1, linear=True)
        self.added = stride == 1 and before == stage.width

    def forward(self, pixels: Tensor) -> Tensor:
        made: Tensor = self.narrow(self.filter(self.widen(pixels)))
        return made + pixels if self.added else made


class EfficientNet(nn.Module):
    """The network without its classifier.

    Its features are those of the head with the averages of the inner stages beside them: what textures and scans are
    told apart by lies there, and the head, which names things of everyday life, has lost some of it.
    """

    def __init__(self, architecture: Architecture):
        super().__init__()
        self.architecture = architecture
        self.stem = Convolution(3, architecture.stem, 3, stride=2)
        blocks, before = [], architecture.stem
        for stage in architecture.stages:
            for number in range(stage.repeats):
                blocks.append(Block(before, stage, stage.stride if number == 0 else 1))
                before = stage.width
        self.blocks = nn.ModuleList(blocks)
        ends = list(accumulate(stage.repeats for stage in architecture.stages))
        self.looked_at = {end - 1 for end in ends[1:-1]}
        self.head = Convolution(before, architecture.width, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Pooled features (N, D) of pixels (N, 3, H, W)."""
        return torch.cat([maps.mean(dim=(2, 3)) for maps in self.maps(pixels)], dim=1)

    def maps(self, pixels: Tensor) -> Iterator[Tensor]:
        """The maps (N, K, H, W) whose means are the features, one after the other."""
        maps = self.stem(pixels)
        for number, block in enumerate(self.blocks):
            maps = block(maps)
            if number in self.looked_at:
                yield maps
        yield self.head(maps)


def load_network(files: Mapping[str, Path]) -> EfficientNet:
    """The network of ``config.json`` and ``model.safetensors``, ready to answer."""
    network = EfficientNet(load_architecture(files))
    network.load_state_dict(load_file(files[WEIGHTS_FILE]))
    return network.eval().to(device())


def load_architecture(files: Mapping[str, Path]) -> Architecture:
    """What ``config.json`` says of the network."""
    made: Architecture = from_plain(Architecture, json.loads(files[CONFIG_FILE].read_bytes()))
    return made


def config_of(architecture: Architecture) -> bytes:
    """The bytes of ``config.json``."""
    return to_json(architecture).encode()


def weights_from(state: Mapping[str, Tensor], architecture: Architecture = LITE0) -> dict[str, Any]:
    """The weights as published (a flat state with TensorFlow's names) under this network's names."""
    expands = [stage.expand for stage in architecture.stages for _ in range(stage.repeats)]
    pairs = [("stem", "_conv_stem", "_bn0"), ("head", "_conv_head", "_bn1")]
    for number, expand in enumerate(expands):
        pairs += _block_names(number, expand)
    made = {}
    for ours, convolution, norm in pairs:
        made[f"{ours}.convolution.weight"] = state[f"{convolution}.weight"]
        for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            made[f"{ours}.norm.{part}"] = state[f"{norm}.{part}"]
    return {name: tensor.detach().clone().contiguous() for name, tensor in made.items()}


def _block_names(number: int, expand: int) -> Sequence[tuple[str, str, str]]:
    ours, theirs = f"blocks.{number}", f"_blocks.{number}"
    widen = [(f"{ours}.widen", f"{theirs}._expand_conv", f"{theirs}._bn0")] if expand > 1 else []
    return [
        *widen,
        (f"{ours}.filter", f"{theirs}._depthwise_conv", f"{theirs}._bn1"),
        (f"{ours}.narrow", f"{theirs}._project_conv", f"{theirs}._bn2"),
    ]
