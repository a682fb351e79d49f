"""What the two learners that use TRL's trainers share: settings that suit a small machine, and the metrics writer.

TRL's defaults suit models of billions of parameters on GPUs: bf16, gradient checkpointing, a progress bar and
reporting to whatever it finds. Here all of that is off.
"""

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.learn.running import Run

LOG_EVERY = 5
Check = Callable[[Any, int], dict[str, float]]


def quiet_arguments(run: Run[Any]) -> dict[str, Any]:
    """Arguments of every TRL configuration: nothing is saved, reported or printed but by us."""
    return {
        "output_dir": str(run.folder / "trainer"),
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": LOG_EVERY,
        "logging_first_step": True,
        "seed": run.recipe.seed,
        "data_seed": run.recipe.seed,
        "use_cpu": run.device.type == "cpu",
        "bf16": False,
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 5,
        "weight_decay": 0.0,
    }


def prepare(trainer: Any) -> Any:
    """Silence a trainer: its printer would repeat every metric on standard output."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    return trainer


class Recorder(TrainerCallback):
    """Writes what a trainer logs to metrics.jsonl, and lets `check(model, step)` add to it every `every` steps.

    Training stops when a check's value named `stop_name` passes `stop_above`.
    """

    def __init__(
        self,
        run: Run[Any],
        *,
        check: Check | None = None,
        every: int = 50,
        stop_name: str = "",
        stop_above: float = 0.0,
    ) -> None:
        self.run = run
        self.check = check
        self.every = every
        self.stop_name = stop_name
        self.stop_above = stop_above
        self.stopped = False

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> TrainerControl:
        """Pass on the numbers of this step; the trainer's closing summary of itself is not one."""
        logs = {name: float(value) for name, value in given["logs"].items() if isinstance(value, int | float)}
        if "train_runtime" not in logs:
            self.run.log(state.global_step, state.max_steps, logs)
        return control

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> TrainerControl:
        """Run the check when it is due, and stop when it says so."""
        if self.check is not None and state.global_step % self.every == 0:
            values = self.check(given["model"], state.global_step)
            self.run.log(state.global_step, state.max_steps, values)
            self.stopped = values.get(self.stop_name, self.stop_above) > self.stop_above
            control.should_training_stop = control.should_training_stop or self.stopped
        return control
