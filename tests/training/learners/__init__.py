"""Learners for tests: real processes on a real run folder that learn nothing."""
