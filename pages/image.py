"""Image: what exactly does this model look at in this image?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared import cards, filters, queries
from pages._shared.evidence import box_table, provenance, scores
from pages._shared.map_choice import choose_map
from pages._shared.previews import preview_address
from pages._shared.similarity import Likeness, likeness
from pages._shared.strip import all_models
from pages._shared.viewer import Box, Drawing, Heat, Picture, viewer
from pages._shared.warehouse import rows
from ssl_attn.metrics.percentiles import DEFAULT_PERCENTILE
from ssl_attn.overlay import COLOUR_MAPS, THRESHOLDS, cut_value
from pages._shared.stored_map import StoredMap

if TYPE_CHECKING:
    import polars as pl

_THRESHOLD_WORDS = {"off": "Off", "contour": "Contour", "mask": "Only above"}
