"""`make demo`: the whole platform on generated shows whose truth is known."""
