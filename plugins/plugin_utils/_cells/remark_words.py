# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of remarks: those that name a place or a role, and those that may change what is meant."""

from __future__ import annotations

# Places and roles, in any case.
_HARMLESS = """
address api audio backup cluster datacenter failover fallback host hostname main media name node pool pop
primary production proxy region relay sbc secondary server servers service signaling signalling site standby
tertiary video voice web zone
"""
HARMLESS = frozenset(_HARMLESS.split())

# Time, status, negation, limit, direction, protocol: what a destination is not, or not always, or only in part.
_DANGEROUS = """
about above active addresses after again all allow allowed alpha also and another any apr april aug august
autumn before begin being below beta between block blocked both bottom broadcast but by callback callbacks can
canary cannot changes changing client clients closed coming confidential could current currently customer
customers daily date day days dead dec december demo denied deny dev development dns dont down dozen draft
drop dst dtls dummy during dynamic each earlier effective egress eight either eleven else enabled end ending
ends eol eos error esp eta etc even every ex example fall feb february few fifth first five four fourth fri
friday from ftp future gone gre half hosts http https hundred iax ice icmp idle if in incl include included
includes including incorrect ingress instead internal invalid ip jan january jul july jun june lab lan last
later ldap least legacy less limit limited limits listen listening local lower maintenance mar march mask max
maximum may maybe mgcp migrated migrating migration min minimum minus minute minutes mon monday month months
more most moved multicast multiple must n/a needed neither netmask network never new next nightly nine no non
none nor not note nov november now ntp oct october odd off offline old on once one only open or origin origins
other others out outside over own part parts past pending plus poc port ports possibly prefix preview prior
private proposed protocol push qa quarter quic range ranges rather receive receiver reject rejected remote
rest rtcp rtmp rtp rtsp same sample sandbox sat saturday sctp second see send sender sep sept september seven
several should sic since single sip sips six smtp snmp some soon source spare spring src srtp ssh ssl staging
stale start starting starts stun sub subnet subnets summer sun sunday supported tcp ten tenant test testing
tests then third three through thru thu thursday till time times tls to today tomorrow top trial tue tuesday
turn twelve two typo uat udp unconfirmed under unknown unless until up upper used uses using vacant variable
varies via void wan webhook webhooks webrtc wed wednesday week weeks when where which while winter with
without wrong wrongly ws wss year years yesterday you your yours zero
"""
DANGEROUS = frozenset(_DANGEROUS.split())

# Beginnings of words of the same kinds.
_BEGINNINGS = """
abandon approx archiv avoid bidirect blacklist cancel ceas decommission delet denylist depreca destin disab
discontin dismant drain dropp eliminat errone exce excl expir forbid former histor hour ignor inact inbound
incom mandat mistak nonexist nonprod obsol omit option outbound outdat outgo partial paus phas placeholder
plann preprod previous prohib quarantin recommend remov replac requir reserv restrict retir revok schedul shut
skip stopp subdomain sunset supersed suspend tempor terminat transfer unalloc unassign unavail undefin
unidirect unneed unreach unstab unsup untest unus unverif upcom wildcard withdr withh
"""
DANGEROUS_BEGINNINGS = tuple(_BEGINNINGS.split())

# Words of the former that hosts are called by.
_HOSTS = """
beta callback canary client demo dev dns example ftp http https ice internal lab ldap local ntp origin preview private
push remote rtp sandbox sip sips smtp snmp srtp ssh staging stun test turn webhook webhooks webrtc ws wss
"""
HOSTS = frozenset(_HOSTS.split())

# Words that begin with C{New} in names of places.
BEHIND_NEW = frozenset(
    ("york", "jersey", "zealand", "delhi", "mexico", "orleans", "hampshire", "brunswick", "castle"),
)
# Small words inside names of places.
BETWEEN = frozenset(("am", "de", "la"))
# What is said of a requirement -> the value of a row's C{requirement}.
REQUIREMENTS = {
    "optional": "optional",
    "recommended": "recommended",
    "required": "required",
    "mandatory": "required",
}

_CONTINENTS = ("us us-gov eu ap ca sa af me il mx cn asia europe northamerica southamerica australia africa").replace(
    " ", "|"
)
_COMPASS = "north south east west central northeast northwest southeast southwest".replace(" ", "|")
# C{eu-central-1}, C{europe-west3}, C{us-east-1a}, C{us-east}.
REGION = rf"(?:{_CONTINENTS})-(?:{_COMPASS})(?:-?[1-9][0-9]?[a-z]?)?"
# C{FRA1}, C{DFW10}, C{us2}.
SITE = r"[A-Z]{2,4}[0-9]{1,2}|[a-z]{2}[1-9]"
