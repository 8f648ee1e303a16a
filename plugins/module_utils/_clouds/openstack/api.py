# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speak to Neutron through openstacksdk: who we are, requests with back-off, lists with paging."""

from __future__ import annotations

import re
import time

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import Refused

_BUSY = (429, 502, 503, 504)
_NOT_BEGUN = (429,)  # said before anything is done
_LOST = (404, 409, 412)  # what was read is not what is there now
_FINAL = ("OverQuota", "QuotaExceeded", "SecurityGroupInUse", "AddressGroupInUse")  # no fresh read changes that
_ATTEMPTS, _RECONNECTS = 7, 4
_LONGEST = 30  # seconds between two attempts
_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SINGLE = ("auth", "auth_type", "region_name", "validate_certs", "ca_cert", "client_cert", "client_key", "api_timeout")

CONNECTION = {
    "cloud": {"type": "raw", "no_log": True},  # narrowed by unmask: the name of a cloud is no secret
    "auth": {"type": "dict", "no_log": True},
    "auth_type": {"type": "str"},
    "region_name": {"type": "str"},
    "validate_certs": {"type": "bool", "aliases": ["verify"]},
    "ca_cert": {"type": "str", "aliases": ["cacert"]},
    "client_cert": {"type": "str", "aliases": ["cert"]},
    "client_key": {"type": "str", "aliases": ["key"], "no_log": False},
    "api_timeout": {"type": "int"},
    "interface": {
        "type": "str",
        "choices": ["admin", "internal", "public"],
        "default": "public",
        "aliases": ["endpoint_type"],
    },
    "sdk_log_path": {"type": "str"},
    "sdk_log_level": {"type": "str", "choices": ["INFO", "DEBUG"], "default": "INFO"},
}


# Of what says who we are: all else may be a secret.
_OPEN = re.compile(
    r"auth_type|auth_url|(.+_)?endpoint(_override)?|interface|region_name|system_scope|(user|project|tenant|.*domain).*"
)


class ApiError(Exception):
    """What Neutron refused, in its words."""


class Conflict(ApiError):
    """Somebody else was quicker: read again."""


def unmask(module):
    """Mask only secrets in what the module says.

    Ansible masks each value in options that may hold a secret, wherever its text occurs: a domain C{default} would
    turn "(default rule)" into asterisks.
    """
    secrets = {*_secrets(module.params["auth"] or {}), *_secrets(module.params["cloud"])}
    module.no_log_values.intersection_update(secrets)


def _secrets(value, name=""):
    """Yield the texts of a configuration that may be secrets. C{name}: the option that has the value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secrets(inner, str(key))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _secrets(inner, name)
    elif name and value is not None and not _OPEN.fullmatch(name):
        yield str(value)


def connect(sdk, params):
    """Return a connection as the options say; raises Refused for options that contradict each other."""
    if params["sdk_log_path"]:
        debug = params["sdk_log_level"] == "DEBUG"
        sdk.enable_logging(debug=debug, http_debug=debug, path=params["sdk_log_path"])
    cloud = params["cloud"]
    if isinstance(cloud, dict):
        beside = [option for option in _SINGLE if params[option] is not None]
        if beside:
            raise Refused(f"cloud is a whole configuration: {', '.join(beside)} cannot stand beside it")
        return sdk.connect(**cloud)
    return sdk.connect(
        cloud=cloud,
        auth_type=params["auth_type"],
        auth=params["auth"],
        region_name=params["region_name"],
        verify=params["validate_certs"],
        cacert=params["ca_cert"],
        cert=params["client_cert"],
        key=params["client_key"],
        api_timeout=params["api_timeout"],
        interface=params["interface"],
    )


class Neutron:
    """The networking API of one project. C{calls} counts the requests, C{writes} those that changed something,
    C{unsure} those of which nobody knows."""

    def __init__(self, connection, project, sleep=time.sleep):
        from keystoneauth1.exceptions import ConnectFailure

        self._connection, self._sleep, self._failures = connection, sleep, ConnectFailure
        self.calls = self.writes = self.unsure = self._lost = 0
        self.project = self._project(project)

    def _project(self, wanted):
        """Return the id of the project: the one that is named, else the one that we are in."""
        if not wanted:
            own = self._connection.session.get_project_id()
            if not own:
                raise Refused("the credentials belong to no project: name one with the option project")
            return own
        if _ID.fullmatch(wanted):
            return wanted
        try:
            found = self._connection.identity.find_project(wanted, ignore_missing=True)
        except Exception:
            # Who may not ask Keystone about projects, or has none, must name the id: Neutron then judges it.
            return wanted
        if found is None:
            raise Refused(f"there is no project '{wanted}': write the name or the id of one that these credentials see")
        return found.id

    def request(self, method, path, body=None, query=None, revision=None):
        """Return what Neutron answers, as a dict.

        C{revision}: do it only while the thing has this revision. Raises Conflict where the thing is not as it was
        read, ApiError for all else that is refused.
        """
        options = {"raise_exc": False, "skip_cache": True, "connect_retries": 0}
        if body is not None:
            options["json"] = body
        if query:
            options["params"] = query
        if revision is not None:
            options["headers"] = {"If-Match": f"revision_number={revision}"}
        response = self._answer(method, path, options)
        if response.status_code < 400:
            self.writes += method != "GET"
            return response.json() if response.content else {}
        kind, text = _reason(response)
        message = f"{method} {path}: {response.status_code}: {text}"
        if method != "GET" and response.status_code in _LOST and kind not in _FINAL:
            raise Conflict(message)
        raise ApiError(message)

    def _answer(self, method, path, options):
        """Return the answer once Neutron is not busy; raises Conflict for a POST of which nobody knows what became."""
        for attempt in range(_ATTEMPTS):
            self.calls += 1
            response, broken = None, None
            try:
                response = self._connection.network.request(path, method, **options)
            except self._failures as error:
                broken = error
            status = 0 if response is None else response.status_code
            self.unsure += method != "GET" and (status == 0 or status >= 500)
            if status and status not in _BUSY:
                break
            if method == "POST" and status not in _NOT_BEGUN:
                # Another one might make a second group: what there is, a fresh read tells.
                self._sleep(_pause(response, self._lost))
                self._lost += 1
                raise Conflict(f"{method} {path}: {broken or status}")
            if attempt == (_ATTEMPTS if status else _RECONNECTS) - 1:
                if broken:
                    raise ApiError(f"{method} {path}: {broken}")
                break
            self._sleep(_pause(response, attempt))
        return response

    def listed(self, path, key, **query):
        """Return all of a list, however many pages it has."""
        found = []
        while True:
            answer = self.request("GET", path, query=query)
            found += answer[key]
            links = [link for link in answer.get(f"{key}_links") or [] if link.get("rel") == "next"]
            if not links or not answer[key]:
                return found
            query = {**query, "marker": answer[key][-1]["id"]}

    def extensions(self):
        """Return the aliases of what this Neutron knows."""
        return {extension["alias"] for extension in self.request("GET", "/extensions")["extensions"]}

    def quotas(self):
        """Return C{{resource: (limit, used)}} of the project, a limit of -1 is none; empty where it is not told."""
        try:
            told = self.request("GET", f"/quotas/{self.project}/details.json")["quota"]
        except ApiError:
            return {}
        return {
            resource: (int(quota["limit"]), int(quota["used"]) + int(quota.get("reserved") or 0))
            for resource, quota in told.items()
            if isinstance(quota, dict)
        }


def _pause(response, attempt):
    """Return the seconds until the next attempt: as Neutron says, else twice as long each time."""
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    return min(float(asked) if asked.isdigit() else 0.5 * 2**attempt, _LONGEST)


def _reason(response):
    """Return the kind of an error, and its text."""
    try:
        error = response.json()
    except ValueError:
        return "", response.text.strip()[:300] or response.reason
    error = error.get("NeutronError", error) if isinstance(error, dict) else error
    if isinstance(error, dict):
        return error.get("type", ""), error.get("message") or str(error)
    return "", str(error)
