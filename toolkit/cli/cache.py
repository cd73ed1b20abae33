"""`unlet cache`: list and delete cached files."""

from collections.abc import Sequence

import click
from rich.filesize import decimal

from toolkit.cache import CacheEntry, default_cache, limit
from toolkit.cli import options, output


@options.command("cache", examples=("unlet cache", "unlet cache clean"))
@click.argument(
    "action", metavar="[clean]", type=click.Choice(["list", "clean"]), default="list"
)
@options.common
def command(*, action: str) -> int:
    """List the cache, newest entry first; or delete all entries that are not in use.

    If the cache exceeds its limit, unlet deletes the least recently used entries, and
    keeps those that a running unlet uses. UNLET_CACHE_MB sets the limit in megabytes;
    0 means no limit. Later commands fetch deleted entries again.
    """
    return _clean() if action == "clean" else _list()


def _clean() -> int:
    settings = options.settings()
    cleaning = default_cache().clean()
    if settings.json:
        output.write_json({"deleted": cleaning.deleted, "in_use": cleaning.in_use})
    elif not settings.quiet:
        kept = (
            f", kept {_sum(cleaning.in_use)} that a running unlet uses"
            if cleaning.in_use
            else ""
        )
        output.write_lines([f"deleted {_sum(cleaning.deleted)}{kept}"])
    return 0


def _list() -> int:
    cache = default_cache()
    entries = cache.entries()
    if options.settings().json:
        output.write_json({"root": cache.root, "limit": limit(), "entries": entries})
        return 0
    rows = [
        (
            entry.kind,
            entry.key,
            decimal(entry.size),
            f"used {entry.used.astimezone():%Y-%m-%d %H:%M}",
        )
        for entry in entries
    ]
    most = limit()
    within = f"of at most {decimal(most)}" if most is not None else "without a limit"
    output.write_lines((*output.table(rows), f"{cache.root}: {_sum(entries)} {within}"))
    return 0


def _sum(entries: Sequence[CacheEntry]) -> str:
    plural = "entry" if len(entries) == 1 else "entries"
    return f"{len(entries)} {plural}, {decimal(sum(entry.size for entry in entries))}"
