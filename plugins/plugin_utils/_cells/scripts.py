# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels with letters beyond ASCII, in their own form and in the xn-- form, by IDNA 2008.

Letters of two scripts in a label, and labels whose letters all look like Latin ones, are refused: what a reader takes
for C{example.com} is another name.
"""

from __future__ import annotations

import unicodedata

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.public_suffixes import is_known_ending

try:
    import idna
except ImportError:  # the controller may lack it: then the xn-- form is written
    idna = None  # type: ignore[assignment]

_LETTERS = ("Ll", "Lu", "Lt", "Lo", "Lm", "Mn", "Mc", "Nd")
# Scripts that are written together.
_TOGETHER = (
    frozenset(("LATIN", "CJK", "HIRAGANA", "KATAKANA")),
    frozenset(("LATIN", "CJK", "HANGUL")),
    frozenset(("LATIN", "CJK", "BOPOMOFO")),
)
# Letters of other scripts that look like Latin ones.
_ALIKE = frozenset(
    "аысԁеԍһіюјӏорԗԛѕԝхуъьҽпгѵѡёївкмнт"  # Cyrillic
    "αγεηικνορστυχω"  # Greek
    "օսոցհյզքւղ"  # Armenian
)
# Latin letters that are drawn like others of them.
_DRAWN_ALIKE = "ɑɡɩɪɴʀʙʜʟʏ"
_SCRIPTS_ALIKE = ("CHEROKEE", "LISU")


def ascii_label(label: str, *, top: bool = False) -> str:
    """Return the xn-- form of a label that is not ASCII; small and capital letters are the same. C{top}: the last one.

    Raises ValueError with a reason that follows the quoted name.
    """
    check_characters(label)
    small = unicodedata.normalize("NFC", label.lower())
    _check_scripts(label, small, top)
    if idna is None:
        raise ValueError(
            "is not a name: letters beyond ASCII are read with Python's 'idna' package, which the controller lacks: "
            "install it, or write their xn-- form"
        )
    try:
        return idna.alabel(small).decode("ascii")
    except (idna.IDNAError, UnicodeError) as exc:
        raise ValueError(f"is not a name: the label '{label}' is none of IDNA 2008 ({_reason(exc)})") from None


def check_encoded(label: str, *, top: bool = False) -> None:
    """Raise ValueError for a label in the xn-- form that does not decode, or to a label that is refused."""
    wrong = f"is not a name: the label '{label}' begins with 'xn--' and does not decode to a label of IDNA 2008"
    try:
        decoded = idna.ulabel(label) if idna else label[4:].encode("ascii").decode("punycode")
        again = idna.alabel(decoded).decode("ascii") if idna else f"xn--{decoded.encode('punycode').decode('ascii')}"
    except (UnicodeError, ValueError) as exc:
        raise ValueError(f"{wrong} ({_reason(exc)})") from None
    if again != label or decoded.isascii() or decoded != unicodedata.normalize("NFC", decoded.lower()):
        raise ValueError(wrong)
    try:
        check_characters(decoded)
    except ValueError:
        raise ValueError(wrong) from None
    _check_scripts(label, decoded, top)


def check_characters(text: str) -> None:
    """Refuse what is no letter beyond ASCII, and letters and digits that stand for another one."""
    for character in text:
        if character.isascii():
            continue
        code = f"'{character}' (U+{ord(character):04X})"
        category = unicodedata.category(character)
        if category not in _LETTERS:
            raise ValueError(
                f"is not a destination: {code} is no letter of a name: remove it; what a mark refers to belongs in a "
                "note"
            )
        if unicodedata.combining(character) == 1:
            raise ValueError(f"is not a name: {code} strikes out what it stands on: write what is meant without it")
        plain = unicodedata.normalize("NFKC", character) == character and len(character.lower()) == 1
        if category == "Nd" or not plain or character in _DRAWN_ALIKE:
            raise ValueError(f"is not a name: {code} stands for another letter or digit: write that")


def check_top(label: str) -> None:
    """Raise ValueError for a last label in the xn-- form that is no top-level domain; it decodes.

    There are such whose letters all look like Latin ones, and nobody takes C{.рус} for a Latin one.
    """
    decoded = label[4:].encode("ascii").decode("punycode")
    if len(decoded) < 2 or any(character.isdigit() or character == "-" for character in decoded):
        raise ValueError(f"is not a name: its last label '{decoded}' is not letters alone, two or more")
    if not is_known_ending(label):
        _check_latin(decoded, decoded)


def _check_scripts(label: str, decoded: str, top: bool) -> None:
    """Refuse letters of two scripts in a label, and those that all look like Latin ones; C{label}: as printed.

    Those of a last label are left to C{check_top}.
    """
    scripts = {script for character in decoded if (script := _script(character))}
    if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
        both = " and ".join(sorted(script.title() for script in scripts))
        raise ValueError(
            f"is not a name: the label '{label}' has letters of {both}, which look alike: write it in one script"
        )
    if not top:
        _check_latin(label, decoded)


def _check_latin(label: str, decoded: str) -> None:
    """Refuse letters that all look like Latin ones and are none."""
    letters = [character for character in decoded if character.isalpha()]
    if any(_script(character) != "LATIN" for character in letters) and all(map(_looks_latin, letters)):
        raise ValueError(
            f"is not a name: all letters of the label '{label}' look like Latin ones and are none: write the Latin "
            "name if that is meant, else addresses"
        )


def _looks_latin(character: str) -> bool:
    return character in _ALIKE or _script(character) in _SCRIPTS_ALIKE


def _script(character: str) -> str:
    """Return the script of a letter or a sign on one, by its name in Unicode; '' for digits, hyphens and the accents
    of all scripts."""
    if (character.isascii() and not character.isalpha()) or "\u0300" <= character <= "\u036f":
        return ""
    name = unicodedata.name(character, "UNKNOWN").replace("-", " ").split(" ")[0]
    return "CJK" if name == "IDEOGRAPHIC" else name


def _reason(exc: Exception) -> str:
    return str(exc).partition("\n")[0][:100]
