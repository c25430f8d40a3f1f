"""Whole tables as files: asked for, worked off in the background, fetched by a link of our own."""
