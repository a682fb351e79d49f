"""The doors of annotation, a file for each place."""
