# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of a row drawn from a grammar of what vendors print, sensible or not, and one-character mutations of them."""

from __future__ import annotations

from random import Random

from tests.support.printed_cells import BOTH, DASHES, NOTATIONS, ROW_WORDS, TCP, UDP, WORDS, Row, Service, thousands

PORTS = [
    *(80, 443, 5060, 5061, 3478, 3479, 8443, 10000, 20000, 49152, 65535, 53, 123, 22, 21, 8, 1024, 8801, 8810, 1023),
    *(5349, 61, 79, 1, 65000, 50000, 5004, 6000, 8080, 444, 1720, 500, 4500),
]
ODD = ["0", "0443", "65536", "443.5", "44O", "4x3", "99999", "100000", "0-65535", "10.000", "8,443", "22 443", "34 78"]
SEPARATORS = [
    *([", "] * 8),
    *(",", "; ", ";", "/", " / ", " & ", "&", " + ", "+", " | ", "、", " and ", " or ", " plus "),
    *(" and/or ", " ", "  ", "\t", "\n", ", and ", ",\n"),
]
BETWEEN = [", "] * 5 + ["; ", ";", " ", "\n", "\n", " and ", " & ", " + ", " / ", "/", " | ", "  ", " or "]
IN_FRONT = [" "] * 4 + [
    ": ",
    ": ",
    ":",
    "/",
    " - ",
    "-",
    " / ",
    "\t",
    "  ",
    "",
    ":\n",
    "\n",
    " port ",
    " ports: ",
    ", ",
]
BEHIND = [" "] * 4 + ["/", "/", " - ", " / ", "  ", "", ", ", "-", ": "]
MARKS = ["*", " *", "†", "**", "***", "¹", " ²", "¹²", "[1]", " [a]", " (1)", "(2)", " (a)", " (B)", "‡"]
REMARKS = ["TCP", "UDP", "TCP/UDP", "HTTPS", "TLS", "STUN", "STUN/TURN", "DTLS", "media", "RTP/RTCP", "TURN TLS",
           "HTTPS/WSS", "SRTP over TCP",
           "UDP - STUN", "QUIC", "DNS", "NTP", "secure", "SIP, TLS", "U", "T", "required", "optional", "not UDP",
           "8443", "17", "HTTP(S)", "i", "", "TLS/DTLS", "ТСР", "WebRTC media"]  # fmt: skip
NAMES = [
    "HTTPS",
    "HTTP",
    "https",
    "HTTP, HTTPS",
    "http and https",
    "HTTP/HTTPS",
    "HTTP(S)",
    "SIP",
    "STUN",
    "DNS",
    "NTP",
]
LETTERS = "0123456789,,;:/&+|-–~.()[]*†¹ \t\n，、`<>≥≤tudcpsax＝Т"


def draw_row(random: Random) -> Row:
    """Return a protocol cell and a ports cell; in one of two both are a notation of one service."""
    if random.random() < 0.5:
        return _printed(random)
    kind = random.choice(["ports", "ports", "ports", "front", "front", "behind", "behind", "names", "mixed"])
    worded = random.choice([None, None, None, TCP, UDP, BOTH])
    if kind == "ports":
        cell = _list(random, 4)
    elif kind == "names":
        cell = _named(random)
    else:
        blocks = [_block(random, kind) for _time in range(random.choice([1, 1, 2, 2, 3]))]
        cell = blocks[0]
        separator = random.choice(BETWEEN)
        for block in blocks[1:]:
            cell += (separator if random.random() < 0.8 else random.choice(BETWEEN)) + block
    if kind != "ports" and random.random() < 0.6:
        worded = None
    row = random.choice(ROW_WORDS[worded]) if worded else ""
    return row, _framed(random, cell)


def _printed(random: Random) -> Row:
    while True:
        low, high = sorted(random.choice(PORTS) for _time in range(2))
        service = Service(random.choice([TCP, UDP, BOTH]), low, random.choice([low, high]))
        if row := random.choice(list(NOTATIONS.values()))(service):
            return row


def draw_protocols(random: Random) -> Row:
    """Return a protocol cell of one or several printed forms, and a cell of one port."""
    forms = [random.choice(ROW_WORDS[random.choice([TCP, UDP, BOTH])]) for _time in range(random.choice([1, 1, 1, 2]))]
    if random.random() < 0.15:
        forms.append(random.choice(["SIP", "RTP", "any", "IP", "not UDP", "ESP", "50", "(1)", "optional", "over TCP"]))
    return random.choice([", ", "/", " and ", " over ", " ", "\n", " - ", " or "]).join(forms), "7000"


def mutated(random: Random, text: str) -> str:
    """Return the text with one character put in, taken out, replaced, or exchanged with the next."""
    place = random.randrange(len(text) + 1)
    what = random.choice(["in", "out", "other", "swap"])
    letter = random.choice(LETTERS if random.random() < 0.6 else "0123456789  ,,*")
    if what == "in":
        return text[:place] + letter + text[place:]
    if what == "out":
        return text[:place] + text[place + 1 :]
    if what == "swap":
        return text[:place] + text[place : place + 2][::-1] + text[place + 2 :]
    return text[:place] + letter + text[place + 1 :]


def _number(random: Random) -> str:
    if random.random() < 0.015:
        return random.choice(ODD)
    port = random.choice(PORTS) if random.random() < 0.8 else random.randint(1, 65535)
    if port > 999 and random.random() < 0.08:
        return thousands(port, random.choice([",", ".", " "]))
    return str(port)


def _item(random: Random) -> str:
    """Return a port, a range, or ports from one up or down."""
    kind = random.choice(["port"] * 16 + ["range"] * 7 + ["up", "up", "down", "between", "any"])
    if kind == "port":
        item = _number(random)
    elif kind == "range":
        ends = sorted(random.choice(PORTS) for _time in range(2))
        low, high = ends if random.random() < 0.95 else reversed(ends)
        sign = random.choice([",", ".", " "]) if random.random() < 0.1 else ""
        item = thousands(low, sign) + random.choice(DASHES) + thousands(high, sign)
        item = ("from " if random.random() < 0.05 else "") + item
    elif kind == "between":
        low, high = sorted(random.choice(PORTS) for _time in range(2))
        item = f"between {low} and {high}"
    elif kind == "any":
        item = random.choice(["any", "all", "*", "any port", "all ports", "any above 1024", "0-65535"])
    else:
        forms = ["> {}", ">{}", "above {}", ">= {}", "≥ {}", "{}+", "{}+", "{} and above", "{} and up", "{} or higher",
                 "at least {}", "greater than {}", "any port above {}"]  # fmt: skip
        lower = ["< {}", "below {}", "<= {}", "≤{}", "up to {}", "{} and below", "less than {}", "{} or lower"]
        item = random.choice(forms if kind == "up" else lower).format(_number(random))
    if random.random() < 0.06:
        item += random.choice(MARKS)
    if random.random() < 0.03:
        item += random.choice([" ", ""]) + f"({random.choice(REMARKS)})"
    return item


def _list(random: Random, longest: int) -> str:
    items = [_item(random) for _time in range(random.choice([1, 1, 2, 2, 3, longest]))]
    separator = random.choice(SEPARATORS)
    text = items[0]
    for item in items[1:]:
        text += (separator if random.random() < 0.8 else random.choice(SEPARATORS)) + item
    return text


def _word(random: Random) -> str:
    word = random.choice(WORDS[random.choice([TCP, UDP, BOTH])])
    word = word if random.random() < 0.5 else random.choice(["TCP", "UDP"])
    if random.random() < 0.05:
        word += random.choice(MARKS)
    if random.random() < 0.04:
        word += f" ({random.choice(REMARKS)})"
    return word


def _block(random: Random, kind: str) -> str:
    """Return ports with a protocol in front or behind."""
    ports, word = (_list(random, 2) if random.random() < 0.5 else _item(random)), _word(random)
    front = kind == "front" if random.random() < 0.9 and kind != "mixed" else random.random() < 0.5
    if random.random() < 0.15:
        return f"{word} ({ports})" if front else f"{ports} ({word})"
    return word + random.choice(IN_FRONT) + ports if front else ports + random.choice(BEHIND) + word


def _named(random: Random) -> str:
    name = random.choice(NAMES)
    forms = ["{n}", "{n}, {p}", "{p}, {n}", "{n} and {p}", "{n} ({p})", "{p} ({n})", "{n}/{p}", "{p}/{n}", "{n} {p}",
             "{p} {n}", "{n}: {p}", "{n}\n{p}", "{n} - {p}", "{n}:\n{p}", "UDP {p} ({n})", "TCP {p}, {n}"]  # fmt: skip
    port = (
        random.choice(["443", "80", "8443", "53", "123", "80, 443", "80/443"])
        if random.random() < 0.8
        else _list(random, 2)
    )
    return random.choice(forms).format(n=name, p=port)


def _framed(random: Random, cell: str) -> str:
    """Put words, bullets, backticks or a separator around a cell, seldom."""
    if random.random() < 0.7:
        return cell
    if "\n" in cell and random.random() < 0.5:
        bullet = random.choice(["- ", "• ", "* ", "– "])
        return "\n".join(bullet + line for line in cell.split("\n"))
    frame = random.choice(["Port {}", "Ports: {}", "port: {}", "{} only", "only {}", "both {}", "either {}", "`{}`",
                           "{},", "{};", " {} ", "{}\n", "{}、", "\t{}", "Port Range: {}", "ports {}",
                           "{} ports"])  # fmt: skip
    return frame.replace("{}", cell)
