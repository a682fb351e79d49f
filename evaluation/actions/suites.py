"""Read a probe suite out of its file into rows, once per content."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from django.db import transaction

from evaluation.models import Probe, ProbeSuite
from evaluation.probes import read_suite

if TYPE_CHECKING:
    from pathlib import Path


class SuiteChanged(Exception):
    """The name and version stand for another content already: findings point at it. Give the file a new version."""


@transaction.atomic
def load_suite(path: Path) -> ProbeSuite:
    """The suite in the file, stored if it is new. Raises evaluation.probes.BadSuite, SuiteChanged."""
    text = path.read_bytes()
    read = read_suite(text)
    data = json.loads(text)
    # of the content and not of the bytes: a new line between two probes changes nothing
    digest = hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    suite, new = ProbeSuite.objects.get_or_create(name=read.name, version=read.version, defaults={"sha256": digest})
    if suite.sha256 != digest:
        raise SuiteChanged(f"{path.name} is not the {suite} that is known. Give it a new version.")
    if new:
        Probe.objects.bulk_create(
            Probe(suite=suite, key=probe.key, kind=probe.kind, messages=row["messages"], grader=row["grader"])
            for probe, row in zip(read.probes, data["probes"], strict=True)
        )
    return suite
