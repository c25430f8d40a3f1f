"""The composition root: each use case wired once per container, on first use."""
