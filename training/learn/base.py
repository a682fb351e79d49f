"""Build the demo's base model from scratch: a small Llama and a byte-level BPE tokenizer.

    python -m training.learn.base <folder>

reads   recipe.json (BaseRecipe), texts.jsonl ({"text"} or {"messages": a whole conversation})
writes  metrics.jsonl (loss, lr, tokens_per_second), model/, outcome.json (parameters, tokens, loss)
"""

import math
import time
from typing import Any

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from training.learn import running
from training.learn.loading import padded, save
from training.records import BadRow, BaseRecipe, TextRow, read_rows

PAD, END, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}" + ASSISTANT + "{{ message['content'] }}" + END + ""
    "{% else %}" + USER + "{{ message['content'] }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}" + ASSISTANT + "{% endif %}"
)
BUCKET = 16  # batches are cut from groups of this many batches, sorted by length: little padding, much mixing
LOG_EVERY = 50


def train(run: running.Run[BaseRecipe]) -> dict[str, Any]:
    """Train tokenizer and model on texts.jsonl."""
    recipe = run.recipe
    rows = read_rows(run.folder / "texts.jsonl", TextRow)
    tokenizer = build_tokenizer(rows, vocab=recipe.vocab, max_tokens=recipe.max_tokens)
    sequences = _encoded(rows, tokenizer, max_tokens=recipe.max_tokens)
    model = build_model(tokenizer, recipe).to(run.device)
    loss = fit(model, sequences, run=run, pad=tokenizer.pad_token_id)
    save(model, tokenizer, folder=run.model_folder)
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "vocab": len(tokenizer),
        "documents": len(rows),
        "tokens": sum(map(len, sequences)),
        "loss": loss,
    }


def build_tokenizer(rows: list[TextRow], *, vocab: int, max_tokens: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of at most `vocab` entries, with the chat template above."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=[PAD, END, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator((piece for row in rows for piece in _pieces(row)), trainer)
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers gives it no types
        tokenizer_object=bpe, pad_token=PAD, eos_token=END, padding_side="left", model_max_length=max_tokens
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def build_model(tokenizer: PreTrainedTokenizerFast, recipe: BaseRecipe) -> Any:
    """An untrained Llama of the recipe's size."""
    from transformers import LlamaConfig

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        intermediate_size=recipe.ff,
        max_position_embeddings=recipe.max_tokens,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    return AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]  # transformers gives it no types


def fit(model: Any, sequences: list[list[int]], *, run: running.Run[BaseRecipe], pad: int) -> float:
    """Next-token prediction with AdamW and a cosine schedule. Returns the mean loss of the last steps."""
    recipe = run.recipe
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, weight_decay=0.01, betas=(0.9, 0.98), fused=True)
    model.train()
    head = model.get_output_embeddings()
    losses: list[float] = []
    seen, since = 0, time.monotonic()
    for step, rows in enumerate(_batches(sequences, run=run), start=1):
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * schedule(step - 1, recipe.steps)
        ids = padded(rows, pad=pad, device=run.device)
        lengths = torch.tensor([len(row) for row in rows], device=run.device)
        real = torch.arange(1, ids.shape[1], device=run.device) < lengths[:, None]
        hidden = model.base_model(input_ids=ids).last_hidden_state[:, :-1][real]
        loss: Any = F.cross_entropy(head(hidden), ids[:, 1:][real])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        seen += sum(map(len, rows))
        if step % LOG_EVERY == 0 or step == recipe.steps:
            recent = losses[-LOG_EVERY:]
            speed = seen / (time.monotonic() - since)
            values = {"loss": sum(recent) / len(recent), "lr": optimizer.param_groups[0]["lr"]}
            run.log(step, recipe.steps, {**values, "tokens_per_second": speed})
    return sum(losses[-LOG_EVERY:]) / len(losses[-LOG_EVERY:])


def schedule(step: int, total: int, *, warm_up: float = 0.05, floor: float = 0.1) -> float:
    """The learning rate's factor: linear up over `warm_up`, then a cosine down to `floor`."""
    up = min(1.0, (step + 1) / max(1.0, total * warm_up))
    return up * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * step / total)))


def _batches(sequences: list[list[int]], *, run: running.Run[BaseRecipe]) -> list[list[list[int]]]:
    """`steps` batches of sequences of about equal length, in random order, over as many passes as that takes."""
    batch = run.recipe.batch
    batches: list[list[list[int]]] = []
    while len(batches) < run.recipe.steps:
        order = run.rng.sample(range(len(sequences)), len(sequences))
        groups = [order[start : start + batch * BUCKET] for start in range(0, len(order), batch * BUCKET)]
        cut = []
        for group in groups:
            group.sort(key=lambda index: len(sequences[index]))
            cut += [group[start : start + batch] for start in range(0, len(group), batch)]
        run.rng.shuffle(cut)
        batches += [[sequences[index] for index in indices] for indices in cut]
    return batches[: run.recipe.steps]


def _pieces(row: TextRow) -> list[str]:
    """The texts of a row, for the tokenizer to learn from. Raises BadRow unless exactly one form is given."""
    if (row.text is None) == (row.messages is None):
        raise BadRow("texts.jsonl: each row has either a text or messages, and not both.")
    return [row.text] if row.text is not None else [turn["content"] for turn in row.messages or []]


def _encoded(rows: list[TextRow], tokenizer: PreTrainedTokenizerFast, *, max_tokens: int) -> list[list[int]]:
    rendered = [
        row.text + END if row.text is not None else _rendered(row.messages or [], tokenizer=tokenizer) for row in rows
    ]
    encoded: list[list[int]] = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    return [ids[:max_tokens] for ids in encoded]


def _rendered(messages: list[dict[str, str]], *, tokenizer: PreTrainedTokenizerFast) -> str:
    return str(tokenizer.apply_chat_template(messages, tokenize=False))


def main(argv: list[str] | None = None) -> int:
    """Run on the folder named on the command line."""
    return running.main(train, kind="base", argv=argv)


if __name__ == "__main__":
    raise SystemExit(main())
