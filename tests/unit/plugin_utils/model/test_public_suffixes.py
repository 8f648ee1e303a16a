# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public suffixes and domains of clouds: which names and patterns open what anybody can have."""

from __future__ import annotations

import re

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.destinations import expand_ranges
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.cloud_domains import CLOUD_DOMAINS
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.public_suffixes import (
    opens_to_anybody,
    public_suffix,
    registrable,
)

from tests.support.repository import VENDOR_FOLDER

# Name -> the domain that is registered, as the vectors of publicsuffix.org have it; '' for a suffix.
REGISTRABLE = {
    "com": "",
    "example.com": "example.com",
    "b.example.com": "example.com",
    "uk.com": "uk.com",  # a company's suffix, and so no registry's
    "co.uk": "",
    "example.co.uk": "example.co.uk",
    "a.b.example.co.uk": "example.co.uk",
    "c.mm": "",  # '*.mm'
    "b.c.mm": "b.c.mm",
    "a.b.c.mm": "b.c.mm",
    "jp": "",
    "test.jp": "test.jp",
    "kyoto.jp": "",
    "test.kyoto.jp": "test.kyoto.jp",
    "ide.kyoto.jp": "",
    "a.b.ide.kyoto.jp": "b.ide.kyoto.jp",
    "c.kobe.jp": "",  # '*.kobe.jp'
    "b.c.kobe.jp": "b.c.kobe.jp",
    "city.kobe.jp": "city.kobe.jp",  # '!city.kobe.jp'
    "www.city.kobe.jp": "city.kobe.jp",
    "test.ck": "",  # '*.ck'
    "b.test.ck": "b.test.ck",
    "www.ck": "www.ck",  # '!www.ck'
    "www.www.ck": "www.ck",
    "us": "",
    "test.us": "test.us",
    "ak.us": "",
    "a.b.k12.ak.us": "b.k12.ak.us",
    "xn--85x722f.com.cn": "xn--85x722f.com.cn",
    "www.xn--85x722f.xn--55qx5d.cn": "xn--85x722f.xn--55qx5d.cn",
    "xn--55qx5d.cn": "",
    "shishi.xn--fiqs8s": "shishi.xn--fiqs8s",
    "xn--fiqs8s": "",
    "pbx.site.corp.example1": "corp.example1",  # no rule: the last label
    "a.s3.amazonaws.com": "amazonaws.com",
}

WIDE = [
    "com",
    "*.com",
    "*.co.uk",
    "co.uk",
    "rtc*.co.uk",
    "*.*.com",
    "a.*.com",
    "*example.com",
    "example*.com",
    "*.ck",
    "*.a.ck",
    "*.kobe.jp",
    "*.c.kobe.jp",
    "*.local",
    "*.xn--55qx5d.cn",
    "*.github.io",
    "github.io",
    "rtc*.github.io",
    "*.blogspot.com",
    "*.amazonaws.com",
    "amazonaws.com",
    "*.amazonaws.com.cn",
    "*.s3.amazonaws.com",
    "s3.amazonaws.com",
    "*s3.amazonaws.com",
    "*.s3.eu-west-1.amazonaws.com",
    *("*.s3-accelerate.amazonaws.com", "*.use1.cache.amazonaws.com", "*.us-east-1.es.amazonaws.com"),
    *("*.mq.eu-west-1.amazonaws.com", "*.redis.cache.windows.net", "*.mysql.database.azure.com", "*.sharepoint.com"),
    *("*.azurecontainerapps.io", "app.*.westeurope.azurecontainerapps.io", "*.z6.web.core.windows.net"),
    *("*.cloudapp.cn", "*.chinaeast.cloudapp.chinacloudapi.cn", "*.firebaseio.com", "*.firebasedatabase.app"),
    *("*.s3.wasabisys.com", "*.s3.eu-central-1.wasabisys.com", "*.r2.cloudflarestorage.com"),
    *("*.eu.r2.cloudflarestorage.com", "*.nyc3.cdn.digitaloceanspaces.com", "*.s3.us-west-000.backblazeb2.com"),
    *("*.mybluemix.net", "*.eu-de.mybluemix.net", "*.wpengine.com", "*.cfargotunnel.com", "*.mongodb.net"),
    *("*.g.akamai.net", "*.dscb.akamaiedge.net", "*.global.fastly.net", "*.clients.your-server.de"),
    *("*.cdn.bcebos.com", "*.bj.bcebos.com", "*.obs.cn-north-4.myhuaweicloud.com", "*.tos-cn-beijing.volces.com"),
    *("*.cn-bj.ufileos.com", "*.b0.upaiyun.com", "*.s3-cn-east-1.qiniucs.com", "*.tcloudbaseapp.com"),
    "*.compute.amazonaws.com",
    "*.eu-west-1.compute.amazonaws.com",
    "*.eu-west-1.amazonaws.com",
    "*.elb.eu-west-1.amazonaws.com",
    "turn-*.elb.eu-west-1.amazonaws.com",
    "*.elb.*.amazonaws.com",
    "rtc*.amazonaws.com",
    "turn-*.elb.REGION.amazonaws.com",
    "*.elb.amazonaws.com",
    "*dkr.ecr.us-east-1.amazonaws.com",
    "*.cloudfront.net",
    "*.googleapis.com",
    "googleapis.com",
    "storage.googleapis.com",
    "*.appspot.com",
    "*.run.app",
    "*.a.run.app",
    "*.web.app",
    "*.azure.com",
    "*.windows.net",
    "*.core.windows.net",
    "*.blob.core.windows.net",
    "*.cloudapp.net",
    "*.azurewebsites.net",
    "*.westeurope.cloudapp.azure.com",
    "*.trafficmanager.net",
    "*.akamaiedge.net",
    "*.akamai.net",
    "*.edgekey.net",
    "*.fastly.net",
    "*.map.fastly.net",
    "*.llnwd.net",
    "*.cloudflare.net",
    "*.cdn.cloudflare.net",
    "*.rackcdn.com",
    "*.herokuapp.com",
    "*.oraclecloud.com",
    "*.digitaloceanspaces.com",
    "*.fra1.digitaloceanspaces.com",
    "*.workers.dev",
    "*.aliyuncs.com",
    "*.oss-cn-beijing.aliyuncs.com",
    "*.myqcloud.com",
    "*.cos.myqcloud.com",
    "*.myhuaweicloud.com",
    "*.bcebos.com",
    "*.ksyuncs.com",
    "*.chinacloudapi.cn",
    "*.blob.core.chinacloudapi.cn",
    "*.qiniucdn.com",
    "*.wscdns.com",
]

NARROW = [
    "example.com",
    "*.example.com",
    "rtc*.connect.example.com",
    "turn-*.elb.*.example.com",
    "turn-*.elb.REGION.example.com",
    "*.example.co.uk",
    "example.co.uk",
    "*.www.ck",
    "*.city.kobe.jp",
    "*.corp.local",
    "pbx.corp.local",
    "*.user.github.io",
    "user.github.io",
    "bucket.s3.amazonaws.com",
    "bucket.s3.eu-west-1.amazonaws.com",
    "*.connect.eu-west-1.amazonaws.com",
    "rtc*.connect-telecom.eu-west-1.amazonaws.com",
    "d111111abcdef8.cloudfront.net",
    "maps.googleapis.com",
    "ec2.amazonaws.com",
    "ip-ranges.amazonaws.com",
    "ec2.eu-west-1.amazonaws.com",
    "ecs.aliyuncs.com",
    *("tenant.sharepoint.com", "*.app.westeurope.azurecontainerapps.io", "bucket.bj.bcebos.com", "db.firebaseio.com"),
    "*.app.herokuapp.com",
    "*.google.com",
    "*.microsoft.com",
    "*.cisco.com",
    "*.zoom.us",
    "zoom.us",
    "*.apple.com",
    "*.xn--bcher-kva.example",
    "a1.example.com-v2.edgekey.net",
]


@pytest.mark.parametrize(("name", "expected"), REGISTRABLE.items())
def test_what_is_registered(name: str, expected: str) -> None:
    assert registrable(name) == expected
    if expected:
        assert expected == f"{expected.partition('.')[0]}.{public_suffix(name, registries=True)}"


def test_suffixes_of_companies_are_apart() -> None:
    assert public_suffix("a.b.github.io") == "github.io"
    assert public_suffix("a.b.github.io", registries=True) == "io"


@pytest.mark.parametrize("pattern", WIDE)
def test_what_anybody_can_have(pattern: str) -> None:
    reason = opens_to_anybody(pattern)
    assert reason.startswith("opens any name below '" if re.search(r"[*A-Z]", pattern) else "is a "), reason


@pytest.mark.parametrize("pattern", NARROW)
def test_what_one_has(pattern: str) -> None:
    assert opens_to_anybody(pattern) == ""


@pytest.mark.parametrize("domain", CLOUD_DOMAINS)
def test_every_domain_of_a_cloud_is_wide_as_a_name_and_as_a_pattern(domain: str) -> None:
    name = domain.replace("*", "eu-west-1").replace("REGION", "eu-west-1")
    assert expand_ranges(name) == [name]
    for pattern in (name, f"*.{name}", f"a*.{name}"):
        assert opens_to_anybody(pattern), pattern


def test_what_the_catalog_ships_opens_nothing_of_anybody() -> None:
    text = "".join(path.read_text() for path in sorted(VENDOR_FOLDER.glob("*.yml")))
    names = set(re.findall(r"(?:\*\.)?(?:[a-z0-9-]+\.)+(?:com|net|us|eu|ai|org|io|cn|ca)\b", text))
    assert len(names) > 20
    assert [name for name in sorted(names) if opens_to_anybody(name)] == []
