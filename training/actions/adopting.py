"""Taking in weights that no run of ours made: a model from elsewhere, or one kept in a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from raters.actions import note
from training.models import ModelVersion
from training.records import digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from raters.models import Project, User


class UnusableFolder(Exception):
    """The folder is not a model in Hugging Face format with safetensors weights; nothing was recorded."""


def adopt_model(project: Project, *, name: str, kind: str, path: Path, by: User | None) -> ModelVersion:
    """Record a model folder of this machine, to start runs from. The same name and weights again change nothing.

    Only looks at file names and hashes; nothing in the folder is loaded or run. Raises UnusableFolder.
    """
    if not (path / "config.json").is_file() or not any(path.glob("*.safetensors")):
        raise UnusableFolder(f"{path} needs a config.json and weights as .safetensors.")
    digest = digest_of(path)
    with transaction.atomic():
        known = ModelVersion.objects.filter(project=project, name=name).first()
        if known is not None:
            if known.digest != digest:
                raise UnusableFolder(f"{name} exists already with other weights. Choose another name.")
            return known
        model = ModelVersion.objects.create(
            project=project, name=name, kind=kind, digest=digest, path=str(path.resolve())
        )
        note(project, actor=by, action="model.adopted", subject=name, details={"digest": digest})
    return model
