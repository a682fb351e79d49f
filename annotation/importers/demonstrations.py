"""Pure: a JSON line with a prompt and the response a person wrote to it.

{"prompt": "How tall is Everest?", "completion": "8,849 metres."}
{"messages": [{"role": "user", "content": "…"}], "completion": "…", "source": "handwritten"}
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from annotation.importers import prompts
from annotation.importers.lines import BadLine, record

FIELDS = prompts.FIELDS | {"completion"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDemonstration:
    """A demonstration that wants to come in, with its prompt."""

    prompt: prompts.NewPrompt
    completion: str

    @property
    def sha256(self) -> str:
        """Of the completion."""
        return hashlib.sha256(self.completion.encode("utf-8")).hexdigest()


def parse(line: bytes, *, source: str) -> NewDemonstration:
    """The demonstration of one line. Raises BadLine."""
    data = record(line, fields=FIELDS)
    completion = data.pop("completion", None)
    if not isinstance(completion, str) or not completion.strip():
        raise BadLine("completion is a text that is not empty.")
    return NewDemonstration(prompt=prompts.prompt_in(data, source=source), completion=completion)
