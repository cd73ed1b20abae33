"""A draft of the pull request: what a reviewer needs first, all evidence folded away, then nixpkgs' template.

The texts are data, and what they claim is what a proof of the report has shown. The template is that of the nixpkgs
which the change is for, byte for byte: a draft with an edited one was closed (nixpkgs #561027).
"""

from toolkit.report.pull_request.boxes import boxes
from toolkit.report.pull_request.draft import LIMIT, DraftFacts, draft, title
from toolkit.report.pull_request.texts import Texts, read

__all__ = ["LIMIT", "DraftFacts", "Texts", "boxes", "draft", "read", "title"]
