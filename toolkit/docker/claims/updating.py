"""The claim about update.sh: it reads and writes the same as before.

update.sh (nixpkgs, beside the file since 2026) reads the file as text. Its rules, as
they matter here: the last `docker_NN` in the file is the newest release; a release's
block begins at the line with `docker_NN =` and ends at the next line that begins with `
docker_` and a digit, or at a line `}`; the first `version = "` after the beginning is
the version; within the block the lines with version, …Hash and …Rev are rewritten.
"""

import re
from collections.abc import Iterator

from toolkit.docker.case import DockerCase
from toolkit.docker.rewrite.layout import DockerFile
from toolkit.proposal.prove import Finding

ATTRIBUTE = re.compile(r"docker_[0-9]+")
REWRITTEN = re.compile(
    r'\b(?:version|cliHash|mobyHash|runcRev|runcHash|containerdRev|containerdHash) = "[^"]*";?'
)


def unchanged(case: DockerCase) -> Finding:
    """Compare what update.sh reads and would rewrite, and each release's block."""
    before = case.before.file
    blocks, name = before.release_blocks(), newest(before.text)
    failures = [
        fact for stage in case.stages[1:] for fact in _differences(before, stage.file)
    ]
    values = sum(
        len(rewritten(before.text, attribute))
        for attribute in {*ATTRIBUTE.findall(before.text)}
    )
    return Finding(
        covers=f"{len(blocks)} release blocks, {values} values that update.sh rewrites",
        failures=tuple(dict.fromkeys(failures))
        if blocks
        else ("the file contains no release",),
        evidence=(
            f"newest for update.sh: {name} {version(before.text, name)}".rstrip(),
        ),
        commands=tuple(
            f"grep -oE 'docker_[0-9]+' {stage.path} | tail -n 1"
            for stage in (case.before, case.after)
        ),
    )


def _differences(before: DockerFile, after: DockerFile) -> Iterator[str]:
    if newest(before.text) != newest(after.text):
        yield (
            f"update.sh would read '{newest(after.text)}' as the newest release "
            f"instead of '{newest(before.text)}'"
        )
    for attribute in sorted({*ATTRIBUTE.findall(before.text)}):
        if (read := version(after.text, attribute)) != version(before.text, attribute):
            yield f"update.sh would read '{read}' as the version of {attribute}"
        old, new = rewritten(before.text, attribute), rewritten(after.text, attribute)
        if old != new:
            yield (
                f"an update of {attribute} would change other values: "
                f"{_first_difference(old, new)}"
            )
    old_blocks, new_blocks = before.release_blocks(), after.release_blocks()
    for attribute in sorted(old_blocks.keys() | new_blocks.keys()):
        # A line may have more than one assignment, and other things.
        old, new = (
            re.findall(r'\w+ = "[^"]*";?', blocks.get(attribute, ""))
            for blocks in (old_blocks, new_blocks)
        )
        if old != new:
            yield (
                f"the block of {attribute} has other values: "
                f"{_first_difference(old, new)}"
            )


def _first_difference(old: list[str], new: list[str]) -> str:
    return next(
        (each for each in [*old, *new] if (each in old) != (each in new)), "their order"
    )


def newest(text: str) -> str:
    """Return the attribute that update.sh uses for `docker`."""
    found = ATTRIBUTE.findall(text)
    return found[-1] if found else ""


def version(text: str, attribute: str) -> str:
    """Return the version that update.sh reads for an attribute, or ""."""
    found = re.search(rf'{attribute} =.*?version = "([^"]+)"', text, re.DOTALL)
    return found[1] if found is not None else ""


def rewritten(text: str, attribute: str) -> list[str]:
    """Return the lines that an update of the attribute rewrites, in order."""
    inside = False
    changed: list[str] = []
    for line in text.splitlines():
        inside = inside or f"{attribute} =" in line
        if inside and (
            line == "}" or (re.match(r"  docker_[0-9]", line) and attribute not in line)
        ):
            inside = False
        if inside:
            changed += REWRITTEN.findall(line)
    return changed
