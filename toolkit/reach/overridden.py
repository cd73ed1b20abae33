"""The derivations of a package without and with an override, for the rules.

The rules find old values that remain in the build.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from urllib.parse import unquote

from msgspec import Struct, field

from toolkit.nix.derivations import Derivation, DerivationStore, digest

FEWEST = 3
"""The minimum number of characters in a word or version that identifies a package."""
_INTERPRETER = re.compile(r"(?:python|pypy|perl|lua|luajit|ruby|php|ocaml|R)[\d.]*-")
_LABEL = re.compile(r"[-+._][A-Za-z][A-Za-z_-]*")


class Call(Struct, frozen=True, kw_only=True):
    """A call of one of a package's override functions.

    `names` are the attributes that the call sets, `packages` the derivations among
    their values, and `arguments` the names that the function accepts.
    """

    method: str
    names: tuple[str, ...] = ()
    packages: dict[str, str] = field(default_factory=dict[str, str])
    arguments: tuple[str, ...] = ()


class Overridden(Struct, frozen=True, kw_only=True):
    """A package's derivations without and with an override.

    `calls` are the override calls, and `named` the variables that the user wrote. `top`
    returns the derivations of top-level packages by name; missing ones are left out.
    """

    old: Derivation
    new: Derivation
    store: DerivationStore
    calls: Sequence[Call]
    top: Callable[[Sequence[str]], Mapping[str, str]]
    named: Sequence[str] = ()

    @property
    def changed(self) -> list[str]:
        """The new or changed variables of the derivation, except the outputs."""
        old, new = self.old.environment, self.new.environment
        return [
            name
            for name in new
            if name not in self.new.outputs and old.get(name) != new[name]
        ]

    @property
    def added(self) -> list[str]:
        """The variables that only the new derivation has."""
        return [name for name in self.changed if name not in self.old.environment]

    @property
    def version_changes(self) -> bool:
        """Return whether the package's version changes.

        A new suffix, or the version of an input inside the version, does not count.
        """
        old, new = self.old.version, self.new.version
        is_label = new.startswith(old) and _LABEL.fullmatch(new[len(old) :]) is not None
        return bool(old) and old != new and not is_label and not self._follows_an_input

    @property
    def _follows_an_input(self) -> bool:
        """Whether only the version of an input inside the version changes.

        For example, a kernel module's version contains that of the kernel.
        """
        gone, fresh = (
            {
                each.pname: each.version
                for each in map(self.store.__getitem__, {*one.inputs} - {*other.inputs})
            }
            for one, other in ((self.old, self.new), (self.new, self.old))
        )
        return any(
            before
            and before != self.old.version
            and self.old.version.replace(before, fresh[name]) == self.new.version
            for name, before in gone.items()
            if name in fresh
        )

    def source(self, derivation: Derivation) -> str:
        """Return the path of a derivation's source, or an empty text."""
        return derivation.environment.get("src") or derivation.environment.get(
            "srcs", ""
        )

    @property
    def tag(self) -> str:
        """The git tag of the new version, as a string in Nix code.

        The tag is formed like the old tag; if that is unknown, it is `v` and the
        version.
        """
        found = re.search(
            rf"([\w.+-]*?){self._written}([\w+-]*)", unquote(self._address)
        )
        return (
            f"{found[1]}${{version}}{found[2]}" if found is not None else "v${version}"
        )

    def url(self, final: str) -> str:
        """Return the source URL of the new version, as a string in Nix code.

        `final` is the user's name for the package set. If the old URL contains no
        version, return an example URL.
        """
        first = re.match(r"[\w.:/@%?&=+~,-]+(?= |$)", self._address)
        url = re.sub(self._written, "${version}", first[0]) if first is not None else ""
        for count, function in ((2, "majorMinor"), (1, "major")):
            part = ".".join(self.old.version.split(".")[:count])
            url = url.replace(
                f"/{part}/", f"/${{{final}.lib.versions.{function} version}}/"
            )
        return (
            url
            if "${" in url
            else f"https://example.org/{self.old.pname}-${{version}}.tar.gz"
        )

    @property
    def _written(self) -> str:
        return (
            rf"(?<!\d)(?<!\d\.){re.escape(self.old.version)}(?!\.?\d)"
            if self.old.version
            else "(?!)"
        )

    @property
    def _address(self) -> str:
        maker = self.store.maker(self.old, self.source(self.old))
        return self.store.address(maker.path)[:2000] if maker is not None else ""

    @property
    def source_changes(self) -> bool:
        """Return whether the source has other content, judged by hash and path."""
        old, new = self.source(self.old), self.source(self.new)
        if not old or not new or old == new:
            return bool(old) != bool(new)
        makers = [self.store.maker(self.old, old), self.store.maker(self.new, new)]
        # A source that is the result of a build has no hash, so its path decides.
        digests = {maker.hash if maker is not None else "" for maker in makers}
        return len(digests) != 1 or "" in digests

    @property
    def names(self) -> set[str]:
        """The names of the attributes that the override sets."""
        return {*self.named, *(name for call in self.calls for name in call.names)}

    @property
    def written(self) -> set[str | None]:
        """The hashes that the override sets.

        If an override sets the old hash again, it declares that the download is
        unchanged.
        """
        return {digest(self.new.environment.get(name, "")) for name in self.names}

    def is_written(self, place: str) -> bool:
        """Return whether the override sets the hash of a store path.

        If the path is a directory of several downloads, all of their hashes must be
        set.
        """
        maker = self.store.maker(self.new, place)
        if maker is None:
            return False
        hashes = (
            {maker.hash}
            if maker.hash
            else {self.store[path].hash for path in maker.inputs} - {""}
        )
        return bool(hashes) and hashes <= self.written

    def has_same_downloads(self, old: str, new: str) -> bool:
        """Return whether two derivation outputs have the same downloads.

        A download may have another name.
        """
        makers = self.store.maker(self.old, old), self.store.maker(self.new, new)
        if makers[0] is None or makers[1] is None or makers[1].hash:
            return False
        one, other = (
            {self.store[path].hash for path in each.inputs} - {""}
            for each in makers
            if each is not None
        )
        return bool(one) and one == other

    def holders(self, path: str) -> list[str]:
        """Return the variables of the build that mention an input's path."""
        places = self.store[path].outputs.values()
        return [
            name
            for name, value in self.new.environment.items()
            if any(place in value for place in places)
        ]

    def mentions(self, name: str) -> bool:
        """Return whether the build mentions the name of a variable.

        Another variable, a script, or a setup hook may mention it.
        """
        word = re.escape(name)
        # `${NAME-}` in a shell reads the variable, too.
        pattern = re.compile(rf"(?<![\w-]){word}(?![\w-])|\$\{{{word}(?!\w)")
        texts = [
            value for other, value in self.new.environment.items() if other != name
        ]
        for path in self._hooks():
            texts += self.store[path].environment.values()
        scripts = (
            text
            for path in (self.new.path, *self._hooks())
            for text in self.store.scripts(path)
        )
        return any(map(pattern.search, chain(texts, scripts)))

    def _hooks(self) -> set[str]:
        """Return the paths of inputs that may add a setup hook.

        The inputs of stdenv are included.
        """
        waiting = [*self.new.inputs]
        found = set[str]()
        while waiting:
            path = waiting.pop()
            if path in found:
                continue
            found.add(path)
            each = self.store[path]
            is_stdenv = self.new.environment.get("stdenv") in each.outputs.values()
            propagated = {
                word
                for name, value in each.environment.items()
                if "ropagated" in name
                for word in value.split()
            }
            waiting += (
                one
                for one in each.inputs
                if is_stdenv or propagated & {*self.store[one].outputs.values()}
            )
        return found

    @property
    def around(self) -> frozenset[str]:
        """The inputs of stdenv, which never belong to the package itself."""
        place = self.new.environment.get("stdenv", "")
        maker = self.store.maker(self.new, place) if place else None
        return self.store.closure(maker.path) if maker is not None else frozenset()

    def outsiders(self, inputs: Sequence[str]) -> frozenset[str]:
        """Return the inputs that are independent packages of the package set.

        Inputs that belong to this package, such as its let-bound packages, are left
        out.
        """
        known: Mapping[str, str] = (
            self.top([self.store[path].pname for path in inputs]) if inputs else {}
        )
        # Names of packages of an interpreter begin with the interpreter's name.
        interpreter = _INTERPRETER.match(self.new.pname)
        prefix = interpreter[0] if interpreter is not None else ""
        own = _words(self.new.pname.removeprefix(prefix))
        return frozenset(
            path
            for path, name in ((path, self.store[path].pname) for path in inputs)
            if (known.get(name) == path or (prefix and name.startswith(prefix)))
            and not own & _words(name.removeprefix(prefix))
        )

    def names_of(self, way: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the derivations with these paths."""
        return tuple(self.store[path].name for path in way)

    def first(self, place: str) -> str:
        """Return the name of the derivation that builds a store path.

        If there is no such derivation, return the name in the store path.
        """
        maker = self.store.maker(self.new, place)
        return maker.name if maker is not None else place[44:]


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"[-_.]", name) if len(word) >= FEWEST}
