"""The rules that leave an input out, each with what it expects."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from ssl_attn.datasets.base import Quarantined

What = Literal["image", "box", "feature_type"]


class Rule(StrEnum):
    """A rule by the name that the report and the warehouse show."""

    MISSING_IMAGE = "missing_image"
    UNREADABLE_IMAGE = "unreadable_image"
    TRUNCATED_IMAGE = "truncated_image"
    SIZE_MISMATCH = "size_mismatch"
    UNREADABLE_ANNOTATION = "unreadable_annotation"
    INCOMPLETE_ENTRY = "incomplete_entry"
    DUPLICATE_ID = "duplicate_id"
    UNKNOWN_IMAGE = "unknown_image"
    IMAGE_LEFT_OUT = "image_left_out"
    UNKNOWN_LABEL = "unknown_label"
    UNKNOWN_UNIT = "unknown_unit"
    NOT_FINITE = "not_finite"
    SIZE_NOT_POSITIVE = "size_not_positive"
    OUTSIDE_IMAGE = "outside_image"
    CROWD = "crowd"
    BAD_PARENT = "bad_parent"


EXPECTED = {
    Rule.MISSING_IMAGE: "an image file",
    Rule.UNREADABLE_IMAGE: "an image in a format that Pillow reads",
    Rule.TRUNCATED_IMAGE: "an image that decodes to its end",
    Rule.SIZE_MISMATCH: "an image of the aspect that the annotations state",
    Rule.UNREADABLE_ANNOTATION: "an annotation file that can be read",
    Rule.INCOMPLETE_ENTRY: "an entry with all the fields that its format needs",
    Rule.DUPLICATE_ID: "an identifier that was not used before",
    Rule.UNKNOWN_IMAGE: "a box of an image that the data set lists",
    Rule.IMAGE_LEFT_OUT: "a box of an image that could be used",
    Rule.UNKNOWN_LABEL: "a feature type that the data set lists",
    Rule.UNKNOWN_UNIT: "the unit 'fraction' or 'pixel'",
    Rule.NOT_FINITE: "four finite numbers: x, y, width, height",
    Rule.SIZE_NOT_POSITIVE: "a width and height above 0",
    Rule.OUTSIDE_IMAGE: "a box that overlaps its image",
    Rule.CROWD: "a box around one object",
    Rule.BAD_PARENT: "a broader feature type from the list, in no circle",
}


def leave_out(what: What, identifier: str, rule: Rule, found: str, *, expected: str = "") -> Quarantined:
    """The record of an input that broke `rule`; `expected` replaces the rule's own wording where more is known."""
    return Quarantined(what, identifier, rule.value, expected or EXPECTED[rule], found)
