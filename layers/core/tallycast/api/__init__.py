"""The HTTP face: routes over the rooms, one manner for all of them.

A room knows nothing of HTTP. `resources/` has one module of routes per resource; `typed` is what
every route goes through; `openapi` describes all of them from the same declarations.
"""
