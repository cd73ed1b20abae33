"""What is printed to be pasted into a shell means there what it says, whatever is in a name."""

import ast
import re
from pathlib import Path

import toolkit

ROOT = Path(toolkit.__file__).parent
# What stands before the name of a file, a branch or a commit in a command.
BEFORE_A_NAME = re.compile(
    r"(^|[\s`])"
    r"(-C|-f|--[a-z][a-z-]*|mkdir -p|chmod \S+|rm|unlock|switch|rebase|fetch "
    r"origin|worktree add DIR|safe\.directory) $"
)
QUOTING = {"quote", "join"}
# Ids, words of our own, and what is quoted already.
SAFE = re.compile(
    r"\w+\.(short|commit)|ids|MODULE|device|directory|[\w.]*tier|Tier\.\w+|named|[\w.]*design"
    r"|instead|parent\.hexsha\[:12\]"
)


def unquoted(path: Path) -> list[str]:
    """Return where an f-string has a name in a command that is not quoted."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.JoinedStr):
            continue
        before = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                before = str(part.value)
            elif isinstance(part, ast.FormattedValue):
                called = part.value.func if isinstance(part.value, ast.Call) else None
                name = (
                    called.attr
                    if isinstance(called, ast.Attribute)
                    else getattr(called, "id", None)
                )
                shown = ast.unparse(part.value)
                if (
                    BEFORE_A_NAME.search(before)
                    and name not in QUOTING
                    and not SAFE.fullmatch(shown)
                ):
                    found.append(f"{path.relative_to(ROOT)}:{part.lineno}: {shown}")
                before = ""
    return found


def test_names_in_commands_are_quoted() -> None:
    assert [
        line for path in sorted(ROOT.rglob("*.py")) for line in unquoted(path)
    ] == []
