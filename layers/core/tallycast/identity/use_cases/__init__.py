"""The identity room's use cases, wired for the functions that run them."""
