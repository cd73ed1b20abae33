"""`unlet cache`: list and delete cached files."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from toolkit.cache import CacheEntry, default_cache, limit
from toolkit.cli import options, output


@options.command("cache", examples=("unlet cache", "unlet cache clean"))
@click.argument("action", metavar="[clean]", type=click.Choice(["list", "clean"]), default="list")
@options.common
def command(*, action: str) -> int:
    """List the entries, the most recently used first, and the limit; or delete those that no running unlet uses.

    If a new tree exceeds the limit, unlet deletes the least recently used entries, except those of a running unlet.
    UNLET_CACHE_MB sets the limit; 0 is none. Later commands fetch deleted entries again.
    """
    return _clean() if action == "clean" else _list()


def _clean() -> int:
    settings = options.settings()
    cleaning = default_cache().clean()
    if settings.json:
        output.write_json({"deleted": _values(cleaning.deleted), "in_use": _values(cleaning.in_use)})
    elif not settings.quiet:
        kept = f", kept {_sum(cleaning.in_use)} for an unlet that is running" if cleaning.in_use else ""
        output.write_lines([f"deleted {_sum(cleaning.deleted)}{kept}"])
    return 0


def _list() -> int:
    cache = default_cache()
    entries = cache.entries()
    if options.settings().json:
        output.write_json({"root": cache.root, "limit": limit(), "entries": _values(entries)})
        return 0
    rows = [
        (entry.kind, entry.key, output.size(entry.size), f"used {_date(entry.used):%Y-%m-%d %H:%M}")
        for entry in entries
    ]
    most = limit()
    within = f"of at most {output.size(most)}" if most is not None else "without a limit"
    output.write_lines((*output.table(rows), f"{cache.root}: {_sum(entries)} {within}"))
    return 0


def _values(entries: Sequence[CacheEntry]) -> list[dict[str, object]]:
    return [
        {
            "kind": entry.kind,
            "key": entry.key,
            "path": entry.path,
            "size": entry.size,
            "used": _date(entry.used).astimezone(UTC).isoformat(timespec="seconds"),
        }
        for entry in entries
    ]


def _sum(entries: Sequence[CacheEntry]) -> str:
    plural = "entry" if len(entries) == 1 else "entries"
    return f"{len(entries)} {plural}, {output.size(sum(entry.size for entry in entries))}"


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone()
