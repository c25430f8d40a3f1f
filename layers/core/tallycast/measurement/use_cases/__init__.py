"""Wiring of the functions of counting, one module each."""
