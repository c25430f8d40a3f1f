"""Access tokens of the user pool: whether one is good, and what it says."""
