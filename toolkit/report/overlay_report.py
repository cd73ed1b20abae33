"""The report of an overlay as a document."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from toolkit import __version__
from toolkit.git.blobs import blob_id
from toolkit.model import Status

if TYPE_CHECKING:
    from toolkit.model import OverlayReport

SCHEMA = 1


def to_json(report: OverlayReport) -> bytes:
    """Return report.json of an overlay: UTF-8, sorted keys, seconds to the millisecond.

    `result` is `passed`, `failed`, or `incomplete` where no proof failed but one was not run.
    """
    source = report.source
    incomplete = any(proof.status is Status.NOT_RUN for proof in report.proofs)
    value = {
        "schema": SCHEMA,
        "unlet": __version__,
        "kind": report.kind,
        "result": "failed" if report.failed else "incomplete" if incomplete else "passed",
        "source": {
            "origin": source.origin,
            "blob": str(blob_id(source.content)),
            "commit": str(source.commit) if source.commit is not None else None,
        },
        "proofs": [{**asdict(proof), "seconds": round(proof.seconds, 3)} for proof in report.proofs],
        "files": report.files,
        "warnings": report.warnings,
        "tools": report.tools,
    }
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode(errors="backslashreplace")
