"""What OpenAI's clients send, and which of it is heard: what would change an answer and is not offered is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text

MOST_INPUTS = 2048
MOST_PROMPTS = 64
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
AtLeastOne = Annotated[int, Field(ge=1)]
NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "temperature": (0,),
    "top_p": (1,),
    "n": (1,),
    "best_of": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "echo": (False,),
    "suffix": ("",),
    "stop": ([], ""),
    "tools": ([],),
    "response_format": ({"type": "text"},),
    "store": (False,),
}
"""The values of parameters that ask for what happens anyway: the likeliest token each time, one answer, plain text."""


@dataclass(frozen=True)
class EmbeddingsRequest:
    """Texts to embed by a deployment (``model``)."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    model: str
    input: str | Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_INPUTS)]
    encoding_format: str = "float"
    dimensions: AtLeastOne | None = None
    user: str | None = None


@dataclass(frozen=True)
class Writing:
    """What completions of prompts and of conversations share; ``seed`` is heard, since nothing is left to chance."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    model: str
    stream: bool | None = None
    stream_options: Mapping[str, Any] | None = None
    max_tokens: AtLeastOne | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    stop: Any = None
    seed: int | None = None
    user: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChatRequest(Writing):
    """A conversation to go on with, by a deployment that writes texts."""

    messages: Annotated[tuple[Mapping[str, Any], ...], Field(min_length=1)]
    max_completion_tokens: AtLeastOne | None = None
    logprobs: bool | None = None
    tools: Any = None
    response_format: Any = None
    store: bool | None = None
    metadata: Any = None

    @property
    def most(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


@dataclass(frozen=True, kw_only=True)
class CompletionRequest(Writing):
    """A prompt to answer, or several, by a deployment that writes texts."""

    prompt: str | Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_PROMPTS)]
    best_of: int | None = None
    echo: bool | None = None
    logprobs: Any = None
    suffix: str | None = None

    @property
    def most(self) -> int | None:
        return self.max_tokens


class Unsupported(InvalidInput):
    """A parameter, or its value, that is not offered."""

    http_status = 400
    code = InvalidInput.__name__

    def __init__(self, parameter: str, problem: Text, fix: Text) -> None:
        super().__init__(problem, fix)
        self.errors = ({"field": parameter, "message": str(problem)},)


def must_be_neutral(asked: Any) -> None:
    """Raise ``Unsupported`` for a parameter that would change the answer in a way that is not offered."""
    for name, accepted in NEUTRAL.items():
        value = getattr(asked, name, None)
        if value is None or value in accepted:
            continue
        said = " or ".join(repr(one) for one in accepted)
        raise Unsupported(
            name,
            Text(f"{name}={value!r} is not supported.", f"不支持 {name}={value!r}。"),
            Text(f"Leave it out, or send {said}.", f"请省略该参数，或发送 {said}。"),
        )


def includes_usage(asked: Writing) -> bool:
    """Whether a stream is to tell at its end how many tokens it took."""
    return bool((asked.stream_options or {}).get("include_usage"))


def conversation(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Messages as role and text; content in parts is joined; raises ``Unsupported`` for what is no text."""
    return [_message(place, message) for place, message in enumerate(messages)]


def _message(place: int, message: Mapping[str, Any]) -> dict[str, str]:
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str) or role not in ROLES:
        raise _not_a_message(place, f"the role {role!r} is not known", f"未知的 role {role!r}")
    if isinstance(content, list) and all(_is_text_part(part) for part in content):
        content = "\n".join(part["text"] for part in content)
    if not isinstance(content, str):
        raise _not_a_message(place, "its content is no text", "content 不是文本")
    return {"role": ROLES[role], "content": content}


def _is_text_part(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str)


def _not_a_message(place: int, en: str, zh: str) -> Unsupported:
    return Unsupported(
        f"messages.{place}",
        Text(f"Message {place + 1} cannot be read: {en}.", f"无法读取第 {place + 1} 条消息：{zh}。"),
        Text(
            f'Send {{"role": ..., "content": "..."}} with one of the roles {", ".join(ROLES)}.',
            f'请发送 {{"role": ..., "content": "..."}}，role 可为 {"、".join(ROLES)}。',
        ),
    )
