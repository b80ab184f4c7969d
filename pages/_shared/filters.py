"""Controls whose value stands in the URL under the field's own name, so that a link shows what was seen.

The URL holds terms (`metric=iou`), the screen their labels; a value that is the same on every store is left out. What
the URL gives and the control does not offer falls back to the default. Browsing to another page and back keeps every
choice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")
Words = Callable[[Any], str]

_MEMORY = "url.memory"
_PAGE = "url.page"
_ARRIVING = "url.arriving"


def arrive(page: str) -> None:
    """Say which page is drawn, before its first control: a change of page clears the URL, and the choices come back."""
    st.session_state[_ARRIVING] = st.session_state.get(_PAGE) != page
    st.session_state[_PAGE] = page


def read(name: str) -> str | None:
    """The text that the URL has for a name, or on arrival what it had when the session last saw it."""
    if name in st.query_params:
        return st.query_params[name]
    return _memory().get(name) if st.session_state.get(_ARRIVING) else None


def write(name: str, text: str | None) -> None:
    """Put a text into the URL, or take the name out."""
    _memory()[name] = text
    if text is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text


def select(
    label: str,
    name: str,
    options: Sequence[T],
    *,
    default: T | None = None,
    words: Words = str,
    help: str | None = None,
) -> T:
    """One of several in a list that can be searched.

    Without a default the first stands, and the URL names it too: what comes first depends on what the store holds.
    """
    fallback = options[0] if default is None or default not in options else default
    _settle(name, {str(option): option for option in options}, fallback)
    chosen = st.selectbox(label, options, key=name, format_func=words, help=help)
    write(name, None if chosen == default else str(chosen))
    return chosen


def switch(
    label: str,
    name: str,
    options: Sequence[T],
    *,
    default: T | None = None,
    words: Words = str,
    help: str | None = None,
) -> T:
    """One of a few, all in sight; the default is the first."""
    fallback = options[0] if default is None or default not in options else default
    _settle(name, {str(option): option for option in options}, fallback)
    picked = st.segmented_control(
        label, options, key=name, format_func=words, help=help, required=True, width="stretch"
    )
    chosen = fallback if picked is None else picked
    write(name, None if chosen == fallback else str(chosen))
    return chosen


def steps(label: str, name: str, options: Sequence[T], *, default: T, words: Words = str, help: str | None = None) -> T:
    """One of several in order, on a slider; a single option is no choice and has no control."""
    if len(options) == 1:
        return options[0]
    _settle(name, {str(option): option for option in options}, default)
    chosen = st.select_slider(label, options, key=name, format_func=words, help=help)
    write(name, None if chosen == default else str(chosen))
    return chosen


def several(
    label: str, name: str, options: Sequence[str], *, words: Words = str, help: str | None = None
) -> tuple[str, ...]:
    """Any of several, all by default; none chosen counts as all."""
    asked = _asked(name)
    wanted = st.session_state[name] if isinstance(asked, _Unchanged) else (asked or "").split(",")
    st.session_state[name] = [option for option in options if option in wanted] or list(options)
    chosen = st.multiselect(label, options, key=name, format_func=words, help=help)
    picked = [option for option in options if option in (chosen or options)]
    write(name, None if len(picked) == len(options) else ",".join(picked))
    return tuple(picked)


def number(
    label: str,
    name: str,
    low: int,
    high: int,
    *,
    default: int,
    step: int = 1,
    format: str = "%d",
    help: str | None = None,
) -> int:
    """A whole number on a slider."""
    _settle(name, {str(value): value for value in range(low, high + 1, step)}, default)
    chosen = st.slider(label, low, high, step=step, key=name, format=format, help=help)
    write(name, None if chosen == default else str(chosen))
    return chosen


def flag(label: str, name: str, *, default: bool, help: str | None = None) -> bool:
    """On or off."""
    words = {"on": True, "off": False}
    _settle(name, words, default)
    chosen = st.toggle(label, key=name, help=help)
    write(name, None if chosen == default else ("on" if chosen else "off"))
    return chosen


class _Unchanged:
    """The URL is as this session left it: the control's own value stands."""


_UNCHANGED = _Unchanged()


def _memory() -> dict[str, str | None]:
    memory: dict[str, str | None] = st.session_state.setdefault(_MEMORY, {})
    return memory


def _asked(name: str) -> str | _Unchanged | None:
    """What the URL asks of a control, unless nobody but the control itself has changed it."""
    text = read(name)
    if name in st.session_state and text == _memory().get(name):
        return _UNCHANGED
    return text


def _settle(name: str, options: Mapping[str, T], default: T) -> None:
    """Give a control its value before it is drawn."""
    asked = _asked(name)
    value = st.session_state[name] if isinstance(asked, _Unchanged) else options.get(asked or "", default)
    st.session_state[name] = value if value in options.values() else default
