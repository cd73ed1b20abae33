"""An attribute under comparison, and its derivation before and after a change."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

from msgspec import Struct, field

from toolkit.judge.differences import Difference, Weighed

THREW = {"!": "throws"}
"""The form in which judge.nix represents a value that throws."""


THROWN = "it throws"
"""The text for a value that throws, in a difference."""

HASHES = frozenset(
    {
        "hash",
        "outputHash",
        "outputHashAlgo",
        "outputHashMode",
        "sha1",
        "sha256",
        "sha512",
        "md5",
    }
)
"""The names of a derivation's attributes that describe its hash. The output path shows
the hash itself.
"""


class Compared(Struct, frozen=True, kw_only=True):
    """An attribute under comparison, on one system.

    `root` is the path of the tree. `files` are the changed files, each with the words
    that differ; `aliases` are names of aliases.
    """

    attribute: str
    system: str
    root: str
    files: Mapping[str, Collection[str]] = field(
        default_factory=dict[str, "Collection[str]"]
    )
    aliases: Collection[str] = ()

    def differs(self, weighed: Weighed) -> Difference:
        """Return a difference of this attribute on this system."""
        return Difference(
            attribute=self.attribute,
            system=self.system,
            kind=weighed.kind,
            weight=weighed.weight,
            cause=weighed.cause,
            before=self.shown(weighed.before),
            after=self.shown(weighed.after),
        )

    def shown(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """Return a value in which the paths of the tree's files are relative."""
        return with_strings(value, lambda text: text.replace(f"{self.root}/", ""))


class Own(Struct, frozen=True, kw_only=True):
    """The derivation of a package before and after a change.

    The dictionaries are empty if the derivation is unknown.
    """

    before: dict[str, Any] = field(default_factory=dict[str, Any])
    after: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def same(self) -> bool:
        """Return whether the package's outputs stay the same.

        For a derivation that throws, its attributes must stay the same.
        """
        names = (
            "out",
            "outputs",
            *(["attributes"] if self.before.get("drv") == THREW else []),
        )
        return all(self.before.get(name) == self.after.get(name) for name in names)

    @property
    def updated(self) -> bool:
        """Return whether the change gives the package another version."""
        return bool(self.before.get("version") != self.after.get("version"))

    def follows(self, before: Any, after: Any) -> bool:  # noqa: ANN401 - JSON
        """Return whether a value differs only because it contains the version."""
        old, new = self.before.get("version"), self.after.get("version")
        if not (self.updated and isinstance(old, str) and isinstance(new, str) and old):
            return False
        spellings: tuple[Callable[[str], str], ...] = (
            lambda text: text.replace(old, new),
            lambda text: text.replace(old.replace(".", "_"), new.replace(".", "_")),
        )
        return any(
            bool(with_strings(before, spelling) == after) for spelling in spellings
        )


def with_strings(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON
    """Return a JSON value with a function applied to each of its strings."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [with_strings(each, change) for each in cast("list[object]", value)]
    if isinstance(value, dict):
        return {
            name: with_strings(each, change)
            for name, each in cast("dict[str, object]", value).items()
        }
    return value
