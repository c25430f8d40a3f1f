"""Where MiniStack differs from AWS in a way the platform can feel, MiniStack is mended here.

Each module mends one difference and says what AWS does. All of it is pinned to one version of
MiniStack and refuses to start on another: a patch that misses its place would be worse than none.
`docs/runbooks/local-cloud.md` lists what is mended and what merely differs.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from infra.local.errors import EmulatorVersionError

PINNED = "1.5.33"


def installed() -> str:
    """The version of MiniStack in this environment."""
    try:
        return version("ministack")
    except PackageNotFoundError:
        return "(none)"


def check() -> None:
    """Refuse any version but the pinned one.

    Raises:
        EmulatorVersionError: another version is installed, or none.
    """
    if installed() != PINNED:
        raise EmulatorVersionError(installed(), PINNED)


def apply() -> None:
    """Mend MiniStack in this process, before it starts.

    Raises:
        EmulatorVersionError: another version is installed, or none.
        EmulatorChangedError: a place to be mended is not as expected.
    """
    check()
    # After the check: these modules import MiniStack.
    from infra.local.bridge import (  # noqa: PLC0415
        alarms,
        batch_actions,
        checkpoints,
        faults,
        function_errors,
        function_urls,
        gateway_addresses,
        gateway_responses,
        log_subscriptions,
        numbers,
        query_results,
        schedules,
        shared_layers,
        stream_state,
        streams,
        transport,
        user_pools,
    )

    for module in (
        function_errors,
        function_urls,
        gateway_addresses,
        gateway_responses,
        log_subscriptions,
        numbers,
        query_results,
        streams,
        stream_state,
        schedules,
        shared_layers,
        transport,
        user_pools,
        batch_actions,
        alarms,
        faults,
        checkpoints,
    ):
        module.apply()
