"""Changes of real trees, made by code, each with an expression in which plain Nix shows what it does.

Of a refactoring the expression is the same before and after; of all others it differs. None of unlet's answers has a
part in that.
"""

from tests.judge.real import built, earlier, interfaces, metadata, refactorings

TREES = {
    "26.11": (*refactorings.CASES, *metadata.CASES, *built.CASES, *interfaces.CASES),
    "20.09": earlier.CASES,
}
