"""The log on moto as the command line reads it, through the real commands."""

from tallycast.cli.audit import PlatformSource
from tests.support.audited import AuditPlatform


class _Asked:
    def __init__(self, audited):
        self._commands = audited.commands

    def run_audit(self, command):
        return self._commands.run(command)


def Direct(audited: AuditPlatform) -> PlatformSource:  # noqa: N802 - reads as the source that it is
    return PlatformSource(_Asked(audited), audited.tenant)
