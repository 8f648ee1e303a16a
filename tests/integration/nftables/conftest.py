# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of nftables share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.ends import Ends, linked
from tests.support.hosts.nftables import Host, alone


@pytest.fixture
def host() -> Iterator[Host]:
    """A host without any network, and with no rules."""
    with alone() as made:
        yield made


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A host and its neighbour."""
    with linked() as made:
        yield made


# Stands in for systemd, which is in no namespace: it knows a few units and starts timers.
# test_boot.py and test_machine.py have the real one.
SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >> /etc/asked
[ ! -e /etc/deaf ] || { echo "Failed to connect to bus" >&2; exit 1; }
[ ! -e "/etc/kills-$1" ] || { rm "/etc/kills-$1"; kill -9 $PPID; exit 1; }
unit=/etc/systemd/system/egress-allowlist-nftables.service
case "$1" in
show)
    for word; do case "$word" in *.service | *.path | *.timer) ;; *) continue ;; esac
        echo "Id=$word"
        state=$(cat "/etc/units/$word" 2>/dev/null)
        [ "$word" != egress-allowlist-nftables.service ] || [ -e "$unit" ] || state=
        case "$state" in '') load=not-found ;; masked) load=masked ;; *) load=loaded ;; esac
        echo "LoadState=$load"
        echo "UnitFileState=$state"
        [ -e "/etc/active/$word" ] && echo ActiveState=active || echo ActiveState=inactive
        cat "/etc/properties/$word" 2>/dev/null
        [ "$word" != nftables.service ] || grep '^Exec' /etc/systemd/system/nftables.service.d/* /dev/null | cut -d: -f2
        echo
    done ;;
enable) shift; for word; do echo enabled > "/etc/units/$word"; done ;;
restart) shift; for word; do touch "/etc/active/$word"; done ;;
disable) shift 2; for word; do rm -f "/etc/units/$word" "/etc/active/$word"; done ;;
esac
exit 0
"""
SYSTEMD_RUN = """#!/bin/sh
echo "systemd-run $*" >> /etc/asked
for word; do case $word in --on-active=*) seconds=${word#*=} ;; esac; done
while [ "${1#--}" != "$1" ]; do shift; done
setsid sh -c 'sleep ${0%s}; exec "$@"' "$seconds" "$@" >/dev/null 2>&1 </dev/null &
"""


@pytest.fixture
def booted(host: Host) -> Host:
    """Return a host on which systemd seems to run."""
    for name, text in (("systemctl", SYSTEMCTL), ("systemd-run", SYSTEMD_RUN)):
        host.write(f"/etc/fake/{name}", text)
    host.shell("mkdir -p /run/systemd/system; chmod 755 /etc/fake/*; touch /etc/asked; mkdir /etc/units /etc/active")
    host.path = "/etc/fake:" + os.environ["PATH"]
    return host
