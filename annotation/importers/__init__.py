"""Pure: one file for each format that comes in. A line of bytes becomes a record, or a reason in words."""
