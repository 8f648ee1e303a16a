# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compute API of Google Cloud: credentials, requests that are tried again, pages, operations."""

from __future__ import annotations

import json
import os
import random
import time
import traceback
import uuid

from ansible.module_utils.basic import env_fallback
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import Refused

try:
    import requests

    HAS_REQUESTS, REQUESTS_ERROR = True, None
except ImportError:
    HAS_REQUESTS, REQUESTS_ERROR = False, traceback.format_exc()

try:
    import google.auth
    from google.auth import compute_engine, exceptions
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2 import credentials as oauth2
    from google.oauth2 import service_account

    HAS_GOOGLE_AUTH, GOOGLE_AUTH_ERROR = True, None
except ImportError:
    HAS_GOOGLE_AUTH, GOOGLE_AUTH_ERROR = False, traceback.format_exc()

BASE = "https://compute.googleapis.com/compute/v1/"
_SCOPE = "https://www.googleapis.com/auth/compute"
_ATTEMPTS = 8
_LOST = 4  # attempts without any answer
_LONGEST_PAUSE = 32  # seconds
_LONGEST_OPERATION = 600  # seconds
_PASSING = (429, 500, 502, 503, 504)
_PASSING_REASONS = ("rateLimitExceeded", "userRateLimitExceeded", "resourceNotReady")
_CHANGED = (404, 409, 412)


class ApiError(Exception):
    """What the API refused: C{status}, its own C{reason}, and a text for the user."""

    def __init__(self, status, reason, text):
        super().__init__(text)
        self.status, self.reason = status, reason

    @property
    def changed(self):
        """Whether somebody else was quicker: what was read is no longer so."""
        return self.status in _CHANGED


def arguments():
    """Return the options on credentials, named as users of google.cloud know them."""
    return {
        "project": {"type": "str", "required": True, "fallback": (env_fallback, ["GCP_PROJECT"])},
        "auth_kind": {
            "type": "str",
            "choices": ["application", "machineaccount", "serviceaccount", "accesstoken"],
            "default": "application",
            "fallback": (env_fallback, ["GCP_AUTH_KIND"]),
        },
        "service_account_file": {"type": "path", "fallback": (env_fallback, ["GCP_SERVICE_ACCOUNT_FILE"])},
        "service_account_contents": {
            "type": "jsonarg",
            "no_log": True,
            "fallback": (env_fallback, ["GCP_SERVICE_ACCOUNT_CONTENTS"]),
        },
        "service_account_email": {"type": "str", "fallback": (env_fallback, ["GCP_SERVICE_ACCOUNT_EMAIL"])},
        "access_token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["GCP_ACCESS_TOKEN"])},
        "scopes": {"type": "list", "elements": "str", "fallback": (env_fallback, ["GCP_SCOPES"])},
    }


class Api:
    """The Compute API for one call of the module; C{calls}: how many requests were made."""

    def __init__(self, params):
        self.calls = 0
        try:
            self._session = AuthorizedSession(_credentials(params))
        except (exceptions.GoogleAuthError, ValueError, OSError) as error:
            raise Refused(
                "no credentials for Google Cloud (auth_kind {}): {}".format(params["auth_kind"], error)
            ) from error

    def get(self, path, **query):
        """Return a resource; raises ApiError."""
        return self._request("GET", path, query)

    def pages(self, path):
        """Return all items of a collection."""
        found, query = [], {"maxResults": 500}
        while True:
            page = self._request("GET", path, query)
            found += page.get("items", [])
            if not page.get("nextPageToken"):
                return found
            query["pageToken"] = page["nextPageToken"]

    def write(self, method, path, body=None, **query):
        """Make a change and wait until it is done; raises ApiError also for what fails only then.

        It has an id of its own, so that a request that is repeated because its answer was lost is not done twice.
        """
        operation = self._request(method, path, dict(query, requestId=str(uuid.uuid4())), body)
        scope = "/".join(path.split("/")[: 4 if "/regions/" in path else 3])
        until = time.monotonic() + _LONGEST_OPERATION
        while operation.get("status") != "DONE":
            if time.monotonic() > until:
                raise ApiError(0, "timeout", f"{method} {path} is not done after {_LONGEST_OPERATION} s")
            operation = self._request("POST", "{}/operations/{}/wait".format(scope, operation["name"]), {})
        errors = operation.get("error", {}).get("errors", [])
        if errors:
            text = "; ".join(error.get("message") or error.get("code", "") for error in errors)
            status = operation.get("httpErrorStatusCode") or 400
            raise ApiError(status, errors[0].get("code", ""), f"{method} {path}: {text}")

    def _request(self, method, path, query, body=None):
        for attempt in range(_ATTEMPTS):
            self.calls += 1
            last = attempt == _ATTEMPTS - 1
            try:
                answer = self._session.request(method, BASE + path, params=query, json=body, timeout=150)
            except exceptions.GoogleAuthError as error:
                raise ApiError(401, "auth", f"the credentials are not accepted: {error}") from error
            except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
                if attempt == _LOST - 1:
                    raise ApiError(0, "connection", f"{BASE} cannot be reached: {error}") from error
                _pause(attempt, None)
                continue
            except requests.exceptions.RequestException as error:
                raise ApiError(0, "connection", f"{method} {path}: {error}") from error
            if answer.ok:
                return answer.json()
            error = _error(method, path, answer)
            passing = error.status in _PASSING or error.reason in _PASSING_REASONS
            if last or not passing:
                raise error
            _pause(attempt, answer.headers.get("Retry-After"))
        raise AssertionError("not reached")


def _error(method, path, answer):
    """Return what an answer says, whatever its form."""
    try:
        said = answer.json()["error"]
        text = said["message"]
        reason = (said.get("errors") or [{}])[0].get("reason", "")
    except (ValueError, KeyError, TypeError, IndexError):
        text, reason = answer.text[:200], ""
    return ApiError(answer.status_code, reason, f"{method} {path}: {answer.status_code} {text}")


def _pause(attempt, asked):
    """Wait as long as the server asks, else longer each time, and never as long as somebody else does."""
    seconds = min(2**attempt, _LONGEST_PAUSE) * (0.5 + random.random() / 2)
    if asked and asked.isdigit():
        seconds = min(int(asked), 4 * _LONGEST_PAUSE)
    time.sleep(seconds)


def _credentials(params):
    """Return credentials of the kind that is asked for; raises Refused for options that do not belong together."""
    kind, scopes = params["auth_kind"], params["scopes"] or [_SCOPE]
    _check(params)
    if kind == "accesstoken":
        return oauth2.Credentials(params["access_token"], scopes=scopes)
    if kind == "machineaccount":
        return compute_engine.Credentials(params["service_account_email"] or "default", scopes=scopes)
    if kind == "serviceaccount":
        if params["service_account_file"]:
            path = os.path.expanduser(params["service_account_file"])
            return service_account.Credentials.from_service_account_file(path, scopes=scopes)
        contents = params["service_account_contents"]
        information = json.loads(contents) if isinstance(contents, str) else contents
        return service_account.Credentials.from_service_account_info(information, scopes=scopes)
    return google.auth.default(scopes=scopes)[0]


def _check(params):
    kind = params["auth_kind"]
    if kind == "accesstoken" and not params["access_token"]:
        raise Refused("auth_kind accesstoken needs access_token, or GCP_ACCESS_TOKEN in the environment")
    if kind == "serviceaccount" and not (params["service_account_file"] or params["service_account_contents"]):
        raise Refused(
            "auth_kind serviceaccount needs service_account_file or service_account_contents, or "
            "GCP_SERVICE_ACCOUNT_FILE or GCP_SERVICE_ACCOUNT_CONTENTS in the environment"
        )
