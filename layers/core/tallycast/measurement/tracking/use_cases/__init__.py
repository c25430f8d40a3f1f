"""Wiring of the functions of tracking, one module each: the redirect must not import the others."""
