"""The attacks of `tests/hostile/` as strangers: each of its files through one entry."""

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from msgspec.structs import replace

from tests.effects.effect import Kind
from tests.effects.runs import Stage, Traced
from tests.forge import server
from tests.hostile import attacks
from tests.hostile.attacks import Attack

_ONCE = 1 << 62
"""One of so many spoilt trees goes through every entry."""


def chosen(seed: int, size: int) -> list[Attack]:
    """Return so many attacks, 0 for all, the same for the same seed."""
    every = attacks.attacks(seed, share=_ONCE)
    if not size or size >= len(every):
        return every
    return Random(seed).sample(every, size)  # noqa: S311 - it decides no secret


def command(words: Sequence[str]) -> str:
    """Return the name in the table of a command line."""
    name = words[0]
    if "--pull" in words:
        return "check --pull"
    if name == "track" and "--api-url" in words:
        return "track from GitHub"
    if any(word.endswith((".lock", "sources.json")) for word in words):
        return f"{name} --nixpkgs LOCK"
    if name == "propose" and any("://" in word for word in words):
        return "propose --nixpkgs URL"
    return f"{name} --sealed" if name == "reach" else name


def traced(
    attack: Attack, stage: Stage, propose: Callable[[], Path]
) -> tuple[str, Traced]:
    """Run an attack under strace; return the command's name, too."""
    with ExitStack() as stack:
        urls: list[str] = []

        def serve(repository: Path) -> server.Forge:
            start = contextmanager(server.serving)
            forge = stack.enter_context(start(repository))
            urls.append(forge.url)
            return forge

        words = attack.make(
            attacks.Stage(
                work=stage.here,
                secret=stage.home / "secret",
                propose=propose,
                serve=serve,
            )
        )
        asked = replace(stage, forge=urls[0]) if urls else stage
        done = asked.observed([*asked.words(""), *words], stage.here)
    # The user may name any place, which is then opened, and refused.
    named = {_itself(word) for word in words}
    kept = [
        effect
        for effect in done.effects
        if effect.kind is not Kind.READ or _itself(effect.place) not in named
    ]
    return command(words), replace(done, outcome=replace(done.outcome, effects=kept))


def _itself(place: str) -> str:
    """Return a place with `self` for a process's own number."""
    return re.sub(r"^/proc/\d+/", "/proc/self/", place)
