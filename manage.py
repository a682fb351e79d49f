#!/usr/bin/env python
"""The door for people at a terminal: every management command starts here."""

import os
import sys

from django.core.management import execute_from_command_line

from config.env import BadSetting
from config.server import EngineFailed

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except (BadSetting, EngineFailed) as refusal:
        sys.exit(f"Tare does not start. {refusal}")
