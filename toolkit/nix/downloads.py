"""The hash of a download: Nix builds it with a wrong one, and reports the right one."""

import re

from toolkit import process
from toolkit.errors import CommandError, ToolkitError
from toolkit.nix.program import reason
from toolkit.nix.stores import environment, own, remote
from toolkit.process import Command

_MISMATCH = re.compile(
    r"hash mismatch in fixed-output derivation '([^']+)':"
    r"\s+specified:\s+\S+\s+got:\s+(sha256-[A-Za-z0-9+/]{43}=)"
)
_UNREACHABLE = re.compile(
    r"(?:unable to download|error: cannot download|[Cc]ould(?: not|n't) resolve"
    r"|[Ff]ailed to connect)[^\n]*"
)


def content_hash(derivation: str) -> str:
    """Return the hash of a derivation's download, in the user's own store.

    Nix runs with the user's settings, and may download. Raise ToolkitError if the build
    fails for another reason than the hash.
    """
    here = environment()
    if here.get("NIX_REMOTE") != remote(own()):
        features = ("--extra-experimental-features", "nix-command")
        copy = ("nix", *features, "copy", "--derivation", "--from", remote(own()))
        process.execute(Command(argv=(*copy, derivation), env=here))
    argv = ("nix-store", "--realise", derivation)
    completed = process.execute(Command(argv=argv, env=here, ok=None))
    for place, sri in _MISMATCH.findall(completed.stderr):
        if place == derivation:
            return str(sri)
    unreachable = _UNREACHABLE.search(completed.stderr)
    if unreachable is not None:
        raise ToolkitError(f"it cannot be fetched: {unreachable[0].strip()}")
    failed = CommandError(argv, status=completed.status, stderr=completed.stderr)
    raise ToolkitError(f"it cannot be built: {reason(failed)}")
