"""Claim: "send and next" costs the same among a thousand comparisons and among a million (see `__main__`)."""
