# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transaction that brings back what was there before a change, and the command that loads it.

The command reads first whether the transaction is whole, and afterwards what runs: it succeeds where that is what was
there before. Who runs it tries again where it fails.
"""

from __future__ import annotations

import hashlib
import re
import shlex

from .listing import blocks, learned
from .nft import COMMENT, NftError
from .transactions import CHAIN, CLEARED, KEPT, cleared, leaving, teardown

WHOLE = "# whole"  # the last line of a rollback
_BEFORE = re.compile(r"^# before: (\S+ \S+) (\w+)$", re.MULTILINE)
_JUMP = re.compile(r"^# jump: (\S+ \S+) (\S+)$", re.MULTILINE)
_SINCE = re.compile(r"^# learned: (\S+)$", re.MULTILINE)
# C{seen} prints what a table holds, its lines and elements in order; not the sets that something fills meanwhile. Where
# it cannot read all of it, it fails: the last line of a table, a brace, tells.
_SEEN = r"""
LC_ALL=C
export LC_ALL
nft=NFT
look() {
    tables="
$("$nft" list tables)
"
}
there() { # family, table
    case "$tables" in *"
table $1 $2
"*) ;; *) return 1 ;; esac
}
whole() { # text
    case "
$1
" in *"
}
"*) ;; *) return 1 ;; esac
}
all='/^	set \(asked[46]_\|leased[46]_\|known[46] \|dns[46] \)/,/^	}/d; p'
ours='/^	[a-z ]* egress_allowlist[_ ].*{$/,/^	}/p; /^}/p'
split='s/elements = { /elements\n/; s/ }$//; s/,[ 	]*$//; s/,[ 	]*/\n/g; s/\n[ 	]*/\n/g; s/^[ 	]*//'
seen() { # family, table, what of it
    if ! there "$1" "$2"; then
        echo none
        return
    fi
    listing=$("$nft" -s list table "$1" "$2") || return
    lines=$(printf '%s\n' "$listing" | sed -n "$3") || return
    whole "$lines" || return
    # One element a line, without the words around the first and the last one.
    lines=$(printf '%s\n' "$lines" | sed "$split" | sort) || return
    whole "$lines" && printf '%s\n' "$lines"
}
look || exit
"""
_WAY_BACK = (
    r"""
rollback=ROLLBACK first= last= held=
fail() {
    echo "$1" >&2
    exit 1
}
[ "$(tail -n 1 "$rollback")" = "WHOLE" ] || fail "$rollback, the rules before the change, is not whole"
"""
    + _SEEN
    + r"""
leave() { # family, table of the user's: our jumps go; a table that is gone is there during the transaction only
    if ! there "$1" "$2"; then
        first="$first
create table $1 $2" last="$last
delete table $1 $2"
        return
    fi
    listing=$("$nft" -a list table "$1" "$2") || exit
    whole "$listing" || fail "not all of table $1 $2 was read"
    found=$(printf '%s\n' "$listing" | sed -n "/^	chain /{s/^	chain \([^ ]*\) .*/\1/;h}
/comment \"COMMENT\" # handle [0-9]*$/{s/.* # handle //;G;s/\(.*\)\n\(.*\)/delete rule $(quoted "$1 $2") \2 handle \1/p}
s/^}$/# all/p") || exit
    case "$found" in *'# all') ;; *) fail "not all of table $1 $2 was read" ;; esac
    first="$first
$found"
}
quoted() {
    printf '%s' "$1" | sed 's,/,\\/,g'
}
jump() { # family, table, chain: ours comes back, unless somebody removed that chain meanwhile
    if has_chain "$@"; then
        last="$last
insert rule $1 $2 $3 jump CHAIN comment \"COMMENT\""
    fi
}
has_chain() {
    there "$1" "$2" || return
    listing=$("$nft" list table "$1" "$2") || exit
    whole "$listing" || fail "not all of table $1 $2 was read"
    case "$listing" in *"	chain $3 {"*) ;; *) return 1 ;; esac
}
learned() { # family, table, set: what it holds now comes back as well as it can; nothing depends on that
    if now=$("$nft" list set "$1" "$2" "$3" 2>/dev/null) && whole "$now"; then
        held="$held
flush set $1 $2 $3
$now"
    fi
}
is_back() { # family, table, what of it, digest
    [ "$3" = "$all" ] || there "$1" "$2" || return 0 # the user removed their own table
    now=$(seen "$1" "$2" "$3") || fail "table $1 $2 cannot be read back"
    now=$(printf '%s\n' "$now" | sha256sum) || exit
    [ "${now%% *}" = "$4" ] || fail "table $1 $2 is not what it was before the change"
}
has_jump() {
    has_chain "$@" || return 0
    listing=$("$nft" list chain "$@") || exit
    case "$listing" in *'comment "COMMENT"'*) ;; *) fail "the jump in chain $3 of table $1 $2 is not back" ;; esac
}
PREPARED
"$nft" "$first
include \"$rollback\"$last" || exit
look || exit
CHECKED
[ -z "$held" ] || printf '%s\n' "$held" | "$nft" -f - 2>/dev/null || :
"""
)


def back(place, wanted, listing, jumps):
    """Return the transaction that brings back what a listing (with counts) shows, whatever was loaded since.

    Our jumps must be gone before, and come back after it: C{way_back} sees to that.
    """
    if not place.owned:
        return f"table {place}\ndelete table {place}\n{listing}"
    old, new = blocks(listing, place.owned), {}
    if f"\ntable {place} {{\n" in wanted:
        new = blocks(wanted, place.owned)
    added = {key: body for key, body in new.items() if key not in old}
    objects = {key: body for key, body in added.items() if key[0] in KEPT}
    text = cleared(place, {**new, **old}) + _table(place, objects)
    rest = {key: body for key, body in added.items() if key[0] not in CLEARED}
    text += "".join(line + "\n" for line in teardown(place, rest, keep={}))
    return text + _table(place, old) + "".join(f"# jump: {place} {chain}\n" for chain, _handle in jumps)


def before(run, nft, place, named=""):
    """Return the line of a rollback that tells what is in a place, for C{way_back} to compare; '' where C{named} does.

    C{named}: the rollback of an older change. C{run} takes a command and returns C{(status, output, errors)}.
    """
    if str(place) in dict(_BEFORE.findall(named)):
        return ""
    script = _SEEN.replace("NFT", shlex.quote(nft)) + f'seen {place} "${_what(place)}"'
    status, output, errors = run(["/bin/sh", "-c", script])
    if status:
        raise NftError(f"table {place} cannot be read: {errors.strip() or f'sh ended with status {status}'}")
    digest = hashlib.sha256(output.encode("utf-8", "surrogateescape")).hexdigest()
    return f"# before: {place} {digest}\n"


def since(place, wanted, listing):
    """Return the lines of a rollback that name the sets whose content C{way_back} takes along."""
    old, new = blocks(listing), blocks(wanted)
    if place.owned:
        return ""
    gone = leaving(new, old)
    return "".join(f"# learned: {key[1]}\n" for key in old if learned(key) and key in new and key not in gone)


def whole(text):
    """True for the text of a rollback that nobody cut off."""
    return text.endswith(f"{WHOLE}\n")


def way_back(nft, rollback, places, text):
    """Return the shell command that loads a rollback in one transaction with the removal of our jumps.

    C{text}: of the rollback. What was learned since it was written is put back then, as well as it can be.
    """
    users, own = [place for place in places if place.owned], [place for place in places if not place.owned]
    jumps = [" ".join(found) for found in _JUMP.findall(text)]
    prepared = [f"leave {place}" for place in users] + [f"jump {jump}" for jump in jumps]
    prepared += [f"learned {own[-1]} {name}" for name in _SINCE.findall(text)] if own else []
    known = dict(_BEFORE.findall(text))
    checked = [f'is_back {place} "${_what(place)}" {known[str(place)]}' for place in places if str(place) in known]
    checked += [f"has_jump {jump}" for jump in jumps]
    script = _WAY_BACK.replace("PREPARED", "\n".join(prepared)).replace("CHECKED", "\n".join(checked))
    script = script.replace("WHOLE", WHOLE).replace("CHAIN", CHAIN).replace("COMMENT", COMMENT)
    return script.replace("NFT", shlex.quote(nft)).replace("ROLLBACK", shlex.quote(rollback)).strip()


def _what(place):
    return "ours" if place.owned else "all"


def _table(place, found):
    body = "".join(f"\t{kind} {name} {{\n{block}\t}}\n" for (kind, name), block in found.items())
    return f"table {place} {{\n{body}}}\n"
