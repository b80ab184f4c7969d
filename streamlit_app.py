"""The dashboard's entry: page settings and pages. Started by `ssl-attn app`, or `streamlit run streamlit_app.py`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).parent / "pages"

st.set_page_config(page_title="ssl_attn", page_icon=str(PAGES / "_shared" / "icon.png"), layout="wide")

page = st.navigation(
    [
        st.Page(
            PAGES / "tour.py",
            title="Tour",
            icon=":material/explore:",
            help="Two models that are right equally often, one of them for the wrong reason, in five steps.",
        ),
        st.Page(
            PAGES / "leaderboard.py",
            title="Leaderboard",
            icon=":material/leaderboard:",
            help="Models ranked by how well their maps agree with expert boxes, with chance and intervals.",
            default=True,
        ),
        st.Page(
            PAGES / "image.py",
            title="Image",
            icon=":material/image_search:",
            help="One image with a model's map and the expert boxes; click a box to see what looks alike.",
        ),
    ],
    position="top",
)
page.run()
