"""What an ML engineer writes: load a snapshot over HTTP with a token, and train TRL's own trainers on it.

    TARE_TOKEN=tare_… python -m tests.snapshots.loads_and_trains <url of the files> <folder for caches>

Knows nothing of Tare but the address and the token. Prints one line of JSON: the rows it read, the losses it saw.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

ROOM = Path(sys.argv[2])
os.environ["HF_HOME"] = str(ROOM)

from datasets import DatasetDict, load_dataset  # noqa: E402  the cache's place is said above
from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: E402
from transformers import (  # noqa: E402
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)
from trl.trainer.dpo_config import DPOConfig  # noqa: E402
from trl.trainer.dpo_trainer import DPOTrainer  # noqa: E402
from trl.trainer.reward_config import RewardConfig  # noqa: E402
from trl.trainer.reward_trainer import RewardTrainer  # noqa: E402

STEPS = 3
TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}<end>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def load(base: str, *, config: str = "pairs", form: str = "parquet") -> DatasetDict:
    """The line that the datasets page shows."""
    return load_dataset(
        {"parquet": "parquet", "jsonl": "json"}[form],
        data_files={split: f"{base}/{config}-{split}.{form}" for split in ("train", "test")},
        storage_options={"headers": {"Authorization": "Bearer " + os.environ["TARE_TOKEN"]}},
    )


def bytes_as_tokens() -> PreTrainedTokenizerFast:
    """A tokenizer that needs no training: a token for each byte, and one for each special word."""
    special = ["<pad>", "<end>", "<system>", "<user>", "<assistant>"]
    vocabulary = {token: place for place, token in enumerate([*special, *pre_tokenizers.ByteLevel.alphabet()])}
    bpe = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.add_special_tokens(special)
    fast: Any = PreTrainedTokenizerFast
    tokenizer: PreTrainedTokenizerFast = fast(tokenizer_object=bpe, pad_token="<pad>", eos_token="<end>")
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """A Llama of some ten thousand weights."""
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        intermediate_size=32,
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        id2label={0: "reward"},
    )


def arguments(name: str) -> dict[str, Any]:
    """TRL's defaults suit large models on GPUs; these suit three steps on a processor."""
    return {
        "output_dir": str(ROOM / name),
        "max_steps": STEPS,
        "per_device_train_batch_size": 2,
        "learning_rate": 1e-3,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "bf16": False,
        "gradient_checkpointing": False,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "max_length": 256,
        "disable_tqdm": True,
    }


def losses(trainer: Any) -> list[float]:
    """Train, and say the loss of every step."""
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def main() -> None:
    """Load, train twice, report."""
    data, tokenizer = load(sys.argv[1]), bytes_as_tokens()
    scorer: Any = LlamaForSequenceClassification
    reward = RewardTrainer(
        model=scorer(config(tokenizer)),
        args=RewardConfig(**arguments("reward"), center_rewards_coefficient=0.01),
        train_dataset=data["train"],
        processing_class=tokenizer,
    )
    dpo = DPOTrainer(
        model=LlamaForCausalLM(config(tokenizer)),
        ref_model=LlamaForCausalLM(config(tokenizer)),
        args=DPOConfig(**arguments("dpo")),
        train_dataset=data["train"],
        processing_class=tokenizer,
    )
    judgments = {form: load(sys.argv[1], config="judgments", form=form)["train"] for form in ("parquet", "jsonl")}
    report = {
        "rows": {split: len(data[split]) for split in data},
        "columns": data["train"].column_names,
        "first": data["train"][0],
        "judgments": {form: list(rows) for form, rows in judgments.items()},
        "qualities": str(judgments["parquet"].features["qualities"]),
        "reward": losses(reward),
        "dpo": losses(dpo),
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
