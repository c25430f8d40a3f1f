"""The composition root of the partners room: each use case wired once per container."""
