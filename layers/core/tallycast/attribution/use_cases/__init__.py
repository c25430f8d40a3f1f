"""The use cases of this room, wired: a module for each composition."""
