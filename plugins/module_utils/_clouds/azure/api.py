# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure's API for networks: credentials as Azure's users know them, reads, and writes that notice other writers."""

from __future__ import annotations

import configparser
import json
import os
import re
import traceback

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import Refused

try:
    from azure.core.exceptions import (
        AzureError,
        HttpResponseError,
        ResourceNotFoundError,
    )
    from azure.core.pipeline.policies import CustomHookPolicy
    from azure.identity import (
        AzureCliCredential,
        ClientSecretCredential,
        DefaultAzureCredential,
        ManagedIdentityCredential,
    )
    from azure.mgmt.network import NetworkManagementClient

    ERRORS, MISSING = (AzureError,), None
except ImportError:
    ERRORS, MISSING = (), traceback.format_exc()

PACKAGES = "azure-mgmt-network azure-identity"
CLOUDS = {  # the API, and who gives tokens for it
    "AzureCloud": ("https://management.azure.com", "https://login.microsoftonline.com"),
    "AzureUSGovernment": ("https://management.usgovcloudapi.net", "https://login.microsoftonline.us"),
    "AzureChinaCloud": ("https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
}
_PROFILE = "~/.azure/credentials"
# option: its names in the environment and in a profile
_CREDENTIALS = {
    "subscription_id": ("AZURE_SUBSCRIPTION_ID",),
    "client_id": ("AZURE_CLIENT_ID",),
    "secret": ("AZURE_SECRET", "AZURE_CLIENT_SECRET"),
    "tenant": ("AZURE_TENANT", "AZURE_TENANT_ID"),
}
_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers/Microsoft\.Network/(?P<rest>.+)",
    re.IGNORECASE,
)
_BUSY = ("AnotherOperationInProgress", "RetryableError", "Canceled", "CanceledAndSupersededDueToAnotherOperation")


class Changed(Exception):
    """Somebody else wrote in between, or is writing: read again.

    C{perhaps_done}: the request was sent more than once, and may be what changed it.
    """

    def __init__(self, text, perhaps_done=False):
        super().__init__(text)
        self.perhaps_done = perhaps_done


def arguments():
    """Return the options by which a user says who they are."""
    return {
        "subscription_id": {"type": "str"},
        "client_id": {"type": "str"},
        "secret": {"type": "str", "no_log": True},
        "tenant": {"type": "str"},
        "profile": {"type": "str"},
        "auth_source": {
            "type": "str",
            "choices": ["auto", "env", "credential_file", "cli", "msi"],
            "default": "auto",
        },
        "cloud_environment": {"type": "str", "choices": sorted(CLOUDS), "default": "AzureCloud"},
    }


def credentials(params, environment, home=_PROFILE):
    """Return the options with what the environment and the profile add to them; raises Refused.

    What is said in the play goes first. A profile is read where one is named, else the environment.
    """
    found = {key: params.get(key) for key in _CREDENTIALS}
    source = params["auth_source"]
    profile = params.get("profile") or (environment.get("AZURE_PROFILE") if source != "env" else None)
    if source == "credential_file" or (source == "auto" and profile):
        profile = profile or "default"
        parser = configparser.ConfigParser(interpolation=None)
        path = os.path.expanduser(home)
        parser.read(path)
        if not parser.has_section(profile):
            raise Refused(f"profile '{profile}' is not in {path}")
        listed = parser[profile]
        for key in _CREDENTIALS:
            found[key] = found[key] or listed.get(key)
    elif source != "credential_file":
        # The command line and a managed identity know who they are: only the subscription is read for them.
        for key in ("subscription_id",) if source == "cli" else _CREDENTIALS:
            found[key] = found[key] or next(filter(None, map(environment.get, _CREDENTIALS[key])), None)
    if not found["subscription_id"]:
        raise Refused("subscription_id is missing: write it, or set AZURE_SUBSCRIPTION_ID")
    given = [key for key in ("client_id", "secret", "tenant") if found[key]]
    if found["secret"] and len(given) < 3:
        missing = [key for key in ("client_id", "tenant") if not found[key]]
        raise Refused("a secret needs a {} too".format(" and a ".join(missing)))
    if source in ("env", "credential_file") and len(given) < 3:
        raise Refused(f"auth_source {source} needs client_id, secret and tenant there")
    return found


class Api:
    """Azure's API for one subscription; C{calls} counts the requests to it, each retry too."""

    def __init__(self, params):
        """Begin a session; nothing is sent yet. Raises Refused."""
        found = credentials(params, os.environ)
        self.subscription, self.calls = found["subscription_id"], 0
        base, authority = CLOUDS[params["cloud_environment"]]
        try:
            credential = _credential(found, params["auth_source"], authority)
        except ValueError as error:  # a tenant that cannot be one
            raise Refused(str(error)) from None
        self.client = NetworkManagementClient(
            credential,
            self.subscription,
            base_url=base,
            credential_scopes=[base + "/.default"],
            custom_hook_policy=CustomHookPolicy(raw_request_hook=self._count),
            polling_interval=2,
            retry_status=8,  # 429 and 5xx, after as many seconds as Azure asks for
        )

    def _count(self, _request):
        self.calls += 1

    def group_id(self, resource_group, name):
        """Return the id of a network security group."""
        place = f"/subscriptions/{self.subscription}/resourceGroups/{resource_group}"
        return f"{place}/providers/Microsoft.Network/networkSecurityGroups/{name}"

    def group(self, resource_group, name):
        """Return a network security group as Azure wrote it, or None."""
        return _read(self.client.network_security_groups.get, resource_group, name)

    def write_group(self, resource_group, name, body, etag):
        """Write a whole group if it is still as it was read (without C{etag}: if there is none), and wait for it."""
        begin = self.client.network_security_groups.begin_create_or_update
        self.send(begin, resource_group, name, json.dumps(body).encode(), etag=etag)

    def delete_group(self, resource_group, name, etag):
        """Delete a group if it is still as it was read, and wait for it."""
        self.send(self.client.network_security_groups.begin_delete, resource_group, name, etag=etag)

    def send(self, begin, *what, etag):
        """Begin a write that only happens if a resource has this C{etag} (None: if it is not there), and wait for it.

        Raises Changed.
        """
        before = self.calls
        try:
            begin(*what, headers={"If-Match": etag} if etag else {"If-None-Match": "*"}).result()
        except HttpResponseError as error:
            if error.status_code == 412 or code(error) in _BUSY:
                again = self.calls > before + 1
                raise Changed(said(error), perhaps_done=error.status_code == 412 and again) from error
            raise

    def place(self, text, resource_group, kind):
        """Return the place of a subnet or an interface that a user wrote; raises Refused.

        C{kind}: C{subnets} or C{interfaces}. A subnet is an id or C{virtual network/subnet}, an interface an id or a
        name; without an id in the same resource group as the security group.
        """
        found = _ID.fullmatch(text)
        parts = [resource_group, *text.split("/")]
        if found:
            parts = [found.group("group"), *found.group("rest").split("/")[1::2]]
            kinds = [part.lower() for part in found.group("rest").split("/")[::2]]
            right = kinds == (["virtualnetworks", "subnets"] if kind == "subnets" else ["networkinterfaces"])
            if found.group("subscription").lower() != self.subscription.lower():
                raise Refused(f"{kind}: '{text}' is in another subscription than {self.subscription}")
        else:
            right = len(parts) == (3 if kind == "subnets" else 2) and all(parts)
        if not right:
            form = "virtual-network/subnet" if kind == "subnets" else "the name of an interface"
            raise Refused(f"{kind}: '{text}' is not accepted: write {form}, or its id")
        return Place(self, kind, tuple(parts))


class Place:
    """A subnet or an interface, to which a group can be attached."""

    def __init__(self, api, kind, parts):
        """Take where it is: the resource group, and the names inside it."""
        operations = api.client.subnets if kind == "subnets" else api.client.network_interfaces
        self._api, self._operations, self._parts = api, operations, parts
        self.words = "{} {}".format("subnet" if kind == "subnets" else "interface", "/".join(parts[1:]))

    def read(self):
        """Return C{(what the library read, the id of the attached group)}; None for what is not there."""
        try:
            found = self._operations.get(*self._parts)
        except ResourceNotFoundError:
            return None, None
        return found, (found["properties"].get("networkSecurityGroup") or {}).get("id")

    def write(self, found, group):
        """Attach a group by its id, or with None detach what is attached, if it is still as it was read; and wait."""
        if group:
            found["properties"]["networkSecurityGroup"] = {"id": group}
        else:
            found["properties"].pop("networkSecurityGroup", None)
        self._api.send(self._operations.begin_create_or_update, *self._parts, found, etag=found["etag"])


def _credential(found, source, authority):
    if found["secret"]:
        return ClientSecretCredential(found["tenant"], found["client_id"], found["secret"], authority=authority)
    if source == "cli":
        return AzureCliCredential()
    if source == "msi":
        return ManagedIdentityCredential(client_id=found["client_id"])
    return DefaultAzureCredential(authority=authority, managed_identity_client_id=found["client_id"])


def _read(get, *where):
    """Return the JSON that Azure sent, in no model of this library: what it does not know is kept too."""
    try:
        return get(*where, cls=lambda answer, _read, _headers: answer.http_response.json())
    except ResourceNotFoundError as error:
        # A resource group that is not there is a mistake, a resource that is not there is none.
        if code(error) == "ResourceGroupNotFound":
            raise Refused(said(error)) from None
        return None


def rejected(error):
    """Tell whether Azure turned a request away, so that nothing of it was done."""
    return 400 <= (getattr(error, "status_code", None) or 0) < 500


def code(error):
    """Return Azure's code of an error, such as C{SecurityRuleCountLimitReached}."""
    return getattr(getattr(error, "error", None), "code", None) or ""


def said(error):
    """Return what Azure says of an error, in one line."""
    inner = getattr(error, "error", None)
    text = f"{inner.code}: {inner.message}" if getattr(inner, "code", None) else str(error)
    return " ".join(text.split())
