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
about above abuse active add-on addon addresses after again ah all allow allowed almost alpha also and annual annually
another any apr april around ask attacker attention aug august autumn average bad banned barely barred basic before
begin being below benchmark beta between blackhole block blocked bogus both bottom broadcast broken business but by
callback callbacks can canary cannot caution certain change changed changes changing chargeable circa client clients
closed cold coming commercial community competitor confidential contact contractor contractors could current currently
customer customers cutover daily danger date day days daytime dead dec december demo denied deny dev development dns
dont dormant double down dozen draft drop dst dtls dummy during dynamic each earlier effective egress eight either
eleven else enabled end ending ends enterprise eol eos error esp eta etc eval even evening every evil ex exact example
fail failed failing fake fall faulty feb february few fifth first five four fourth free fri friday from frozen ftp
future gone gre guest guests h323 half halted hardly held highest honeypot hosts hotfix http https hundred iax ice
icmp idle if igmp ike imap important in incl include included includes including incorrect individual ingress insecure
instead interim internal internally invalid ip ipsec isakmp issue issues jan january jul july jun june kerberos kill
killed l2tp lab lan last later ldap least leaving legacy less likely limit limited limits listen listening local lost
lower lowest maintenance majority mar march mask max maximum may maybe mdns mgcp middle midnight migrated migrating
migration min minimum minority minus minute minutes misprint missing mon monday month monthly months more morning most
mostly moved msrp multicast multiple must n/a nearly needed neither netmask network never new next night nightly
nights nine no non none noon nor not note notice nov november now ntp oct october odd off offline often old on once
one only open or origin origins other others out outside over overnight own paid pair parked part particular partly
partner partners parts past peak peer peers pending per pilot pilots plan plus poc port ports possibly prefix premium
preview prior private professional proposed protocol provisional push qa quarter quarterly quic quit radius random
range ranges rare rarely rather ready receive receiver refer refused reject rejected rejects remote rest roadmap rogue
rollback rollout roughly rtcp rtmp rtp rtsp same sample sandbox sat saturday sccp sctp second see seldom selected send
sender sep sept september seven several should sic since single sinkhole sip sips six smtp snmp sold some sometimes
soon source spam spare special specific spring src srtp ssdp ssh ssl staging stale start starting starts stop stops
stun sub subject subnet subnets summer sun sunday supported suspect syslog tacacs tba tbc tbd tcp telnet ten tenant
test testing tests tftp then third three through thru thu thursday tier tiers till time times tls to today tomorrow
top trial trusted tue tuesday turn twelve two typo uat udp unconfirmed under unknown unless until up upon upper used
uses using vacant variable varies via virus void vpn wan warning webhook webhooks webrtc websocket websockets wed
wednesday week weekly weeks when where which while winter wip with without workday workdays wrong wrongly ws wss xmpp
year yearly years yesterday you your yours zero
"""
DANGEROUS = frozenset(_DANGEROUS.split())

# Beginnings of words of the same kinds.
_BEGINNINGS = """
abandon approx archiv avoid bidirect blacklist cancel ceas condit correct decommission delet denylist depend depreca
destin disab discontin dismant doubtf drain dropp eliminat emergenc employ errone estimat evaluat eventual exce excl
expect experiment expir forbid former frequent histor holiday hopeful hour ignor inact inbound incom infect intend
licen malici mandat mistak nonexist nonprod obsol occasion omit option outbound outdat outgo partial paus phas
placeholder plann potential preprod presum previous probab prohib quarantin recommend relocat remov renam renumber
replac requir resell reserv restrict retir revok rotat schedul shut skip stopp subdomain subscri sunset supersed
suspend suspic tempor tentat terminat transfer unalloc unassign unavail uncert undecid undefin unidirect unlik unneed
unoffic unpubl unreach unsaf unstab unsup untest untrust unus unverif unwant upcom updat upgrad usual vacat volunt
weekday weekend wildcard withdr withh
"""
DANGEROUS_BEGINNINGS = tuple(_BEGINNINGS.split())

# Words of the former that hosts are called by.
_HOSTS = """
beta business callback canary client community contact demo dev dns enterprise example ftp guest http https ice ike
imap internal issue kerberos l2tp lab ldap local ntp origin partner partners peer pilot premium preview private push
radius remote rtp sandbox sip sips smtp snmp srtp ssh staging stun syslog telnet test tftp tier turn vpn webhook
webhooks webrtc websocket websockets ws wss xmpp
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
SITE = r"[A-Z]{2,4}[0-9]{1,2}|[a-z]{2}[0-9]"
