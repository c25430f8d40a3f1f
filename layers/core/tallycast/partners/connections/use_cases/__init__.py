"""The use cases of connections, wired: a module for each composition."""
