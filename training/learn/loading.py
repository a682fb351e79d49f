"""Models and tokenizers from local folders: safetensors only, no code from the folder, nothing from a network.

Any Hugging Face causal model will do. A folder that could run code (pickled weights, `auto_map`) or reach outside
itself is refused before a library opens it. A tokenizer without a padding token pads with its end token, and one
without a chat template gets a plain one.
"""

import json
import sys
from pathlib import Path
from typing import Any, cast

import torch
from jinja2 import TemplateError
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from training.records import BadRecord, Message

FALLBACK_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}Assistant: {{ message['content'] }}{{ eos_token }}\n"
    "{% elif message['role'] == 'system' %}{{ message['content'] }}\n"
    "{% else %}User: {{ message['content'] }}\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}Assistant: {% endif %}"
)


class BadModel(BadRecord):
    """A model folder that cannot or must not be loaded; the message says why."""


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a model folder, with a padding token and a chat template."""
    from transformers import AutoTokenizer

    _refuse_what_runs(folder)
    _refuse_broken_tokenizer(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, ImportError) as problem:
        raise BadModel(f"{folder.name}: its tokenizer cannot be read: {_first_line(problem)}") from problem
    if tokenizer.eos_token_id is None:
        raise BadModel(f"{folder.name}: its tokenizer has no end token, so no response could ever end.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if not tokenizer.chat_template:
        tokenizer.chat_template = FALLBACK_TEMPLATE
    return cast(PreTrainedTokenizerFast, tokenizer)


def load_policy(folder: Path, *, device: torch.device) -> PreTrainedModel:
    """The causal language model of a folder, in evaluation mode."""
    from transformers import AutoModelForCausalLM

    return _load(AutoModelForCausalLM, folder, device=device)


def load_reward(folder: Path, *, device: torch.device, pad_token_id: int) -> PreTrainedModel:
    """The sequence classifier with one output of a folder. A causal model's folder gets a new head, of zeros."""
    from transformers import AutoModelForSequenceClassification

    headless = not is_reward_model(folder)
    model = _load(AutoModelForSequenceClassification, folder, device=device, num_labels=1)
    model.config.pad_token_id = pad_token_id
    if headless:
        # With a random head, the first steps would be spent on unlearning an opinion nobody gave.
        for name, weight in model.named_parameters():
            if not name.startswith(model.base_model_prefix):
                torch.nn.init.zeros_(weight)
    return model


def is_reward_model(folder: Path) -> bool:
    """Whether the folder's model gives scores, not words."""
    return folder.is_dir() and "SequenceClassification" in str(_config(folder).get("architectures"))


def room_of(model: PreTrainedModel) -> int:
    """How many tokens the model reads at most: past that, some models crash and others read nonsense."""
    room = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return room if isinstance(room, int) and room > 0 else sys.maxsize


def check_room(model: PreTrainedModel, longest: int) -> None:
    """Raise BadModel when a prompt with its response may take more tokens than the model reads."""
    if longest > room_of(model):
        raise BadModel(f"the model reads {room_of(model)} tokens; a prompt with its response may take {longest}.")


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, *, folder: Path) -> None:
    """Write model and tokenizer in Hugging Face's format, safetensors."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _load(loader: Any, folder: Path, *, device: torch.device, **options: Any) -> PreTrainedModel:
    _refuse_what_runs(folder)
    if not any(folder.glob("*.safetensors")):
        raise BadModel(f"{folder.name}: it has no .safetensors weights; no other format is opened.")
    try:
        model = loader.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            **options,
        )
    except (OSError, ValueError, TypeError, RuntimeError, KeyError, ImportError, SafetensorError) as problem:
        raise BadModel(f"{folder.name}: it cannot be loaded: {_first_line(problem)}") from problem
    return cast(PreTrainedModel, model.to(device).eval())


def _refuse_what_runs(folder: Path) -> None:
    """Refuse a folder that names code to run, a file outside itself, or another model to fetch."""
    if not folder.is_dir():
        raise BadModel(f"{folder}: there is no such model folder.")
    for name in ("config.json", "tokenizer_config.json"):
        if "auto_map" in _config(folder, name=name, needed=name == "config.json"):
            raise BadModel(f"{folder.name}: {name} names code to run (auto_map); such models are not loaded.")
    if (folder / "adapter_config.json").exists():
        raise BadModel(f"{folder.name}: it is an adapter; merge it into its base model first.")
    index = _config(folder, name="model.safetensors.index.json", needed=False)
    shards = index.get("weight_map") or {}
    if not isinstance(shards, dict) or any(Path(str(shard)).name != shard for shard in shards.values()):
        raise BadModel(f"{folder.name}: its weight index points outside the folder.")


def _refuse_broken_tokenizer(folder: Path) -> None:
    """Say in words what the tokenizers library, for want of a type of its own, says with a bare Exception."""
    path = folder / "tokenizer.json"
    try:
        if path.is_file():
            Tokenizer.from_file(str(path))
    except Exception as problem:
        raise BadModel(f"{folder.name}: tokenizer.json cannot be read: {_first_line(problem)}") from problem


def _config(folder: Path, *, name: str = "config.json", needed: bool = True) -> dict[str, Any]:
    path = folder / name
    if not path.is_file():
        if needed:
            raise BadModel(f"{folder.name}: {name} is missing.")
        return {}
    try:
        data = json.loads(path.read_bytes())
    except ValueError as problem:
        raise BadModel(f"{folder.name}: {name} is not JSON.") from problem
    if not isinstance(data, dict):
        raise BadModel(f"{folder.name}: {name} is not a JSON object.")
    return data


def _first_line(problem: Exception) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0][:300]


def prompt_ids(tokenizer: PreTrainedTokenizerFast, conversations: list[list[Message]]) -> list[list[int]]:
    """Each conversation as token ids, ready for the assistant to answer."""
    rendered = {
        key: _rendered(tokenizer, conversation)
        for key, conversation in {_key(conversation): conversation for conversation in conversations}.items()
    }
    encoded = tokenizer(list(rendered.values()), add_special_tokens=False)["input_ids"] if rendered else []
    by_key = dict(zip(rendered, encoded, strict=True))
    return [by_key[_key(conversation)] for conversation in conversations]


def _rendered(tokenizer: PreTrainedTokenizerFast, conversation: list[Message]) -> str:
    """The chat template comes with the model: transformers runs it in a sandbox, and what it refuses we refuse."""
    try:
        return str(tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))
    except (TemplateError, TypeError, ValueError) as problem:
        raise BadModel(f"the model's chat template cannot be used: {_first_line(problem)}") from problem


def response_ids(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> list[list[int]]:
    """Each response as token ids, with the end token."""
    if not texts:
        return []
    return [[*ids, tokenizer.eos_token_id] for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]


def _key(conversation: list[Message]) -> str:
    return json.dumps(conversation)


def padded(rows: list[list[int]], *, pad: int, device: torch.device) -> torch.Tensor:
    """Token ids (rows, longest), padded on the right.

    No attention mask goes with them: attention is causal, so no real token ever sees the padding behind it,
    and without a mask the faster kernels apply.
    """
    longest = max(map(len, rows))
    return torch.tensor([row + [pad] * (longest - len(row)) for row in rows], device=device)


def by_length(lengths: list[int], *, batch: int) -> list[list[int]]:
    """Batches of indices of about equal length, shortest first: little padding."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return [order[start : start + batch] for start in range(0, len(order), batch)]
