# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict AWS on loopback: moto's EC2 and IAM behind checks of what AWS refuses and moto takes.

with serve() as aws:
    aws.reset()                                   # an empty account
    ec2 = aws.client("ec2")                       # boto3, on loopback with fake keys
    aws.limits = Limits(rules=4)                  # smaller quotas
    aws.fail_write = 3                            # the third write from now on fails, once
    aws.before = lambda call: ...                 # somebody else's change, before a call; an AwsError refuses the call
    aws.late = {6: 3}                             # a new group gets its default rule of IPv6 three calls later
    aws.unseen = {6: 3}                           # it has it, and the first three reads do not show it
    aws.stale = 2                                 # two reads after a write show the rules as before it
    aws.calls                                     # everything that was asked since C{forget}
"""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass, field
from io import BytesIO
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree
from xml.sax.saxutils import escape

os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # 600 images that nobody starts

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from tests.support.aws.moto import backend, mend, shape

KEY = {"aws_access_key_id": "AKIAEXAMPLEEXAMPLE42", "aws_secret_access_key": "example/Example/example/Example/example+"}
WRITES = ("Authorize", "Revoke", "Modify", "Create", "Delete", "Update")
SETS = {  # what is paged: the element that holds the items, the fewest and the most a page may have, and without asking
    "DescribeSecurityGroups": ("securityGroupInfo", 5, 1000, None),
    "DescribeSecurityGroupRules": ("securityGroupRuleSet", 5, 1000, None),
    "DescribeNetworkInterfaces": ("networkInterfaceSet", 5, 1000, None),
    "DescribeInstances": ("reservationSet", 5, 1000, None),
    "DescribeManagedPrefixLists": ("prefixListSet", 1, 100, 100),
    "GetManagedPrefixListEntries": ("entrySet", 1, 100, 100),
}
WEIGHTS = {"com.amazonaws.global.cloudfront.origin-facing": 55, "com.amazonaws.global.groundstation": 5}
_XMLNS = "http://ec2.amazonaws.com/doc/2016-11-15/"
_TEXT = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")


@dataclass(frozen=True)
class Limits:
    """An account's quotas; AWS grants no product of rules and groups above 1,000."""

    rules: int = 60  # per group, direction and family
    groups: int = 5  # per interface
    groups_per_region: int = 2500
    list_entries: int = 1000  # of one prefix list
    entries_per_call: int = 100
    rules_per_call: int = 1000

    def __post_init__(self) -> None:
        """Refuse what AWS does not grant."""
        if self.rules * self.groups > 1000 or self.groups > 16:
            raise ValueError("rules per group x groups per interface are at most 1,000, groups at most 16")


@dataclass
class Call:
    """One request: what was asked, and how it ended."""

    action: str
    parameters: dict[str, Any]
    region: str
    error: str = ""  # AWS's code

    @property
    def writes(self) -> bool:
        """Whether it is one that changes the account."""
        return self.action.startswith(WRITES)


class AwsError(Exception):
    """What AWS answers instead."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        """Keep the code, the message and the HTTP status."""
        super().__init__(message or code)
        self.code, self.status = code, status


@dataclass(repr=False)
class StrictAws:
    """The WSGI application, and the handle of a test."""

    limits: Limits = field(default_factory=Limits)
    page: int = 0  # items of a page, 0: as many as AWS gives
    throttle: int = 0  # every so many-th call is refused
    fail_write: int = 0  # the so many-th write from now is refused, once
    fail_code: tuple[str, int] = ("UnauthorizedOperation", 403)
    lag: int = 0  # so many calls do not know a group that was just made
    late: dict[int, int] = field(
        default_factory=dict
    )  # after so many calls a new group gets its default rule, by family
    unseen: dict[int, int] = field(default_factory=dict)  # so many reads do not show it; its id is unknown until then
    stale: int = 0  # so many reads of rules show them as they were before the last write
    before: Callable[[Call], None] | None = None  # its own calls are neither recorded nor checked for faults
    after: Callable[[Call], None] | None = None
    calls: list[Call] = field(default_factory=list)
    region: str = "us-east-1"
    url: str = ""
    _moto: Any = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))
    _lock: Any = field(default_factory=threading.RLock)
    _aside: bool = False
    _counted: int = 0
    _clock: int = 0  # calls since the account is new
    _young: dict[str, int] = field(default_factory=dict)
    _coming: list[tuple[int, str, Any]] = field(default_factory=list)  # at which call, group, rule
    _hidden: dict[str, int] = field(default_factory=dict)  # reads that do not show a rule, by its id
    _before_write: tuple[int, dict[str, list]] = (0, {})  # reads that are old, and the rules by group that they show
    _clients: dict[tuple, Any] = field(default_factory=dict)

    # What tests use

    def reset(self) -> None:
        """Begin with a new account: a default network, no rules of anybody's, Amazon's quotas, no faults."""
        self.memory.reset()
        self.limits, self.page, self.throttle, self.fail_write, self.lag = Limits(), 0, 0, 0, 0
        self.before = self.after = None
        self.fail_code = ("UnauthorizedOperation", 403)
        self.late, self.unseen, self.stale = {}, {}, 0
        for old in (self._young, self._coming, self._hidden):
            old.clear()
        self._before_write = (0, {})
        self.forget()

    def forget(self) -> None:
        """Forget the calls so far."""
        self.calls = []
        self._counted = 0

    def hide(self, rule: str, reads: int) -> None:
        """Keep the next reads from showing a rule that stands."""
        self._hidden[rule] = reads

    def settle(self) -> None:
        """End what reads do not show yet."""
        self.stale, self._before_write = 0, (0, {})
        self._hidden.clear()

    def writes(self) -> list[Call]:
        """Return the calls so far that change the account, refused ones too."""
        return [call for call in self.calls if call.writes]

    def client(self, service: str = "ec2", **more: Any) -> Any:
        """Return a client on loopback; retries nothing."""
        known = (service, self.region, *sorted(more.items()))
        if known not in self._clients:
            config = Config(retries={"max_attempts": 0}, proxies={}, connect_timeout=5, read_timeout=60)
            given: dict[str, Any] = {"region_name": self.region, "endpoint_url": self.url, "config": config, **KEY}
            self._clients[known] = boto3.session.Session().client(service, **{**given, **more})
        return self._clients[known]

    @property
    def memory(self) -> Any:
        """Return what moto knows of the region, for looks between two calls."""
        return backend(self.region)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Make calls that are somebody else's: not recorded, no faults."""
        was, self._aside = self._aside, True
        try:
            yield
        finally:
            self._aside = was

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Keep hypothesis from printing all calls."""
        printer.text("aws")

    # The application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer one request."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        if "/ec2/aws4_request" not in environ.get("HTTP_AUTHORIZATION", "") or "Action" not in form:
            with self._lock:
                return list(self._moto(environ, start_response))
        region = environ["HTTP_AUTHORIZATION"].split("/ec2/")[0].rsplit("/", 1)[1]
        call = Call(form["Action"], nested(form), region)
        aside = self._aside
        if not aside:
            self.calls.append(call)
        try:
            if self.before and not aside:
                with self.aside():
                    self.before(call)
            with self._lock:
                if not aside:
                    self._faults(call)
                    self._time_passes(call)
                self._check(call)
                with self._as_it_was(call):
                    status, headers, answer = self._ask_moto(environ)
                if status.startswith("200"):
                    answer = self._page(call, answer)
                    self._note_young(call, answer)
                else:
                    found = re.search(rb"<Code>([^<]*)</Code>", answer)
                    call.error = found[1].decode() if found else status
        except AwsError as error:
            call.error = error.code
            told = f"<Error><Code>{error.code}</Code><Message>{escape(str(error))}</Message></Error>"
            answer = f"<Response><Errors>{told}</Errors><RequestID>example</RequestID></Response>".encode()
            status, headers = f"{error.status} Refused", [("Content-Type", "text/xml")]
        if self.after and not aside:
            with self.aside():
                self.after(call)
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*headers, ("Content-Length", str(len(answer)))])
        return [answer]

    def _ask_moto(self, environ: dict[str, Any]) -> tuple[str, list, bytes]:
        said: list[Any] = []
        # Straight to EC2 once it is there: moto searches its folders for the service at each request.
        application = self._moto.app_instances.get("ec2", self._moto)
        answer = b"".join(application(environ, lambda status, headers, _info=None: said.extend((status, headers))))
        return said[0], said[1], answer

    def _faults(self, call: Call) -> None:
        self._counted += 1
        if self.throttle and self._counted % self.throttle == 0:
            raise AwsError("RequestLimitExceeded", "Request limit exceeded.", 503)
        if call.writes and self.fail_write:
            self.fail_write -= 1
            if not self.fail_write:
                raise AwsError(self.fail_code[0], "as the test wants it", self.fail_code[1])

    def _page(self, call: Call, answer: bytes) -> bytes:
        if call.action not in SETS:
            return answer
        name, fewest, most, usual = SETS[call.action]
        asked = call.parameters.get("MaxResults")
        if asked is not None and not fewest <= int(asked) <= most:
            raise AwsError("InvalidParameterValue", f"MaxResults is {fewest} to {most}, not {asked}")
        size = min(size for size in (int(asked or 0), self.page, usual or 0, most) if size)
        if asked is None and not self.page and usual is None:
            size = 10**9
        ElementTree.register_namespace("", _XMLNS)
        root = ElementTree.fromstring(answer)
        space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
        items = root.find(f"{space}{name}")
        if items is None:
            return answer
        for item in list(items):
            young = name == "securityGroupInfo" and self._young.get(item.findtext(f"{space}groupId", ""), 0) > 0
            hidden = not self._aside and self._hidden.get(item.findtext(f"{space}securityGroupRuleId", ""), 0) > 0
            if young or hidden:
                items.remove(item)
        token = call.parameters.get("NextToken", "")
        if token and not token.startswith("page-"):
            raise AwsError("InvalidNextToken", f"unknown token {token}")
        start = int(token.removeprefix("page-") or 0)
        found = list(items)
        for position, item in enumerate(found):
            if not start <= position < start + size:
                items.remove(item)
        for old in root.findall(f"{space}nextToken"):
            root.remove(old)
        if start + size < len(found):
            ElementTree.SubElement(root, f"{space}nextToken").text = f"page-{start + size}"
        return ElementTree.tostring(root, encoding="utf-8")

    def _note_young(self, call: Call, answer: bytes) -> None:
        for group in self._young:
            self._young[group] -= 1
        if call.action == "DescribeSecurityGroupRules" and not self._aside and "NextToken" not in call.parameters:
            self._hidden = {number: reads - 1 for number, reads in self._hidden.items() if reads > 1}
        if call.action == "CreateSecurityGroup" and not self._aside:
            found = re.search(rb"<groupId>([^<]*)</groupId>", answer)
            assert found
            if self.lag:
                self._young[found[1].decode()] = self.lag
            group = backend(call.region).get_security_group_from_id(found[1].decode())
            for rule in list(group.egress_rules):
                family = int(shape(rule)[0])
                if family in self.late:
                    group.egress_rules.remove(rule)
                    self._coming.append((self._clock + self.late[family], group.id, rule))
                if family in self.unseen:
                    self._hidden[rule.id] = self.unseen[family]

    def _time_passes(self, call: Call) -> None:
        """Give groups the default rules that are due, unless somebody else gave them an equal one."""
        self._clock += 1
        for due, number, rule in self._coming:
            group = backend(call.region).get_security_group_from_id(number)
            if due <= self._clock and group and shape(rule) not in map(shape, group.egress_rules):
                group.egress_rules.append(rule)
        self._coming = [coming for coming in self._coming if coming[0] > self._clock]

    @contextmanager
    def _as_it_was(self, call: Call) -> Iterator[None]:
        """Make a read of rules an old one where it is to be, and keep the rules before a write."""
        groups = list(_groups(backend(call.region)))
        reads, old = self._before_write
        if call.action == "DescribeSecurityGroupRules" and not self._aside and reads:
            now = {group.id: group.egress_rules for group in groups}
            for group in groups:
                group.egress_rules = old.get(group.id, [])
            try:
                yield
            finally:
                for group in groups:
                    group.egress_rules = now[group.id]
                if "NextToken" not in call.parameters:
                    self._before_write = (reads - 1, old)
            return
        if self.stale and call.writes and "SecurityGroup" in call.action:
            self._before_write = (
                self.stale,
                {group.id: [copy(rule) for rule in group.egress_rules] for group in groups},
            )
        yield

    # What AWS refuses

    def _check(self, call: Call) -> None:
        check = getattr(self, "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", call.action).lower(), None)
        if check:
            check(backend(call.region), call.parameters)

    def _group(self, memory: Any, number: str | None) -> Any:
        group = memory.get_security_group_from_id(number) if number else None
        if group is None or self._young.get(group.id, 0) > 0:
            if group is not None:
                self._young[group.id] -= 1
            raise AwsError("InvalidGroup.NotFound", f"The security group '{number}' does not exist")
        return group

    def _create_security_group(self, memory: Any, asked: dict[str, Any]) -> None:
        name, text = asked.get("GroupName", ""), asked.get("GroupDescription", "")
        if not name or not text:
            raise AwsError("MissingParameter", "GroupName and GroupDescription are needed")
        if name.startswith("sg-") or not _TEXT.fullmatch(name) or not _TEXT.fullmatch(text):
            raise AwsError("InvalidParameterValue", f"Invalid security group name or description: {name}: {text}")
        if sum(len(groups) for groups in memory.groups.values()) >= self.limits.groups_per_region:
            raise AwsError("SecurityGroupLimitExceeded", "The maximum number of security groups has been reached.")

    def _delete_security_group(self, memory: Any, asked: dict[str, Any]) -> None:
        group = self._group(memory, asked.get("GroupId"))
        if group.is_default or group.name == "default":
            raise AwsError("CannotDelete", f"the specified group: {group.id} name: default cannot be deleted by a user")
        used = any(group in interface.group_set for interface in memory.enis.values())
        for other in _groups(memory):
            rules = [*other.egress_rules, *other.ingress_rules]
            used |= other is not group and any(rule.source_group.get("GroupId") == group.id for rule in rules)
        if used:
            raise AwsError("DependencyViolation", f"resource {group.id} has a dependent object")

    def _authorize_security_group_egress(self, memory: Any, asked: dict[str, Any]) -> None:
        self._authorize(memory, asked, "egress_rules")

    def _authorize_security_group_ingress(self, memory: Any, asked: dict[str, Any]) -> None:
        self._authorize(memory, asked, "ingress_rules")

    def _authorize(self, memory: Any, asked: dict[str, Any], direction: str) -> None:
        group = self._group(memory, asked.get("GroupId"))
        new = self._asked_rules(memory, asked)
        if not new:
            raise AwsError("MissingParameter", "IpPermissions are needed")
        old = [shape(rule) for rule in getattr(group, direction)]
        self._fit(memory, group, old, [*old, *new])

    def _asked_rules(self, memory: Any, asked: dict[str, Any]) -> list[tuple]:
        found = []
        for given in asked.get("IpPermissions", []):
            targets = [("4", item, "CidrIp") for item in given.get("IpRanges", [])]
            targets += [("6", item, "CidrIpv6") for item in given.get("Ipv6Ranges", [])]
            targets += [("list", item, "PrefixListId") for item in given.get("PrefixListIds", [])]
            targets += [("group", item, "GroupId") for item in given.get("Groups", [])]
            if not targets:
                raise AwsError("MissingParameter", "a permission without a destination")
            for kind, item, key in targets:
                self._target(memory, kind, item.get(key), item.get("Description", ""))
                found.append((kind, item[key], *_ports(given)))
        if len(found) > self.limits.rules_per_call:
            raise AwsError("InvalidParameterValue", f"more than {self.limits.rules_per_call} rules in one request")
        return found

    def _target(self, memory: Any, kind: str, value: str | None, description: str) -> None:
        if not _TEXT.fullmatch(description):
            raise AwsError("InvalidParameterValue", f"Invalid rule description: {description}")
        if kind in "46":
            _cidr(value, int(kind))
        elif kind == "list" and value not in memory.managed_prefix_lists:
            raise AwsError("InvalidPrefixListID.NotFound", f"The prefix list ID '{value}' does not exist")
        elif kind == "group":
            self._group(memory, value)

    def _fit(self, memory: Any, group: Any, old: list[tuple], new: list[tuple], lists: dict | None = None) -> None:
        twice = [rule for rule, times in Counter(new).items() if times > 1]
        if twice:
            raise AwsError("InvalidPermission.Duplicate", f"the specified rule {twice[0]} already exists")
        was, now = _units(memory, old), _units(memory, new, lists)
        if any(now[family] > max(self.limits.rules, was[family] * (not lists)) for family in now):
            raise AwsError(
                "RulesPerSecurityGroupLimitExceeded",
                "The maximum number of rules per security group has been reached.",
            )

    def _revoke_security_group_egress(self, memory: Any, asked: dict[str, Any]) -> None:
        self._revoke(memory, asked, "egress_rules")

    def _revoke_security_group_ingress(self, memory: Any, asked: dict[str, Any]) -> None:
        self._revoke(memory, asked, "ingress_rules")

    def _revoke(self, memory: Any, asked: dict[str, Any], direction: str) -> None:
        rules = getattr(self._group(memory, asked.get("GroupId")), direction)
        numbers = asked.get("SecurityGroupRuleId", [])
        named = self._asked_rules(memory, asked)
        if bool(numbers) == bool(named):
            raise AwsError("InvalidParameterCombination", "either IpPermissions or SecurityGroupRuleIds")
        if len(numbers) > self.limits.rules_per_call or len(set(numbers)) < len(numbers):
            raise AwsError("InvalidParameterValue", "too many rules in one request, or one twice")
        known = {rule.id for rule in rules} - self._hidden.keys()
        for number in numbers:
            if number not in known:
                raise AwsError("InvalidSecurityGroupRuleId.NotFound", f"The rule ID '{number}' does not exist")
        if memory.vpcs[self._group(memory, asked.get("GroupId")).vpc_id].is_default:
            return  # what is not there is told in the answer
        present = {shape(rule) for rule in rules}
        for rule in named:
            if rule not in present:
                raise AwsError("InvalidPermission.NotFound", "The specified rule does not exist in this security group")

    def _modify_security_group_rules(self, memory: Any, asked: dict[str, Any]) -> None:
        group = self._group(memory, asked.get("GroupId"))
        changes = asked.get("SecurityGroupRule", [])
        numbers = [change.get("SecurityGroupRuleId") for change in changes]
        if not changes or len(set(numbers)) < len(numbers) or len(numbers) > self.limits.rules_per_call:
            raise AwsError("InvalidParameterValue", "no rule, one twice, or too many in one request")
        known = {rule.id: rule for rule in [*group.egress_rules, *group.ingress_rules]}
        after = {number: shape(rule) for number, rule in known.items()}
        for number, change in zip(numbers, changes, strict=True):
            if number not in known:
                raise AwsError("InvalidSecurityGroupRuleId.NotFound", f"The rule ID '{number}' does not exist")
            new = self._changed(memory, change.get("SecurityGroupRule", {}))
            old, rules = shape(known[number]), _direction(group, known[number])
            if new[0] != old[0]:
                raise AwsError("InvalidParameterValue", f"Invalid rule type for security group rule '{number}'")
            if new != old and new in {shape(rule) for rule in rules}:
                raise AwsError("InvalidPermission.Duplicate", f"the specified rule {new} already exists")
            after[number] = new
        for rules in (group.egress_rules, group.ingress_rules):
            self._fit(memory, group, [shape(rule) for rule in rules], [after[rule.id] for rule in rules])

    def _changed(self, memory: Any, new: dict[str, Any]) -> tuple:
        keys = {"CidrIpv4": "4", "CidrIpv6": "6", "PrefixListId": "list", "ReferencedGroupId": "group"}
        given = [key for key in keys if new.get(key)]
        if len(given) != 1:
            raise AwsError("InvalidParameterCombination", f"exactly one of {', '.join(keys)}")
        self._target(memory, keys[given[0]], new[given[0]], new.get("Description", ""))
        return (keys[given[0]], new[given[0]], *_ports(new))

    def _create_managed_prefix_list(self, _memory: Any, asked: dict[str, Any]) -> None:
        entries = asked.get("Entry", [])
        size, family = int(asked.get("MaxEntries", 0)), asked.get("AddressFamily")
        if not asked.get("PrefixListName") or family not in ("IPv4", "IPv6"):
            raise AwsError("MissingParameter", "PrefixListName, MaxEntries and AddressFamily are needed")
        if asked["PrefixListName"].startswith("com.amazonaws"):
            raise AwsError("InvalidParameterValue", "a name of Amazon's own")
        self._list(entries, entries, size, family)

    def _list(self, given: list[dict], entries: list[dict], size: int, family: str) -> None:
        if len(given) > self.limits.entries_per_call:
            raise AwsError("InvalidParameterValue", f"more than {self.limits.entries_per_call} entries in one request")
        if not 1 <= size <= self.limits.list_entries:
            raise AwsError("InvalidParameterValue", f"MaxEntries is 1 to {self.limits.list_entries}, not {size}")
        if len(entries) > size:
            raise AwsError("PrefixListMaxEntriesExceeded", f"{len(entries)} entries, MaxEntries is {size}")
        for entry in given:
            _cidr(entry.get("Cidr"), 4 if family == "IPv4" else 6)
            if not _TEXT.fullmatch(entry.get("Description", "")):
                raise AwsError("InvalidParameterValue", f"Invalid entry description: {entry['Description']}")
        if len({entry["Cidr"] for entry in entries}) < len(entries):
            raise AwsError("InvalidParameterValue", "an entry twice")

    def _modify_managed_prefix_list(self, memory: Any, asked: dict[str, Any]) -> None:
        listed = self._known_list(memory, asked)
        add, remove, size = asked.get("AddEntry", []), asked.get("RemoveEntry", []), asked.get("MaxEntries")
        if size and (add or remove):
            raise AwsError("InvalidParameterCombination", "entries and MaxEntries in one request")
        if add or remove or asked.get("CurrentVersion"):
            if not asked.get("CurrentVersion"):
                raise AwsError("MissingParameter", "CurrentVersion is needed")
            if int(asked["CurrentVersion"]) != listed.version:
                raise AwsError("PrefixListVersionMismatch", "The prefix list has the incorrect version number.")
        present = {entry["Cidr"] for entry in listed.entries[listed.version]}
        gone = [entry.get("Cidr") for entry in remove]
        if len(gone) > self.limits.entries_per_call or len(set(gone)) < len(gone) or not present.issuperset(gone):
            raise AwsError("InvalidParameterValue", "too many entries to remove, one twice, or one that is not there")
        kept = [entry for entry in listed.entries[listed.version] if entry["Cidr"] not in gone]
        if any(entry.get("Cidr") in present for entry in add):
            raise AwsError("InvalidParameterValue", "an entry that is there already, or is removed and added at once")
        self._list(add, kept + add, int(size or listed.max_entries), listed.address_family)
        for group in _groups(memory) if size else ():
            for rules in (group.egress_rules, group.ingress_rules):
                shapes = [shape(rule) for rule in rules]
                if any(shape[:2] == ("list", listed.id) for shape in shapes):
                    self._fit(memory, group, shapes, shapes, {listed.id: int(size)})

    def _known_list(self, memory: Any, asked: dict[str, Any]) -> Any:
        listed = memory.managed_prefix_lists.get(asked.get("PrefixListId"))
        if listed is None:
            raise AwsError(
                "InvalidPrefixListID.NotFound", f"The prefix list '{asked.get('PrefixListId')}' does not exist"
            )
        if listed.owner_id == "AWS":
            raise AwsError("OperationNotPermitted", "a list of Amazon's own")
        if listed.state.endswith("-in-progress"):
            told = f"The request cannot be completed in the current state ({listed.state}) of the prefix list"
            raise AwsError("IncorrectState", told)
        return listed

    def _get_managed_prefix_list_entries(self, memory: Any, asked: dict[str, Any]) -> None:
        if asked.get("PrefixListId") not in memory.managed_prefix_lists:
            raise AwsError("InvalidPrefixListID.NotFound", "The prefix list does not exist")

    def _delete_managed_prefix_list(self, memory: Any, asked: dict[str, Any]) -> None:
        listed = self._known_list(memory, asked)
        for group in _groups(memory):
            if any(rule.prefix_list_id == listed.id for rule in [*group.egress_rules, *group.ingress_rules]):
                raise AwsError("DependencyViolation", f"The prefix list {listed.id} is referenced by {group.id}")

    def _modify_network_interface_attribute(self, memory: Any, asked: dict[str, Any]) -> None:
        groups = asked.get("SecurityGroupId", [])
        with suppress(KeyError):
            interface = memory.enis[asked.get("NetworkInterfaceId")]
            self._attach(memory, groups, interface.vpc_id)

    def _modify_instance_attribute(self, memory: Any, asked: dict[str, Any]) -> None:
        if asked.get("GroupId"):
            instance = memory.get_instance(asked["InstanceId"])
            if len(instance.nics) > 1:
                raise AwsError("InvalidInstanceID", "There are multiple interfaces attached to the instance")
            self._attach(memory, asked["GroupId"], instance.vpc_id)

    def _attach(self, memory: Any, groups: list[str], vpc: str) -> None:
        if len(set(groups)) < len(groups):
            raise AwsError("InvalidParameterValue", "a group twice")
        for number in groups:
            if self._group(memory, number).vpc_id != vpc:
                raise AwsError("InvalidGroup.NotFound", f"The security group '{number}' is of another VPC")
        if len(groups) > self.limits.groups:
            raise AwsError(
                "SecurityGroupsPerInterfaceLimitExceeded",
                "The maximum number of security groups per interface has been reached.",
            )


def nested(form: dict[str, str]) -> dict[str, Any]:
    """Return a request's parameters as they were meant: C{A.1.B=c} as C{{"A": [{"B": "c"}]}}."""
    tree: dict[str, Any] = {}
    for key, value in form.items():
        *path, last = key.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value

    def listed(node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        if node and all(key.isdigit() for key in node):
            return [listed(node[key]) for key in sorted(node, key=int)]
        return {key: listed(value) for key, value in node.items()}

    return {key: listed(value) for key, value in tree.items() if key not in ("Action", "Version")}


def _groups(memory: Any) -> Iterator[Any]:
    for groups in memory.groups.values():
        yield from groups.values()


def _direction(group: Any, rule: Any) -> list:
    return group.egress_rules if rule in group.egress_rules and rule.is_egress else group.ingress_rules


def _ports(given: dict[str, Any]) -> tuple:
    protocol = given.get("IpProtocol")
    if protocol in ("-1", "all"):
        return ("-1", None, None)
    if str(protocol).isdigit() and int(protocol or 0) < 256 and protocol not in ("1", "6", "17", "58"):
        return (protocol, None, None)  # whatever ports are given: AWS opens all
    if protocol not in ("tcp", "udp", "icmp", "icmpv6"):
        raise AwsError("InvalidParameterValue", f"Invalid value '{protocol}' for IP protocol. Unknown protocol.")
    try:
        first, last = int(given["FromPort"]), int(given["ToPort"])
    except (KeyError, ValueError):
        raise AwsError("InvalidParameterValue", "Must specify both from and to ports with TCP/UDP.") from None
    if protocol in ("tcp", "udp") and not 0 <= first <= last <= 65535:
        raise AwsError("InvalidParameterValue", f"Invalid value '{first}-{last}' for portRange.")
    return (protocol, first, last)


def _cidr(value: str | None, version: int) -> None:
    try:
        network = ip_network(value or "")
    except ValueError as error:
        raise AwsError("InvalidParameterValue", f"CIDR block {value} is malformed: {error}") from None
    if network.version != version or str(network) != value:
        raise AwsError("InvalidParameterValue", f"CIDR block {value} is not one of IPv{version}, written {network}")


def _units(memory: Any, shapes: list[tuple], lists: dict[str, int] | None = None) -> Counter:
    """Return how many units of the quota rules take, per family."""
    found: Counter = Counter({4: 0, 6: 0})
    for kind, value, *_ports_of in shapes:
        if kind == "list":
            listed = memory.managed_prefix_lists[value]
            weight = (lists or {}).get(value) or listed.max_entries or WEIGHTS.get(listed.prefix_list_name, 1)
            found[4 if listed.address_family == "IPv4" else 6] += int(weight)
        else:
            for family in (4, 6) if kind == "group" else (int(kind),):
                found[family] += 1
    return found


def units(memory: Any, group: str) -> dict[int, int]:
    """Return how many units of the quota a group's outbound rules take, per family."""
    return dict(_units(memory, [shape(rule) for rule in memory.get_security_group_from_id(group).egress_rules]))


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open

    def log(self, *_given: Any, **_named: Any) -> None:
        """Say nothing."""


@contextmanager
def serve() -> Iterator[StrictAws]:
    """Serve on a free port of loopback while the block runs. moto's memory is the process's: one at a time."""
    mend()
    aws = StrictAws()
    server = make_server("127.0.0.1", 0, aws, threaded=True, request_handler=_Handler)
    server.daemon_threads = True
    aws.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield aws
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
