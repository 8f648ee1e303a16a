# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules reach AWS: the options of the collection amazon.aws, which need not be installed to read this."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of a connection to AWS."""

    DOCUMENTATION = r"""
options:
  region:
    description: The region; E(AWS_REGION) or E(AWS_DEFAULT_REGION), or the profile's, if not given.
    type: str
    aliases: [aws_region]
  profile:
    description: A profile of the AWS configuration files; E(AWS_PROFILE) or E(AWS_DEFAULT_PROFILE) if not given.
    type: str
    aliases: [aws_profile]
  access_key:
    description: Id of an access key; E(AWS_ACCESS_KEY_ID) or E(AWS_ACCESS_KEY) if not given.
    type: str
    aliases: [aws_access_key_id, aws_access_key]
  secret_key:
    description: The secret of the access key; E(AWS_SECRET_ACCESS_KEY) or E(AWS_SECRET_KEY) if not given.
    type: str
    aliases: [aws_secret_access_key, aws_secret_key]
  session_token:
    description: The token of temporary credentials; E(AWS_SESSION_TOKEN) if not given.
    type: str
    aliases: [aws_session_token]
  endpoint_url:
    description: Where to send requests instead of to AWS; E(AWS_URL) if not given.
    type: str
    aliases: [aws_endpoint_url]
  validate_certs:
    description: Whether certificates of the endpoint are checked.
    type: bool
    default: true
  aws_ca_bundle:
    description: A file with the certificates of authorities to trust; E(AWS_CA_BUNDLE) if not given.
    type: path
  aws_config:
    description: Settings of botocore, such as C(connect_timeout).
    type: dict
  debug_botocore_endpoint_logs:
    description: Return the API calls as C(resource_actions); E(ANSIBLE_DEBUG_BOTOCORE_LOGS) if not given.
    type: bool
    default: false
"""
