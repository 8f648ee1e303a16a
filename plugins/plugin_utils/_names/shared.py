# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Domains below which anybody can have names: public suffixes by their form, and those of clouds and of networks.

It is asked before a broader name is offered. What is taken for shared and is not costs an offer; so the forms are wide.
"""

from __future__ import annotations

# What countries register names under: co.uk, com.au, or.jp, gov.br.
_SECOND = frozenset(
    ("ac", "asso", "biz", "co", "com", "csiro", "ed", "edu", "firm", "gen", "go", "gob", "gouv", "gov", "govt", "gv",
     "id", "idv", "inf", "info", "kr", "lg", "ltd", "me", "mil", "mod", "mus", "name", "ne", "net", "nhs", "nic", "nom",
     "od", "or", "org", "per", "plc", "police", "pro", "re", "sch", "school", "web")
)  # fmt: skip
# Of clouds, of networks that deliver content, and of who hosts pages and names for others.
_RENTED = frozenset(
    ("akamai.net", "akamaiedge.net", "akamaihd.net", "akamaized.net", "aliyuncs.com", "amazonaws.com",
     "amazonaws.com.cn", "appspot.com", "aws", "awsglobalaccelerator.com", "azure.cn", "azure.com", "azure.net",
     "azureedge.net", "azurefd.net", "azurewebsites.net", "b-cdn.net", "bcebos.com", "cdn77.org", "cdngc.net",
     "chinacloudapi.cn", "chinacloudsites.cn", "cloud.goog", "cloudapp.net", "cloudflare.com", "cloudflare.net",
     "cloudfront.net", "cloudfunctions.net", "digitaloceanspaces.com", "duckdns.org", "dyndns.org", "edgekey.net",
     "edgesuite.net", "elasticbeanstalk.com", "fastly.net", "fastlylb.net", "firebaseapp.com", "firebaseio.com",
     "fly.dev", "github.io", "gitlab.io", "googleapis.com", "googleusercontent.com", "herokuapp.com", "herokudns.com",
     "hwclouds.com", "kunlunaq.com", "kunlunar.com", "lbx.us", "linode.com", "linodeobjects.com", "llnwd.net",
     "llnwi.net", "myhuaweicloud.com", "myqcloud.com", "netdna-cdn.com", "netlify.app", "ngrok.io", "on.aws",
     "ondigitalocean.app", "onrender.com", "oraclecloud.com", "ovh.net", "pages.dev", "qcloud.com", "r2.dev", "run.app",
     "scw.cloud", "stackpathcdn.com", "tencentcs.com", "tencentcos.cn", "trafficmanager.net", "vercel.app",
     "volces.com", "web.app", "windows.net", "workers.dev")
)  # fmt: skip


def is_shared(domain: str) -> bool:
    """Tell whether below a domain, C{co.uk} or C{elb.eu-west-1.amazonaws.com}, anybody can have names."""
    labels = domain.split(".")
    if len(labels) < 2:
        return True
    if len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _SECOND:
        return True
    return any(".".join(labels[number:]) in _RENTED for number in range(len(labels)))
