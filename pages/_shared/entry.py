"""Pages are drawn by the entry script alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

if TYPE_CHECKING:
    from collections.abc import Callable


def draw(page: Callable[[], None]) -> None:
    """Draw a page, or start over when Streamlit ran it by itself.

    A folder named `pages` makes Streamlit take each file in it for a page on its own, until a script has called
    `st.navigation`. Somebody who opens a link to a page on a fresh server would see it without the entry's settings.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
    page()
