# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read one vendor file: YAML of mappings, lists and plain values, within limits of size, depth and length.

A vendor file is data from outside. It is read as a stream of events, and the first event beyond a limit ends that: no
file can fill the memory, take long, or nest so deep that the process ends.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import (
    kind_of,
    named_character,
    quoted,
    unseen,
)

from .limits import DEPTH, FILE_BYTES, LONGEST_PLAIN, VALUES

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_BOM = b"\xef\xbb\xbf"
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)
_TEXT = "tag:yaml.org,2002:str"
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# What YAML 1.1 takes for a number that is not the printed one: 010 is 8 to it, and 1:30 is 90.
_OTHER_BASE = re.compile(r"[-+]?0[0-7_]+|.*:.*", re.DOTALL)
# To YAML, and to some editors, these end a line as well: what looks like the rest of a comment may be a row.
_LINE_ENDS = ("\r", "\x85", "\u2028", "\u2029")


def read_file(path: Path) -> Any:
    """Return what a file of YAML holds, made of dict, list, str, int, float, bool, date and None.

    Raises ValueError with the reason, without the file's name, for what is no such file or beyond a limit.
    """
    try:
        text = _text(_content(path))
        if found := _DIRECTIVE.search(text):
            line = text.count("\n", 0, found.start()) + 1
            raise ValueError(f"line {line} begins with '%': directives are not accepted")
        return _Document(text).value()
    except OSError as exc:
        raise ValueError(exc.strerror or str(exc)) from None
    except yaml.YAMLError as exc:
        raise ValueError(str(exc)) from None


def _content(path: Path) -> bytes:
    """Return the bytes of a regular file; what waits or never ends, such as a named pipe, is not opened at all."""
    _check_kind(os.stat(path).st_mode)
    # It may have been replaced since: to open a named pipe without a writer would wait.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        _check_kind(os.fstat(descriptor).st_mode)
        parts, size = [], 0
        while part := os.read(descriptor, 1 << 20):
            parts.append(part)
            size += len(part)
            if size > FILE_BYTES:
                raise ValueError(f"it is larger than {FILE_BYTES >> 20} MiB, the most that a vendor file may have")
    finally:
        os.close(descriptor)
    return b"".join(parts)


def _check_kind(mode: int) -> None:
    """Raise ValueError unless C{mode} is that of a regular file."""
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
        raise ValueError(f"it is {kind}, not a file")


def _text(content: bytes) -> str:
    """Return the text of a file in UTF-8, lines ended by C{\\n}; raises ValueError that says where it is not.

    What a reader does not see is refused in comments too, and so is what ends a line and is no line's end to all.
    """
    if content.startswith(_BOM):
        raise ValueError("it begins with a byte order mark (U+FEFF): save it as UTF-8 without one")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise ValueError(f"the byte 0x{content[exc.start]:02x} in line {line} is not UTF-8") from None
    text = text.replace("\r\n", "\n")
    plain = text.replace("\n", "").replace("\t", "")
    for ending in _LINE_ENDS:
        if ending in plain:
            raise ValueError(
                f"{_line_of(text, ending)} holds {named_character(ending)}, which ends a line for some programs and "
                "not for others: end lines with LF or CRLF"
            )
    if character := unseen(plain):
        raise ValueError(f"{_line_of(text, character)} holds the {kind_of(character)}: remove it")
    return text


def _line_of(text: str, character: str) -> str:
    """Return where a character of a text is first, C{line 7}."""
    line = text.count("\n", 0, text.index(character)) + 1
    return f"line {line}"


class _Document:
    """The one document of a text, built from the parser's events."""

    def __init__(self, text: str) -> None:
        self._loader = _Loader(text)
        self._next = self._loader.get_event  # the next of the parser's events
        self._number = 0  # of values so far
        self._plain: dict[str, Any] = {}  # values that were printed without quotes, by their text

    def value(self) -> Any:
        """Return what the document holds; None for one without content."""
        self._next()  # the stream begins
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        value = self._value(self._next(), 0)
        self._next()  # the document ends
        if not isinstance(self._next(), yaml.StreamEndEvent):
            raise ValueError("it holds more than one document")
        return value

    def _check(self, event: Any) -> None:
        """Raise ValueError for an alias, a tag, and too many values."""
        # Aliases of aliases make a few lines into millions of rows, and nobody could tick those against a page.
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"it holds an alias, '*name', in line {_line(event)}: write out what it stands for")
        if event.tag is not None:
            raise ValueError(f"the tag {quoted(event.tag)} in line {_line(event)} is not accepted: remove it")
        self._number += 1
        if self._number > VALUES:
            raise ValueError(f"it holds more than {VALUES:,} values")

    def _value(self, event: Any, depth: int) -> Any:
        self._check(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if depth == DEPTH:
            raise ValueError(f"it nests its entries deeper than {DEPTH} levels in line {_line(event)}")
        if isinstance(event, yaml.SequenceStartEvent):
            values = []
            while not isinstance(event := self._next(), yaml.SequenceEndEvent):
                values.append(self._value(event, depth + 1))
            return values
        mapping: dict[Any, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            self._check(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise ValueError(f"a key in line {_line(event)} is a list or a mapping: write a word")
            if event.value == "<<" and event.implicit[0]:
                self._value(self._next(), depth + 1)  # an alias, mostly, of which the message says more
                raise ValueError(f"the merge key '<<' in line {_line(event)} is not accepted: write the keys out")
            key = self._scalar(event)
            if key in mapping:  # one of the two would be lost
                raise ValueError(f"the key {quoted(event.value)} is there twice, again in line {_line(event)}")
            mapping[key] = self._value(self._next(), depth + 1)
        return mapping

    def _scalar(self, event: Any) -> Any:
        """Return a text, or what YAML takes a text without quotes for: a number, a date, yes or no, nothing."""
        text = event.value
        if not event.implicit[0]:
            return text
        try:
            return self._plain[text]
        except KeyError:
            value = self._plain[text] = self._resolved(text, event)
            return value

    def _resolved(self, text: str, event: Any) -> Any:
        if len(text) > LONGEST_PLAIN and text[0] in "+-.0123456789":
            raise ValueError(f"a value of {len(text):,} characters in line {_line(event)} is not in quotes: write them")
        tag = self._loader.resolve(yaml.ScalarNode, text, (True, False))
        if tag == _TEXT:
            return text
        if tag in _NUMBERS and _OTHER_BASE.fullmatch(text):
            raise ValueError(
                f"line {_line(event)} holds {quoted(text)}, which YAML takes for the number "
                f"{self._constructed(tag, text, event)}: write the number that is meant, or the text in quotes"
            )
        try:
            return self._constructed(tag, text, event)
        except ValueError as exc:
            kind = "date" if tag.endswith("timestamp") else "number"
            told = f"line {_line(event)} holds {quoted(text)}, which is no {kind}"
            raise ValueError(f"{exc}: {told}: write what is meant, in quotes") from None

    def _constructed(self, tag: str, text: str, event: Any) -> Any:
        return self._loader.construct_object(yaml.ScalarNode(tag, text, event.start_mark, event.end_mark))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
