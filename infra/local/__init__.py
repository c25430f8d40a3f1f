"""The local cloud: the platform's own template, deployed on a laptop without account or Docker.

`python -m infra.local up | down | reset | status | logs`; tests and the demo use
`infra.local.lifecycle.local_cloud`. This module imports nothing, so that a start on a Python that
is too old, or before `make setup`, can still say what to do.
"""
