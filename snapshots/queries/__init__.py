"""The questions of snapshots."""

from snapshots.queries.files import NotReady, Part, folder_of, part_of, read_rows, snapshots_of
from snapshots.queries.page import DatasetsPage, datasets_page

__all__ = [
    "DatasetsPage",
    "NotReady",
    "Part",
    "datasets_page",
    "folder_of",
    "part_of",
    "read_rows",
    "snapshots_of",
]
