"""The package sets for judging an override, in one session with Nix.

They are the sets with all overlays, and with this one alone.
"""

from collections.abc import Sequence

from msgspec import Struct

from toolkit.asking.session import EvaluationError, Session
from toolkit.nix.program import quoted
from toolkit.reach.answers import Listed, Overlay, Place
from toolkit.reach.effects import Replacement


class Sets(Session):
    """A session's package sets by name, and the questions about them."""

    def used(self, overlays: Sequence[Overlay]) -> str:
        """Return the session's name for a list of overlays."""
        return self.define("used", f"[ {' '.join(each.key for each in overlays)} ]")

    def joint(self, subject: Listed) -> str:
        """Return the name of the set with all overlays."""
        return self.define("joint", f"joint {self.used(subject.overlays)}")

    def alone(self, subject: Listed) -> str:
        """Return the name of the package set with only this override."""
        return self.define(
            "alone", f"alone {self.used(subject.overlays)} {called('', subject)}"
        )

    def _without(self, overlays: Sequence[Overlay], overlay: Overlay, name: str) -> str:
        """Return the name of the set in which one overlay lacks an attribute."""
        return self.define(
            "without", f"without {self.used(overlays)} {overlay.key} {quoted(name)}"
        )

    def drv(self, scope: str, path: Sequence[str]) -> str | EvaluationError:
        """Return the derivation of a path in a set; empty if it has none."""
        return self.ask(f"drv {scope} {listed(path)}", str)

    def refusal(self, subject: Listed, path: Sequence[str]) -> str | None:
        """Return why Nix refuses a package, or None.

        Return also the variables with which Nix evaluates it.
        """
        strict = self.define("strict", f"strict {self.used(subject.overlays)}")
        found = self.known(
            f"refusals {self.joint(subject)} {strict} {listed(path)}",
            tuple[str, ...],
            (),
        )
        if not found:
            return None
        allowed = " ".join(f"NIXPKGS_ALLOW_{kind.upper()}=1" for kind in found)
        return f"with {allowed}: Nix refuses packages that are {found[0]}"

    def replacement(self, subject: Listed, path: Sequence[str]) -> Replacement | None:
        """Return the later overlay that replaces a path and undoes this value."""
        name, overlays = subject.name, subject.overlays
        found = self.drv(self.joint(subject), path) if subject.later else ""
        without = (
            self.drv(self._without(overlays, subject.overlay, name), path)
            if found
            else None
        )
        if without != found:
            return None
        for later in subject.later:
            until = [each for each in overlays if each.number <= later.number]
            both = self.drv(self.define("joint", f"joint {self.used(until)}"), path)
            if self.drv(self._without(until, subject.overlay, name), path) == both:
                place = later.place(name)
                # The second of two that say the same replaces nothing.
                if (
                    place is None
                    or self.drv(self._without(overlays, later, name), path) == found
                ):
                    return None
                return Replacement(
                    overlay=later.number, file=place.file, line=place.line
                )
        return None


def listed(names: Sequence[str]) -> str:
    """Return a list of strings in Nix."""
    return f"[ {' '.join(map(quoted, names))} ]"


def called(scope: str, subject: Listed, path: Sequence[str] | None = None) -> str:
    """Return the arguments of a question: a set, an overlay, an attribute or path."""
    return (
        f"{scope} {subject.overlay.key} "
        f"{quoted(subject.name) if path is None else listed(path)}"
    )


class ScopedPath(Struct, frozen=True, kw_only=True):
    """A path that an override gives, in a set of packages, and its place in a file.

    If the override extends a scope, `base` is that scope, and the path leads to a
    member.
    """

    subject: Listed
    path: Sequence[str]
    scope: str
    base: Sequence[str] | None = None
    place: Place | None = None

    @property
    def call(self) -> str:
        """The arguments of a question about the path."""
        return called(self.scope, self.subject, self.path)

    @property
    def member(self) -> str:
        """The arguments of a question about the override's calls."""
        return (
            f"{called(self.scope, self.subject)} "
            f"{quoted('' if self.base is None else self.path[-1])}"
        )
