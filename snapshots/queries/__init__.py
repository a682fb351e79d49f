"""The questions of snapshots."""

from snapshots.queries.files import Part, folder_of, part_of, read_rows, snapshots_of

__all__ = ["Part", "folder_of", "part_of", "read_rows", "snapshots_of"]
