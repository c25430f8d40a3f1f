"""What the functions of tracking are told by their environment; the redirect reads its own."""

from __future__ import annotations

from tallycast.aws.settings import Settings


class LearnSettings(Settings):
    """`learn_hosts`."""

    core_table: str


class ReplaySettings(Settings):
    """`replay_hits`. `track_log_group` is the log group of `track_download`."""

    core_table: str
    intake_bucket: str
    track_log_group: str
