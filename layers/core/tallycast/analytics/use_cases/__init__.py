"""The composition root of the analytics room: each use case wired once per container.

One module per function or kind of route: the routes start without the engine of the exports.
"""
