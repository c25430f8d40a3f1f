"""The only door to AWS: clients, settings from the environment, observability, errors."""
