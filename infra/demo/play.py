"""The demo from its start to its end: the platform comes up, the acts are played, all is shown."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime, timedelta

from rich.console import Console

from infra.demo import figures, report
from infra.demo.feeds import TENANT, Demo
from infra.demo.measurement import MeasurementActs, Preparation, new_edge_secret
from infra.demo.numbers import MOST_PERCENT
from infra.demo.selling import Receiver, SellingActs
from infra.demo.waiting import DemoDiffersError, DemoStuckError
from infra.local.errors import LocalCloudError
from infra.local.lifecycle import local_cloud
from infra.local.progress import Steps
from tallycast.cli.platform import CommandRefusedError, NoPlatformError
from tallycast.demo.origin import DemoOrigin
from tallycast.demo.shows import generate_shows
from tallycast.demo.truth import truth_of

__all__ = ["Demo", "main"]

_SEED = 1


def main() -> int:
    """Play the demo; 0 when every number is the truth."""
    steps = Steps()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else report.WIDTH)
    try:
        _play(steps, console)
    except (
        LocalCloudError, DemoStuckError, DemoDiffersError, NoPlatformError, CommandRefusedError,
    ) as error:  # fmt: skip
        steps.say(f"error: {error.message}")
        return 1
    except KeyboardInterrupt:
        steps.say("interrupted; everything was stopped")
        return 130
    return 0


def _play(steps: Steps, console: Console) -> None:
    began = time.monotonic()
    seed = int(os.environ.get("TALLYCAST_DEMO_SEED", _SEED))
    shows = generate_shows(seed, until=datetime.now(UTC) - timedelta(hours=1))
    truth = truth_of(shows)
    refused = report.truly_refused(truth)
    episodes = sum(len(show.episodes) for show in shows)
    steps.say(f"{len(shows)} generated shows with {episodes} episodes, served from loopback")
    secret = new_edge_secret()
    listened = [show for show in shows if show.slug not in refused]
    with (
        Preparation.of(listened, seed) as preparation,
        DemoOrigin(shows) as origin,
        Receiver() as receiver,
        local_cloud(
            parameters={
                "FetchAllowList": f"127.0.0.1:{origin.port},{receiver.address}",
                "EdgeSecret": secret,
            },
            steps=steps,
        ) as cloud,
    ):
        demo = Demo(cloud, origin, truth, steps)
        lines, heard = demo.play()
        report.show(console, shows, lines, demo.refused, heard)
        report.show_requests(console, origin)
        console.print()
        faults = report.faults(lines, heard)
        if demo.refused != refused:
            faults.append("other feeds were refused than those that are none")
        if not faults:
            acts = MeasurementActs(cloud, TENANT, demo.shows, secret, steps)
            selling = SellingActs(cloud, TENANT, receiver, steps)
            outcome = acts.play(preparation, selling)
            sold = selling.settle()
            figures.show(console, outcome)
            figures.show_sold(console, sold)
            console.print()
            faults = [*outcome.faults(), *sold.faults(MOST_PERCENT)]
        steps.say(f"{time.monotonic() - began:.0f} s from start to end")
        if faults:
            raise DemoDiffersError("; ".join(faults))
