# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell script of the way back, for C{str.format}: run by systemd or by itself, with the token as its argument.

C{command}: what goes back, as one shell word; C{candidate}, C{rollback}, C{script}, C{lock}, C{folder}, C{home}: paths,
quoted; C{backend}: for what people read. The lock is given to a function call, not to a subshell: the dash of Debian 12
forgets what a subshell inside of a command substitution is redirected to.
"""

from __future__ import annotations

SCRIPT = """#!/bin/sh
# egress.allowlist: back to the rules before the last change, unless that was confirmed; tried again until it is done
PATH=$PATH:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077 # who may open the lock may hold it
token=$1 said= pause=1
bounded=$(command -v timeout) && bounded="$bounded 900" # seconds: a reload of a very long list takes minutes
say() {{ # priority, text
    logger -t egress-allowlist -p "daemon.$1" -- "$2" 2>/dev/null || echo "egress-allowlist: $2" >&2
}}
held() {{ # the lock, which an applying run may hold for a while
    for try in 1 2 3 4 5 6 7 8 9 10; do
        flock -n 9 && return 0
        sleep 1
    done
    echo another run holds {lock}
    return 1
}}
attempt() {{ # 0: it is done, which it prints, or somebody confirmed or took over; else prints what hinders it
    held || return 1
    [ -e {candidate} ] || return 0
    grep -qx "# token: $token" {candidate}
    case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
    if why=$($bounded /bin/sh -c {command} 2>&1 9>&-) && why=$(rm -f {candidate} 2>&1); then
        echo "{backend}: nobody confirmed the last change: the rules are those before it again"
        rm -f {rollback} {script} {script}.pid {script}.hindered
        rmdir {home} 2>/dev/null
        return 0
    else
        status=$?
    fi
    why=$(printf '%s' "$why" | tail -n 3 | tr '\\n\\t' '  ' | cut -c 1-500)
    [ "$status" != 124 ] || why="it takes longer than 900 seconds. $why"
    why="${{why:-it ended with status $status}}"
    printf '%s\\n' "$why" | tee {script}.hindered
    return 1
}}
while :; do
    # Who applies holds the lock in there: without it there is no change that waits.
    [ -d {folder} ] || {{ [ -e {candidate} ] && mkdir -p {folder}; }} || exit 0
    if why=$({{ attempt 9>{lock}; }} 2>&1); then
        [ -z "$why" ] || say notice "$why"
        exit 0
    fi
    if [ "$why" != "$said" ]; then
        say warning "{backend}: nobody confirmed the last change, and the way back is hindered, tried again: $why"
        said=$why
    fi
    sleep $pause
    pause=$((pause * 2))
    [ $pause -le 30 ] || pause=30
done
"""
