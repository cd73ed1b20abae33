"""Rootless dockerd, for as long as one question takes: started by a wrapper, asked on loopback, gone without a trace.

    site(account(), host())      a place for daemons, made and removed again
    run(site, rows)              what became of each published port, a row of them for each daemon

Everything that a machine may lack is a ToolkitError before the first daemon starts, with a hint.
"""

from toolkit.rootless.daemon import Outcome, PortOutcome, Row, missing, run
from toolkit.rootless.requirements import Account, Host, account, host, require
from toolkit.rootless.sites import Site, launcher, site

__all__ = [
    "Account",
    "Host",
    "Outcome",
    "PortOutcome",
    "Row",
    "Site",
    "account",
    "host",
    "launcher",
    "missing",
    "require",
    "run",
    "site",
]
