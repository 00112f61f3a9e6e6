"""A network that writes: prompts in, texts out, token by token; the encoder-decoder and the decoder alone."""

from __future__ import annotations

import json
import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM
from transformers.utils import logging

from tuneworks.neural.devices import device
from tuneworks.neural.model_folders import refuse_own_code
from tuneworks.neural.prompts import Prompts

SETTINGS_FILE = "writer.json"
WEIGHTS_FILE = "model.safetensors"
FOLDER_FILES = ("config.json", WEIGHTS_FILE, "tokenizer.json", "tokenizer_config.json", SETTINGS_FILE)
IGNORED = -100
UNKNOWN = ("<unk>", "[UNK]")


@dataclass(frozen=True)
class Settings:
    """How much of a prompt is read, in tokens."""

    max_length: int = 512

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Settings:
        return cls(**json.loads(data))


class Writer(nn.Module):
    """A network, its tokenizer, and how prompts are put before it.

    ``ends``: the tokens that end a text. ``separator``: what stands between a prompt and its text.
    """

    separator = ""

    def __init__(self, model: nn.Module, tokenizer: Tokenizer, settings: Settings) -> None:
        super().__init__()
        self.model, self.tokenizer, self.settings = model, tokenizer, settings
        config: Any = model.config
        self.width: int = config.hidden_size
        stated = config.eos_token_id
        self.ends: tuple[int, ...] = tuple(stated) if isinstance(stated, (list, tuple)) else (int(stated),)
        self.pad = int(config.pad_token_id if config.pad_token_id is not None else self.ends[0])
        self.prompts = Prompts(tokenizer, settings.max_length, self.separator)

    def target(self, text: str) -> list[int]:
        """The tokens a text should be written with, its end among them."""
        return [*self.tokenizer.encode(text, add_special_tokens=False).ids, self.ends[0]]

    def unknown_share(self, texts: Sequence[str]) -> float:
        """The share of the texts' tokens that stand for what the vocabulary does not know."""
        unknown = {self.tokenizer.token_to_id(name) for name in UNKNOWN}
        ids = [token for text in texts for token in self.tokenizer.encode(text, add_special_tokens=False).ids]
        return sum(token in unknown for token in ids) / max(1, len(ids))

    @abstractmethod
    def loss(self, prompts: Sequence[list[int]], targets: Sequence[list[int]]) -> Tensor:
        """Mean cross-entropy of the targets' tokens, each predicted from the true ones before it."""

    @abstractmethod
    def begin(self, prompts: Sequence[list[int]]) -> tuple[Tensor, Any]:
        """Logits (B, V) of the first token after each prompt, and what must be kept to go on."""

    @abstractmethod
    def go_on(self, tokens: Tensor, kept: Any) -> tuple[Tensor, Any]:
        """Logits (B, V) after one more token each (B,), and what must be kept."""

    @abstractmethod
    def body(self) -> nn.Module:
        """The part that reads: ids and mask in, token states out."""

    def written(self, prompts: Sequence[list[int]], most: int) -> Iterator[list[tuple[int, float]]]:
        """The likeliest token of each text and its log-probability, step by step, until all texts have ended.

        After its end a text gives ``(-1, 0.0)``.
        """
        logits, kept = self.begin(prompts)
        ended = torch.zeros(len(prompts), dtype=torch.bool, device=device())
        ends = torch.tensor(self.ends, device=device())
        for step in range(most):
            log_probabilities, tokens = torch.log_softmax(logits.float(), dim=-1).max(dim=-1)
            ended = ended | torch.isin(tokens, ends)
            shown = torch.where(ended, -1, tokens).tolist()
            yield [
                (token, value) if token >= 0 else (-1, 0.0)
                for token, value in zip(shown, log_probabilities.tolist(), strict=True)
            ]
            if bool(ended.all()) or step + 1 == most:
                return
            logits, kept = self.go_on(torch.where(ended, self.pad, tokens), kept)


class EncoderDecoder(Writer):
    """Reads the prompt whole, then writes."""

    def loss(self, prompts: Sequence[list[int]], targets: Sequence[list[int]]) -> Tensor:
        ids, mask = padded(prompts, self.pad)
        labels, known = padded(targets, self.pad)
        made: Tensor = self.model(
            input_ids=ids, attention_mask=mask, labels=labels.masked_fill(known == 0, IGNORED), use_cache=False
        ).loss
        return made

    def begin(self, prompts: Sequence[list[int]]) -> tuple[Tensor, Any]:
        ids, mask = padded(prompts, self.pad)
        read = self.model.get_encoder()(input_ids=ids, attention_mask=mask)
        start: Any = self.model.config.decoder_start_token_id
        return self.go_on(torch.full((len(prompts),), int(start), device=device()), (read, mask, None))

    def go_on(self, tokens: Tensor, kept: Any) -> tuple[Tensor, Any]:
        read, mask, past = kept
        out = self.model(
            encoder_outputs=read,
            attention_mask=mask,
            decoder_input_ids=tokens[:, None],
            past_key_values=past,
            use_cache=True,
        )
        return out.logits[:, -1], (read, mask, out.past_key_values)

    def body(self) -> nn.Module:
        made: nn.Module = self.model.get_encoder()
        return made


class Decoder(Writer):
    """Goes on writing after the prompt; shorter prompts are padded on their left."""

    separator = "\n"

    def loss(self, prompts: Sequence[list[int]], targets: Sequence[list[int]]) -> Tensor:
        whole = [prompt + target for prompt, target in zip(prompts, targets, strict=True)]
        ids, mask = padded(whole, self.pad)
        labels = ids.masked_fill(mask == 0, IGNORED)
        for row, prompt in enumerate(prompts):
            labels[row, : len(prompt)] = IGNORED
        made: Tensor = self.model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
        return made

    def begin(self, prompts: Sequence[list[int]]) -> tuple[Tensor, Any]:
        ids, mask = padded(prompts, self.pad, left=True)
        places = (mask.cumsum(dim=1) - 1).clamp(min=0)
        out = self.model(input_ids=ids, attention_mask=mask, position_ids=places, use_cache=True)
        return out.logits[:, -1], (mask, out.past_key_values)

    def go_on(self, tokens: Tensor, kept: Any) -> tuple[Tensor, Any]:
        mask = torch.cat([kept[0], torch.ones_like(kept[0][:, :1])], dim=1)
        places = mask.sum(dim=1, keepdim=True) - 1
        out = self.model(
            input_ids=tokens[:, None],
            attention_mask=mask,
            position_ids=places,
            past_key_values=kept[1],
            use_cache=True,
        )
        return out.logits[:, -1], (mask, out.past_key_values)

    def body(self) -> nn.Module:
        made: nn.Module = self.model.get_decoder()
        return made


def load_writer(files: Mapping[str, Path], kind: type[Writer]) -> Writer:
    """A writer from its files (see ``FOLDER_FILES``); nothing is fetched and no code in the folder is run."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    auto: Any = {EncoderDecoder: AutoModelForSeq2SeqLM, Decoder: AutoModelForCausalLM}[kind]
    with tempfile.TemporaryDirectory() as place:
        for name in ("config.json", WEIGHTS_FILE):
            (Path(place) / name).symlink_to(files[name].absolute())
        refuse_own_code(Path(place))
        model = auto.from_pretrained(
            place, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        )
    model.eval()
    return kind(model.to(device()), load_tokenizer(files), load_settings(files))


def load_tokenizer(files: Mapping[str, Path]) -> Tokenizer:
    """The writer's tokenizer, neither padding nor cutting; special tokens in a text are text."""
    tokenizer = Tokenizer.from_file(str(files["tokenizer.json"]))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


def load_settings(files: Mapping[str, Path]) -> Settings:
    """How the writer's prompts are read."""
    return Settings.from_json(files[SETTINGS_FILE].read_bytes()) if SETTINGS_FILE in files else Settings()


def width_of(files: Mapping[str, Path]) -> int:
    """How many features the writer gives, as its configuration says."""
    stated = json.loads(files["config.json"].read_text(encoding="utf-8"))
    return int(AutoConfig.for_model(**stated).hidden_size)


def weights_of(writer: Writer) -> dict[str, Tensor]:
    """The network's weights by name, each stored once where several names share it."""
    made: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in writer.model.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            made[name] = tensor.detach().contiguous()
    return made


def padded(rows: Sequence[list[int]], pad: int, *, left: bool = False) -> tuple[Tensor, Tensor]:
    """Token lists as ids (B, T) and their mask."""
    longest = max(map(len, rows))
    ids, mask = np.full((len(rows), longest), pad), np.zeros((len(rows), longest), np.int64)
    for number, row in enumerate(rows):
        place = slice(longest - len(row), longest) if left else slice(0, len(row))
        ids[number, place], mask[number, place] = row, 1
    return torch.from_numpy(ids).to(device()), torch.from_numpy(mask).to(device())
