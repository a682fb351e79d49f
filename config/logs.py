"""Log lines that stay lines: a traceback or a stranger's newline cannot forge a second entry."""

import logging


class OneLine(logging.Formatter):
    """The usual format with every line break shown as a sign."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\r", "").replace("\n", " ⏎ ")
