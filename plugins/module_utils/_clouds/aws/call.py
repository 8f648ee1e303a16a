# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a call of the module for AWS goes and ends: connection, fresh reads where somebody was quicker, errors."""

from __future__ import annotations

import re
import time
import traceback

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import (
    TRIES,
    Refused,
    missing_library,
    refuse_changes,
    result,
    so_far,
)
from ansible_collections.egress.allowlist.plugins.module_utils._model import forms

from .account import POLICY, Account
from .api import Api, Changed
from .apply import Wanted, absent, present, units
from .form import FORM
from .interfaces import Attachments

try:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
    from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

    NO_COLLECTION = None
except ImportError:
    NO_COLLECTION = traceback.format_exc()

try:
    from botocore.exceptions import BotoCoreError, ClientError

    NO_LIBRARY = None
except ImportError:
    NO_LIBRARY = traceback.format_exc()

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_AGAIN = {
    "InvalidPermission.Duplicate",
    "InvalidPermission.NotFound",
    "InvalidSecurityGroupRuleId.NotFound",
    "InvalidGroup.NotFound",
    "InvalidGroup.Duplicate",
    "InvalidGroupId.NotFound",
    "InvalidPrefixListId.NotFound",
    "InvalidPrefixListID.NotFound",
    "PrefixListVersionMismatch",
    "IncorrectState",
}
_OVER = {
    "RulesPerSecurityGroupLimitExceeded": "rules_per_group is above the account's quota 'Inbound or outbound rules per "
    "security group' (L-0EA8095F): raise that quota, or write what it is",
    "SecurityGroupsPerInterfaceLimitExceeded": "groups_per_interface is above the account's quota 'Security groups per "
    "network interface' (L-2AFB9258): raise that quota, or write what it is",
    "SecurityGroupLimitExceeded": "the account's quota 'VPC security groups per Region' (L-E79EC296) is used up: raise "
    "it, or remove groups",
}


def _option(type_="str", aliases=(), variables=(), **more):
    found = {"type": type_, **more}
    if aliases:
        found["aliases"] = list(aliases)
    if variables:
        found["fallback"] = (env_fallback, list(variables))
    return found


def _connection():
    """Return the options that amazon.aws knows, so that they are the same where it is missing."""
    return {
        "region": _option("str", ["aws_region"], ["AWS_REGION", "AWS_DEFAULT_REGION"]),
        "profile": _option("str", ["aws_profile"], ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]),
        "access_key": _option(
            "str", ["aws_access_key_id", "aws_access_key"], ["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"], no_log=False
        ),
        "secret_key": _option(
            "str", ["aws_secret_access_key", "aws_secret_key"], ["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"], no_log=True
        ),
        "session_token": _option("str", ["aws_session_token"], ["AWS_SESSION_TOKEN"], no_log=True),
        "endpoint_url": _option("str", ["aws_endpoint_url"], ["AWS_URL"]),
        "validate_certs": _option("bool", default=True),
        "aws_ca_bundle": _option("path", variables=["AWS_CA_BUNDLE"]),
        "aws_config": _option("dict"),
        "debug_botocore_endpoint_logs": _option("bool", variables=["ANSIBLE_DEBUG_BOTOCORE_LOGS"], default=False),
    }


def _told(group):
    return {"name": group.name, "id": None if group.id == group.name else group.id}


class Call:
    """One call of the module; C{arguments}: makes the argument spec that all clouds share."""

    def __init__(self, arguments):
        given = {
            "argument_spec": arguments(
                vpc_id={"type": "str"},
                tags={"type": "dict", "default": {}},
                attach={
                    "type": "dict",
                    "options": {
                        "instances": {"type": "list", "elements": "str", "default": []},
                        "interfaces": {"type": "list", "elements": "str", "default": []},
                        "tags": {"type": "dict", "default": {}},
                    },
                },
                **_connection(),
            ),
            "required_if": [("state", "present", ["plan"])],
            "supports_check_mode": True,
        }
        missing = NO_COLLECTION or NO_LIBRARY
        self.module = AnsibleModule(**given) if missing else AnsibleAWSModule(default_args=False, **given)
        forms.check(self.module, "plan", FORM)
        if missing:
            self._missing()
        self.params = self.module.params
        self._before, self._start, self._account, self._attachments, self._limits = None, None, None, None, None

    def _missing(self):
        if NO_COLLECTION and "boto" not in NO_COLLECTION.strip().splitlines()[-1]:
            self.module.fail_json(
                msg="the collection amazon.aws is missing: install it with 'ansible-galaxy collection install "
                "amazon.aws', and its library with 'python -m pip install boto3'",
                exception=NO_COLLECTION,
            )
        missing_library(self.module, "boto3", "boto3", NO_LIBRARY or NO_COLLECTION)

    def end(self):
        """Do what is asked for and end the module."""
        try:
            notes = self._tries()
        except Refused as error:
            self.module.fail_json(msg=str(error).rstrip(".") + self._so_far(), **self._result([]))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            said = f"{_OVER[code]} ({error})" if code in _OVER else str(error)
            self.module.fail_json(msg=said.rstrip(".") + self._so_far(), error={"code": code}, **self._result([]))
        except BotoCoreError as error:
            self.module.fail_json(msg=f"AWS cannot be asked: {error}" + self._so_far(), **self._result([]))
        self.module.exit_json(**self._result(notes))

    def _so_far(self):
        api = self._account and self._account.api
        if api and api.unsure:
            return f"; whether {api.unsure} was done is not known: the next run looks, and completes it"
        return "; " + so_far(api and api.writes)

    def _tries(self):
        """Apply; begin anew from a fresh read where somebody changed the same meanwhile. Returns notes."""
        client = self.module.client("ec2", retry_decorator=AWSRetry.jittered_backoff(retries=8, max_delay=30))
        api = Api(client, self.module.check_mode)
        if not _NAME.fullmatch(self.params["name"]) or self.params["name"].startswith("sg-"):
            raise Refused(
                f"name '{self.params['name']}' is not accepted: write up to 100 letters, digits, '.', '_' or '-', a "
                "letter or digit first, and not 'sg-' first"
            )
        vpc = self.params["vpc_id"] or self._default_vpc(api)
        self._account = Account(api, vpc, self.params["name"])
        again = set(_AGAIN) | set(_OVER)
        for tried in range(1, TRIES + 1):
            try:
                return self._once(api)
            except (ClientError, Changed) as error:
                if isinstance(error, ClientError):
                    code = error.response["Error"]["Code"]
                    if code not in again:
                        raise
                    if code in _OVER:  # somebody else may have filled a group meanwhile, but not twice
                        again -= set(_OVER)
                if tried == TRIES:
                    raise Refused(
                        f"somebody else keeps changing the same security groups: given up after {tried} tries ({error})"
                    ) from error
                time.sleep(0.2 * 2**tried)  # what was written a moment ago may not be read yet
        raise AssertionError("not reached")

    def _once(self, api):
        params, account = self.params, self._account
        account.read()
        self._attachments = Attachments(api, params["name"], params["attach"])
        self._attachments.read(account)
        if self._before is None:
            self._before = self._lines()
            self._start = (account.units(), len(account.groups))
        if params["state"] == "absent":
            return absent(account, self._attachments)
        wanted = Wanted(params["plan"], params["name"], params["tags"])
        if self._limits is None:  # as it was before this call
            told = {group.tags.get(POLICY) for group in account.groups.values()}
            labels = [group.rules[key].label for group in account.groups.values() for key in group.ours()]
            now = (labels, "deny" if "deny" in told else "unmanaged") if account.groups else None
            then = (wanted.labels.values(), wanted.policy, params["plan"]["vendors"])
            refuse_changes(params["unchanged"], "aws", now, then)
        self._limits = wanted.limits
        return [*params["plan"]["notes"], *present(account, self._attachments, wanted)]

    @staticmethod
    def _default_vpc(api):
        found = api.read("describe_vpcs", "Vpcs", Filters=[{"Name": "is-default", "Values": ["true"]}])
        if not found:
            raise Refused("this region has no default VPC: write vpc_id")
        return found[0]["VpcId"]

    def _lines(self):
        return self._account.lines() | self._attachments.lines()

    def _result(self, notes):
        """Return what the module returns, also of a call that failed half way."""
        account = self._account
        if self._before is None:
            return result(self.module, [], [], notes, [], account.api.calls if account else 0, False)
        counted = units(account, self._start, self._limits) if self._limits else []
        api = account.api
        before = self._before | account.late
        found = result(self.module, before, self._lines(), notes, counted, api.calls, api.writes > 0)
        groups = [account.groups[number] for number in sorted(account.groups)]
        widened = self.params["plan"]["widened"] if self.params["state"] == "present" else []
        return {**found, "widened": widened, "groups": [_told(group) for group in groups]}
