"""A call over loopback counts as a call over TLS.

AWS: every endpoint speaks TLS, and our policies deny `aws:SecureTransport: false`. MiniStack
listens on plain HTTP on the loopback address, which no wire carries; it would deny every call of
our functions to a bucket with such a policy.
"""

from __future__ import annotations

from ministack import app


def apply() -> None:
    """Have MiniStack's policy checks see every call as secure."""
    pin = app.pin_request_origin

    def _pin(source_ip: str, _secure: bool) -> None:  # noqa: FBT001  (MiniStack's signature)
        pin(source_ip, True)  # noqa: FBT003

    app.pin_request_origin = _pin
