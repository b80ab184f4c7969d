"""Keys of pieces of scores: when a piece that an earlier run made will do."""

from __future__ import annotations

from etl.store import content_key

SCORING_VERSION = 3
"""Raised when the same maps and boxes would give other scores: parts of an older version are then computed again."""


def score_keys(*content: object, native_emd: bool) -> tuple[str, ...]:
    """Keys under which a piece of scores made of `content` will do, the one to compute it under last.

    Scores with the earth mover's distance on the native grid will also do for somebody who did not ask for it: what
    was computed once is not lost to a later run.
    """
    full = content_key(SCORING_VERSION, *content, "emd_native")
    return (full,) if native_emd else (full, content_key(SCORING_VERSION, *content))
