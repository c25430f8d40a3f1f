"""The use cases of the audit log, wired: a module for each composition."""
