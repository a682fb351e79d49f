"""One recipe per kind of run. The defaults suit the demo's model of 0.4 million parameters on two CPU cores."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from training.records.checking import BadRecipe, above_zero, build, number


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRecipe:
    """Train a small Llama-architecture model and its byte-level BPE tokenizer from scratch."""

    kind: ClassVar[str] = "base"
    seed: int = number(0, low=0)
    hidden: int = number(128, low=8, high=1024)
    layers: int = number(2, low=1, high=24)
    heads: int = number(4, low=1, high=32)
    ff: int = number(256, low=8, high=4096)
    vocab: int = number(768, low=300, high=65536)
    max_tokens: int = number(256, low=16, high=8192)
    steps: int = number(2250, low=1)
    batch: int = number(16, low=1)
    lr: float = above_zero(4e-3)


@dataclass(frozen=True, slots=True, kw_only=True)
class SftRecipe:
    """Supervised fine-tuning on demonstrations; the loss is on the completion alone."""

    kind: ClassVar[str] = "sft"
    model: str
    seed: int = number(0, low=0)
    epochs: int = number(1, low=1)
    batch: int = number(16, low=1)
    lr: float = above_zero(1e-3)
    max_tokens: int = number(256, low=16)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardRecipe:
    """A Bradley-Terry reward model from soft-labelled pairs; `center` weighs the penalty on mean rewards far from 0."""

    kind: ClassVar[str] = "reward"
    model: str
    seed: int = number(0, low=0)
    epochs: int = number(2, low=1)
    batch: int = number(16, low=1)
    lr: float = above_zero(1e-3)
    center: float = number(0.01, low=0.0)
    max_tokens: int = number(256, low=16)


@dataclass(frozen=True, slots=True, kw_only=True)
class DpoRecipe:
    """Direct preference optimisation; stops when the policy is more than `max_kl` nats from where it started."""

    kind: ClassVar[str] = "dpo"
    model: str
    seed: int = number(0, low=0)
    beta: float = above_zero(0.1)
    epochs: int = number(1, low=1)
    batch: int = number(16, low=1)
    lr: float = above_zero(3e-4)
    max_kl: float = above_zero(10.0)
    max_tokens: int = number(256, low=16)


@dataclass(frozen=True, slots=True, kw_only=True)
class PpoRecipe:
    """PPO from `model` against `reward_model`, held near `reference`; `audit_model` is scored and never trained on.

    One iteration samples `batch` responses and makes `epochs` passes over them in minibatches of `minibatch`.
    `kl_coef` is where the adaptive coefficient starts; it moves towards a KL of `kl_target` nats per response.
    `trunc_penalty` is taken from the reward of a response that did not finish within `max_new_tokens`.
    """

    kind: ClassVar[str] = "ppo"
    model: str
    reference: str
    reward_model: str
    audit_model: str | None = None
    seed: int = number(0, low=0)
    iterations: int = number(30, low=1)
    batch: int = number(96, low=2)
    epochs: int = number(2, low=1)
    minibatch: int = number(48, low=1)
    lr: float = above_zero(5e-4)
    value_lr: float = above_zero(1e-3)
    kl_coef: float = number(0.05, low=0.0)
    kl_target: float = above_zero(3.0)
    clip: float = number(0.2, low=0.001, high=1.0)
    lam: float = number(0.95, low=0.0, high=1.0)
    gamma: float = number(1.0, low=0.0, high=1.0)
    temperature: float = above_zero(1.0)
    max_new_tokens: int = number(72, low=1)
    trunc_penalty: float = number(1.0, low=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRecipe:
    """Sample `samples` responses to each prompt; temperature 0 is greedy."""

    kind: ClassVar[str] = "generate"
    model: str
    seed: int = number(0, low=0)
    samples: int = number(1, low=1)
    temperature: float = number(1.0, low=0.0)
    top_p: float = number(1.0, low=0.001, high=1.0)
    max_new_tokens: int = number(72, low=1)
    batch: int = number(128, low=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRecipe:
    """Score responses by named reward models, and by the log-probability a policy and a reference give them."""

    kind: ClassVar[str] = "score"
    reward_models: dict[str, str] = field(default_factory=dict)
    policy: str | None = None
    reference: str | None = None
    seed: int = number(0, low=0)
    batch: int = number(64, low=1)


Recipe = BaseRecipe | SftRecipe | RewardRecipe | DpoRecipe | PpoRecipe | GenerateRecipe | ScoreRecipe
RECIPES: dict[str, type[Recipe]] = {
    recipe.kind: recipe
    for recipe in (BaseRecipe, SftRecipe, RewardRecipe, DpoRecipe, PpoRecipe, GenerateRecipe, ScoreRecipe)
}


def read_recipe(data: Mapping[str, Any]) -> Recipe:
    """Build the recipe that `data` ({"kind": ..., field: value}) describes. Raises BadRecipe naming the field."""
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in RECIPES:
        raise BadRecipe(f"kind={kind!r}: use one of {', '.join(RECIPES)}.")
    rest = {key: value for key, value in data.items() if key != "kind"}
    recipe = build(RECIPES[kind], rest, error=BadRecipe)
    _check_together(recipe)
    return recipe


def recipe_data(recipe: Recipe) -> dict[str, Any]:
    """The recipe as JSON data, its kind included: `read_recipe(recipe_data(r)) == r`."""
    return {"kind": recipe.kind, **asdict(recipe)}


def _check_together(recipe: Recipe) -> None:
    """What no single field can say."""
    if isinstance(recipe, BaseRecipe) and (recipe.hidden % recipe.heads or recipe.hidden // recipe.heads % 2):
        raise BadRecipe(f"heads={recipe.heads}: hidden={recipe.hidden} must split into heads of an even width.")
    if isinstance(recipe, PpoRecipe) and recipe.minibatch > recipe.batch:
        raise BadRecipe(f"minibatch={recipe.minibatch}: it cannot be larger than batch={recipe.batch}.")
    if isinstance(recipe, ScoreRecipe):
        if not recipe.reward_models and recipe.policy is None:
            raise BadRecipe("reward_models={}: name at least one reward model, or a policy.")
        if recipe.reference is not None and recipe.policy is None:
            raise BadRecipe("policy=None: a reference is of use only beside a policy.")
