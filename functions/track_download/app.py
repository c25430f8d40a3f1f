"""Redirect a listener to the episode, and write the hit into the log."""

from __future__ import annotations

from typing import Any

from tallycast.measurement.tracking.use_cases.track import redirect

# A listener waits for every import here: no boto3, no pydantic, no Powertools. The table's
# connection is made with the first request.


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request to the function's URL."""
    return redirect().answer(event)
