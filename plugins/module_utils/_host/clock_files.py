# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration files of chrony, ntpd and OpenNTPD: their directives, with those of the files that they name."""

from __future__ import annotations

import glob
import os
import re
from typing import NamedTuple

from .files import read_all

_SOURCES = ("server", "servers", "pool", "peer")
_NTP, _NTS = 123, 4460
_DEEPEST = 10  # files that name each other
_COMMENT = {"chrony": "!;#%"}  # where a comment of chrony's begins; of the others it is at #


class Source(NamedTuple):
    """A time server: an address or a name, the UDP port that is asked, and the TCP port for keys of NTS, 0 for none."""

    server: str
    port: int
    key_port: int


def directives(daemon, patterns):
    """Return the directives of all files that match, as lists of words; the first word is in lower case for chrony."""
    found, seen = [], set()
    for pattern in patterns:
        found += _directives(daemon, pattern, seen, 0)
    return found


def _directives(daemon, pattern, seen, depth):
    found = []
    for path in sorted(glob.glob(pattern)):
        if os.path.realpath(path) in seen or depth > _DEEPEST:
            continue
        seen.add(os.path.realpath(path))
        for text in read_all([glob.escape(path)]):
            for line in text.splitlines():
                words = _words(daemon, line)
                if words:
                    found.append(words)
                for more in _named(daemon, words, path):
                    found += _directives(daemon, more, seen, depth + 1)
    return found


def _words(daemon, line):
    """Return the words of a line, [] of a comment."""
    line = line.strip()
    if line[:1] in tuple(_COMMENT.get(daemon, "#")):
        return []
    words = line.split() if daemon == "chrony" else line.partition("#")[0].split()
    if words and daemon == "chrony":  # whose words are the same in any case
        words[0] = words[0].lower()
    return words


def _named(daemon, words, path):
    """Return the patterns of the files that a directive names."""
    if len(words) < 2:
        return []
    if daemon == "chrony":
        ends = {"confdir": "*.conf", "sourcedir": "*.sources"}
        if words[0] in ends:
            return [os.path.join(glob.escape(folder), ends[words[0]]) for folder in words[1:]]
        return [words[1]] if words[0] == "include" else []
    if daemon == "ntpd" and words[0] == "includefile":
        named = os.path.join(os.path.dirname(path), words[1].strip('"'))
        return [os.path.join(glob.escape(named), "*.conf") if os.path.isdir(named) else glob.escape(named)]
    if daemon == "OpenNTPD" and words[0] == "include":
        return [glob.escape(words[1].strip('"'))]
    return []


def sources(daemon, read_in):
    """Return the time servers that directives name; a port that is none is the usual one."""
    found = []
    for kind, *words in read_in:
        if kind in _SOURCES:
            while daemon == "ntpd" and words and words[0] in ("-4", "-6"):
                words = words[1:]
            if words:
                options = [word.lower() for word in words[1:]] if daemon != "OpenNTPD" else []
                keys = _number(options, "ntsport", _NTS) if "nts" in options else 0
                found.append(Source(words[0].strip('"'), _number(options, "port", _NTP), keys))
    return found


def _number(options, name, usual):
    """Return the number behind an option."""
    value = options[options.index(name) + 1 :][:1] if name in options else []
    return int(value[0]) if value and re.fullmatch(r"\d{1,5}", value[0]) and 0 < int(value[0]) < 65536 else usual


def constraints(read_in):
    """Return whom OpenNTPD asks for the time by HTTPS, as it is written: C{https://192.0.2.1}."""
    found = [words[2].strip('"') for words in read_in if words[0] in ("constraint", "constraints") and len(words) > 2]
    return list(dict.fromkeys(found))
