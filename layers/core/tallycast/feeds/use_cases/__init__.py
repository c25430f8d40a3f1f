"""The composition root of the feeds room: each use case wired once per container, on first use.

One module per function, so that a function imports only what it needs: the tick and the telling
of changes start without an XML parser.
"""
