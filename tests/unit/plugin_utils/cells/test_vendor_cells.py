# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of destinations as vendors print them: every kind that was met on pages that are not in the catalog."""

from __future__ import annotations

import re

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.destinations import read_destinations
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.public_suffixes import opens_to_anybody

# Cell -> destinations, remarks; by page.
READ = {
    # 8x8 JaaS
    "`https://8x8.com`": (["8x8.com"], []),
    "`https://*.8x8.vc`": (["*.8x8.vc"], []),
    "`https://www.google-analytics.com`": (["www.google-analytics.com"], []),
    "`https://*.microsoftonline-p.com`": (["*.microsoftonline-p.com"], []),
    "`https://*.googleapis.com`": (["*.googleapis.com"], []),
    "`https://*.googleusercontent.com`": (["*.googleusercontent.com"], []),
    "173.245.48.0/20  ": (["173.245.48.0/20"], []),
    "2400:cb00::/32  ": (["2400:cb00::/32"], []),
    "168.138.245.0/25, 129.148.18.0/26, 129.148.18.64/26": (
        ["168.138.245.0/25", "129.148.18.0/26", "129.148.18.64/26"],
        [],
    ),
    "168.138.110.244, 168.138.110.59": (["168.138.110.244/32", "168.138.110.59/32"], []),
    # Agora
    "web-1.ap.sd-rtn.com": (["web-1.ap.sd-rtn.com"], []),
    "    web-1.ap.sd-rtn.com\n    ap-web-1.agora.io\n    rtm.logservice.sd-rtn.com\n": (
        ["web-1.ap.sd-rtn.com", "ap-web-1.agora.io", "rtm.logservice.sd-rtn.com"],
        [],
    ),
    # Whereby
    "`*.sfu.svc.whereby.com`": (["*.sfu.svc.whereby.com"], []),
    "`turnserver.appearin.net`": (["turnserver.appearin.net"], []),
    "`*.cloudfront.net`": (["*.cloudfront.net"], []),
    # Amazon Chime SDK
    "\\*.chime.aws": (["*.chime.aws"], []),
    "\\*.sdkassets.chime.aws": (["*.sdkassets.chime.aws"], []),
    "\\*.amazonaws.com": (["*.amazonaws.com"], []),
    "99.77.128.0/18": (["99.77.128.0/18"], []),
    " 2600:f0f0:c048::/48": (["2600:f0f0:c048::/48"], []),
    # Amazon Connect
    "https://dd401jc05x2yk.cloudfront.net/<br>https://d1f0uslncy85vb.cloudfront.net/": (
        ["dd401jc05x2yk.cloudfront.net", "d1f0uslncy85vb.cloudfront.net"],
        [],
    ),
    "TurnNlb-8d79b4466d82ad0e.elb.us-west-2.amazonaws.com<br>TurnNlb-dbc4ebb71307fda2.elb.us-west-2.amazonaws.com": (
        [
            "turnnlb-8d79b4466d82ad0e.elb.us-west-2.amazonaws.com",
            "turnnlb-dbc4ebb71307fda2.elb.us-west-2.amazonaws.com",
        ],
        [],
    ),
    # what its placeholders give with a region put in
    "rtc\\*.connect-telecom.eu-west-2.amazonaws.com": (["rtc*.connect-telecom.eu-west-2.amazonaws.com"], []),
    "\\*.transport.connect.eu-west-2.amazonaws.com": (["*.transport.connect.eu-west-2.amazonaws.com"], []),
    "TurnNlb-\\*.elb.eu-west-2.amazonaws.com": (["turnnlb-*.elb.eu-west-2.amazonaws.com"], []),
    "TurnNlb-\\*.elb.REGION.amazonaws.com": (["turnnlb-*.elb.REGION.amazonaws.com"], []),
    # LiveKit
    "*.livekit.cloud": (["*.livekit.cloud"], []),
    "`dsfo3a.turn.livekit.cloud`": (["dsfo3a.turn.livekit.cloud"], []),
    "`143.223.88.0/21` `161.115.160.0/19` `153.57.128.0/18`": (
        ["143.223.88.0/21", "161.115.160.0/19", "153.57.128.0/18"],
        [],
    ),
    "`*.eu.turn.livekit.cloud`": (["*.eu.turn.livekit.cloud"], []),
    # Kore.ai
    "3.70.125.14 (de-savg-sbc1.kore.ai)": (["3.70.125.14/32"], ["de-savg-sbc1.kore.ai"]),
    "18.158.223.171 (de-savg-sbc2.kore.ai)": (["18.158.223.171/32"], ["de-savg-sbc2.kore.ai"]),
    "*.kore.ai": (["*.kore.ai"], []),
    "3.25.42.128 - 3.25.42.255": (["3.25.42.128/25"], []),
    "13.229.255.0–13.229.255.31": (["13.229.255.0/27"], []),
    "168.86.128.0/18": (["168.86.128.0/18"], []),
    # Webex
    "4.152.214.0/24*": (["4.152.214.0/24"], ["*"]),
    "20.120.238.0/23*": (["20.120.238.0/23"], ["*"]),
    "<p>2402:2500::/34<br>2607:fcf0::/34<br>2a00:a640::/34</p>": (
        ["2402:2500::/34", "2607:fcf0::/34", "2a00:a640::/34"],
        [],
    ),
    "*.webex.com<br>*.cisco.com<br>*.wbx2.com": (["*.webex.com", "*.cisco.com", "*.wbx2.com"], []),
    "*.webexcontent.com (1)": (["*.webexcontent.com"], ["(1)"]),
    "<p>*.walkme.com<br><br>s3.walkmeusercontent.com</p>": (["*.walkme.com", "s3.walkmeusercontent.com"], []),
    "*.slido.com<br>*.sli.do<br><br>slido-assets-production.s3.eu-west-1.amazonaws.com": (
        ["*.slido.com", "*.sli.do", "slido-assets-production.s3.eu-west-1.amazonaws.com"],
        [],
    ),
    "cdnjs.cloudflare.com cdn.jsdelivr.net appsforoffice.microsoft.com<br>ajax.aspnetcdn.com": (
        ["cdnjs.cloudflare.com", "cdn.jsdelivr.net", "appsforoffice.microsoft.com", "ajax.aspnetcdn.com"],
        [],
    ),
    "*.docker.com (1)<br>*.docker.io (1)<br>*dkr.ecr.us-east-1.amazonaws.com": (
        ["*.docker.com", "*.docker.io", "*dkr.ecr.us-east-1.amazonaws.com"],
        ["(1)"],
    ),
    "*s3.amazonaws.com (1)": (["*s3.amazonaws.com"], ["(1)"]),
    "*.google.com<br>*.googleapis.com": (["*.google.com", "*.googleapis.com"], []),
    "*.rackcdn.com": (["*.rackcdn.com"], []),
    "*.akamaiedge.net<br>*.akamaitechnologies.com": (["*.akamaiedge.net", "*.akamaitechnologies.com"], []),
    "*.fastly.net": (["*.fastly.net"], []),
}

# What of these needs the row's reason: in a cloud or a network for content anybody can have such a name.
WIDE = {
    *(
        "*.googleapis.com",
        "*.googleusercontent.com",
        "*.cloudfront.net",
        "*.amazonaws.com",
        "*.rackcdn.com",
        "*.fastly.net",
    ),
    *("*dkr.ecr.us-east-1.amazonaws.com", "*s3.amazonaws.com", "*.akamaiedge.net", "*.akamaitechnologies.com"),
    *("turnnlb-*.elb.eu-west-2.amazonaws.com", "turnnlb-*.elb.REGION.amazonaws.com"),
}

# Cell -> what the error says.
REFUSED = {
    # Agora: the domain, or all names below it, or both
    ".agora.io": "write 'agora.io', or '*.agora.io' for all names below it",
    ".edge.agora.io\n    .edge.sd-rtn.com\n    web-1.ap.sd-rtn.com": "write 'edge.agora.io', or '*.edge.agora.io'",
    ".edge.agora.i0": "is not a name",  # a slip of the page, mended in its next edition
    # Whereby: a remark in small letters can be a limit
    "`*.amazonaws.net` (for user avatars)": "write '*.amazonaws.net', and the remark as the row's label",
    # Amazon Connect: placeholders; words of a sentence; URLs with a path, which opens the whole host
    "\\*.telemetry.connect.`region`.amazonaws.com": "holds the placeholder '`region`'",
    "`Amazon S3 bucket<br>name`.s3.`region`.amazonaws.com": "holds the placeholder '`Amazon S3 bucket",
    "rtc\\*.connect-telecom.`region`.amazonaws.com<br>Used by version 1.": "holds the placeholder '`region`'",
    "\\*.transport.connect.eu-west-2.amazonaws.com<br>Used by version 2.": "is not a name",
    "TurnNlb-\\*.elb.eu-west-2.amazonaws.com<br>See [NLB endpoints](#nlb-endpoints).": "holds a link",
    "https://bm-prod-`region`-cell-1-uploadservice-staging.s3.`region`.amazonaws.com": "holds the placeholder",
    "https://s3-us-gov-east-1.amazonaws.com/content-prod/": "write 's3-us-gov-east-1.amazonaws.com'",
    "`myInstanceName`.my.connect.aws/api": "holds the placeholder '`myInstanceName`'",
    # LiveKit: a requirement that the row does not say; placeholders
    "all hosts (optional)": "write the row's 'requirement: optional' for it",
    "`<your-subdomain>.livekit.cloud`": "holds the placeholder '<your-subdomain>'",
    "{sip_subdomain}.{region_name}.sip.livekit.cloud": "holds the placeholder '{sip_subdomain}'",
    "`<subdomain>.eu.rtc.livekit.cloud`": "holds the placeholder '<subdomain>'",
    # 8x8: what stands before the colon is a label
    "Germany (Frankfurt): 130.61.162.0/24": "destination ",
    # Webex: a path, which opens the whole host
    "msftncsi.com/ncsi.txt<br><br>captive.apple.com/hotspot-detect.html": "a name has no path",
}


@pytest.mark.parametrize("cell", READ)
def test_what_is_read(cell: str) -> None:
    assert read_destinations(cell) == READ[cell]


def test_what_of_it_needs_a_reason() -> None:
    names = {name for found, _remarks in READ.values() for name in found if "/" not in name}
    assert {name for name in names if opens_to_anybody(name)} == WIDE


@pytest.mark.parametrize("cell", REFUSED)
def test_what_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match=re.escape(REFUSED[cell])):
        read_destinations(cell)


def test_what_agrees_with_its_row_is_read() -> None:
    assert read_destinations("all hosts (optional)", requirement="optional") == (["0.0.0.0/0", "::/0"], [])
