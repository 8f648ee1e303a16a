"""Selecting rows: the choices that somebody made, and the messages that name those there are."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import parse_age, select_rows

from tests.support.catalog import TODAY, select, shipped


def destinations(selection: dict[str, Any], service: str = "") -> list[str]:
    found = [row["destination"] for row in selection["rows"] if not service or row["service"] == service]
    return list(dict.fromkeys(found))


def test_a_row_has_its_cells_as_printed() -> None:
    rows = select({"name": "kore_ai", "regions": ["us"]})["rows"]
    media = next(row for row in rows if row["service"] == "us_media_relay")
    assert media == {
        "vendor": "kore_ai",
        "service": "us_media_relay",
        "row": 1,
        "title": "STUN SERVER & MEDIA RELAY: Secure Media (ICE/STUN/SRTP) Edge Locations",
        "label": "Media",
        "destination": "168.86.128.0/18",
        "protocol": "UDP",
        "ports": "10,000 – 60,000",
        "requirement": "required",
        "source": "US Firewall Rules",
        "date": "2026-11-20",
    }


def test_a_region_brings_its_addresses_and_names_and_no_others() -> None:
    usa = select({"name": "kudo", "regions": ["usa"]})
    assert destinations(usa, "domains") == ["*.kudoway.com", "*.tokbox.com", "*.opentok.com"]
    assert destinations(usa, "usa_server") == ["44.194.123.245", "54.183.2.235"]
    assert not destinations(usa, "china_server")
    assert len(destinations(usa, "media")) == 44


def test_china_has_addresses_and_no_names_of_its_own() -> None:
    china = select({"name": "kudo", "regions": ["china"]})
    assert destinations(china, "china_server") == ["47.52.44.158", "47.52.109.58"]
    assert destinations(china, "domains") == ["*.tokbox.com", "*.opentok.com"]


def test_hosts_replace_the_wildcards_that_the_page_has_hosts_for() -> None:
    hosts = select({"name": "kudo", "regions": ["canada"], "names": "hosts"})
    assert destinations(hosts, "sub_domains") == [
        "https://live.kudoway.ca",
        "https://api.kudoway.ca",
        "https://session-console.kudoway.ca",
    ]
    assert destinations(hosts, "domains") == ["*.tokbox.com", "*.opentok.com"]


def test_the_ports_of_teams_go_to_the_two_hosts_of_teams_only() -> None:
    rows = select({"name": "kudo", "regions": "all", "teams": True})["rows"]
    of_teams = {row["destination"] for row in rows if row["ports"] in ("8445", "9444")}
    assert of_teams == {"https://teams-bot.kudoway.com", "https://teams-web.kudoway.com"}
    assert not [row for row in select({"name": "kudo", "regions": "all"})["rows"] if row["service"] == "teams"]


def test_requirements_narrow_to_what_is_required() -> None:
    def ports(*requirements: str) -> set[str]:
        selection = select({"name": "kudo", "regions": "all"}, requirements=requirements)
        return {f"{row['protocol']} {row['ports']}" for row in selection["rows"]}

    assert ports("required") == {"TCP 443"}
    assert ports("recommended") == {"UDP 3478"}
    assert ports("required", "recommended") == {"TCP 443", "UDP 3478"}
    assert ports("optional") == set()
    in_words = select({"name": "kudo", "regions": "all"}, requirements="required")["rows"]
    assert {row["ports"] for row in in_words} == {"443"}


def test_the_signaling_port_replaces_the_example_and_the_data_range_is_a_default() -> None:
    rows = select({"name": "eschat", "signaling_port": 7412})["rows"]
    ports = {row["service"]: row["ports"] for row in rows}
    assert (ports["signaling"], ports["data"]) == ("7412", "4201-4264")
    rows = select({"name": "eschat", "signaling_port": "7412", "data_ports": "4300-4363"})["rows"]
    assert {row["ports"] for row in rows if row["service"] == "data"} == {"4300-4363"}
    assert "35.153.48.78" in {row["destination"] for row in rows}


def test_apple_comes_with_ios_and_says_why_it_is_so_wide() -> None:
    assert not destinations(select({"name": "eschat", "signaling_port": 1}), "apns")
    rows = select({"name": "eschat", "signaling_port": 1, "ios": "yes"})["rows"]
    apple = next(row for row in rows if row["service"] == "apns")
    assert apple["destination"] == "17.0.0.0/8"
    assert apple["wide_because"]


def test_inbound_rules_are_recommended_ones_beside_the_outbound() -> None:
    plain = select({"name": "zoom"})["rows"]
    both = select({"name": "zoom", "inbound": True})["rows"]
    assert not [row for row in plain if "direction" in row]
    inbound = [row for row in both if row.get("direction") == "inbound"]
    assert len(inbound) == len(plain) == len(both) / 2
    assert {row["requirement"] for row in inbound} == {"recommended"}
    assert select({"name": "zoom", "inbound": True}, requirements=["required"])["rows"] == plain


def test_one_click_takes_the_united_states_from_the_page_and_others_from_twilio() -> None:
    default = select({"name": "securevideo", "engines": "one_click"})
    assert len(destinations(default, "one_click_media")) == 7
    assert [source["id"] for source in default["sources"]] == ["securevideo_2022_11"]
    ireland = select({"name": "securevideo", "engines": ["one_click"], "one_click_regions": "ie1"})
    assert [cell.count(" - ") for cell in destinations(ireland, "one_click_media")] == [4]
    assert {source["id"] for source in ireland["sources"]} == {"securevideo_2022_11", "twilio_regions"}


def test_ocsp_is_off_unless_chosen() -> None:
    assert "*.digicert.com" not in destinations(select({"name": "securevideo", "engines": "all"}))
    assert destinations(select({"name": "securevideo", "engines": "zoom", "ocsp": True}), "ocsp") == ["*.digicert.com"]


def test_timers_name_the_chosen_services_only() -> None:
    timers = select({"name": "securevideo", "engines": ["zoom"]})["timers"]
    assert [(timer["services"], timer["seconds"]) for timer in timers] == [(["zoom_media"], 3600)]
    timers = select({"name": "eschat", "signaling_port": 7400})["timers"]
    assert {timer["protocol"]: timer["seconds"] for timer in timers} == {"tcp": 720, "udp": 60}


def test_what_no_rule_can_be_made_of_follows_the_choice() -> None:
    titles = [entry["title"] for entry in select({"name": "securevideo", "engines": "zoom"})["not_rules"]]
    assert titles == ["CDN addresses of Zoom"]


@pytest.mark.parametrize("regions", ["all", ["all"], "usa, all", "usa,europe,canada,china"])
def test_all_and_commas(regions: Any) -> None:
    vendor = select({"name": "kudo", "regions": regions})["vendors"][0]
    assert vendor["options"]["regions"] == ["usa", "europe", "canada", "china"]
    assert vendor["all"] == (["regions"] if "all" in regions else [])
    assert vendor["defaults"] == ["teams", "names"]


@pytest.mark.parametrize(("value", "meant"), [("yes", True), ("True", True), ("no", False), (1, True), ("off", False)])
def test_yes_and_no_in_the_words_of_the_command_line(value: Any, meant: bool) -> None:
    assert select({"name": "eschat", "signaling_port": 1, "ios": value})["vendors"][0]["options"]["ios"] is meant


REGIONS = "usa, europe, canada, china"
REFUSED: list[tuple[Any, str]] = [
    ([], "no vendor is chosen: write names of vendors, or entries with a name and options; known are eschat, kore_ai"),
    ("", "no vendor is chosen: write names of vendors"),
    (None, "no vendor is chosen: write names of vendors"),
    (7, "vendors: entry 1 is neither a vendor's name nor an entry with a name; known are eschat, kore_ai"),
    ([{"regions": "usa"}], "vendors: entry 1 is neither a vendor's name nor an entry with a name"),
    (["vsee", 7], "vendors: entry 2 is neither a vendor's name nor an entry with a name"),
    ("kudo", f"kudo: regions must be chosen: any of {REGIONS}, or all"),
    (["vsee", {"name": "vsee"}], "vsee: is chosen twice"),
    ([{"name": "kodo"}], f"unknown vendor 'kodo': known are {', '.join(shipped())}; did you mean kudo?"),
    ("KUDO", f"unknown vendor 'KUDO': known are {', '.join(shipped())}; did you mean kudo?"),
    ("Kore.ai", f"unknown vendor 'Kore.ai': known are {', '.join(shipped())}; did you mean kore_ai?"),
    ([{"name": ["kudo"]}], "unknown vendor '['kudo']': known are eschat,"),
    ([{"name": "kudo"}], f"kudo: regions must be chosen: any of {REGIONS}, or all"),
    ([{"name": "kudo", "regions": None}], f"kudo: regions must be chosen: any of {REGIONS}, or all"),
    ([{"name": "kudo", "regions": []}], f"kudo: regions is an empty list: write any of {REGIONS}, or all"),
    ([{"name": "kudo", "regions": "a;b"}], f"kudo: regions: unknown value 'a;b': known are {REGIONS}, all"),
    (
        [{"name": "kudo", "regions": "us"}],
        f"kudo: regions: unknown value 'us': known are {REGIONS}, all; did you mean",
    ),
    (
        [{"name": "kudo", "team": 1}],
        "kudo: unknown option 'team': known are regions, teams, names; did you mean",
    ),
    (
        [{"name": "kudo", "regions": "all", "names": "any"}],
        "kudo: names: unknown value 'any': known are wildcard,",
    ),
    ([{"name": "kudo", "regions": "all", "teams": "2"}], "kudo: teams: '2' is neither yes nor no"),
    ([{"name": "vsee", "region": "us"}], "vsee: unknown option 'region': there are none"),
    ([{"name": "eschat"}], "eschat: signaling_port must be given: your TCP signaling port, from your customer profile"),
    ([{"name": "eschat", "signaling_port": True}], "eschat: signaling_port: 'True' is not a port"),
    ([{"name": "eschat", "signaling_port": " "}], "eschat: signaling_port: ' ' is not a port"),
    ([{"name": "eschat", "signaling_port": [7400]}], "eschat: signaling_port: '[7400]' is not a port"),
    ([{"name": "vsee"}, {"name": "vsee"}], "vsee: is chosen twice: write one entry with all that you want of it"),
]


@pytest.mark.parametrize(("vendors", "message"), REFUSED)
def test_what_cannot_be_chosen_is_refused_with_the_choices(vendors: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        select_rows(shipped(), vendors, today=TODAY)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"requirements": ["mandatory"]}, "unknown requirement 'mandatory': known are required, recommended, optional"),
        ({"requirements": []}, "requirements is empty"),
        ({"stale": "ignore"}, "stale 'ignore': write warn or fail"),
    ],
)
def test_other_arguments_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        select({"name": "vsee"}, **options)


@pytest.mark.parametrize(
    ("today", "age", "stale"),
    [("2024-02-29", 730, False), ("2024-03-01", 731, True), ("2022-03-01", 0, False)],
)
def test_a_month_counts_from_its_first_day(today: str, age: int, stale: bool) -> None:
    source = select({"name": "kudo", "regions": "usa"}, today=datetime.date.fromisoformat(today))["sources"][0]
    assert (source["date"], source["age_days"], source["stale"]) == ("2022-03", age, stale)


def test_stale_sources_can_be_an_error_that_lists_them() -> None:
    with pytest.raises(
        ValueError, match=r"^sources are older than 730 days: kudo: 'KUDO Firewall rules' of 2022-03, 1725"
    ):
        select({"name": "kudo", "regions": "usa"}, stale="fail")
    assert select({"name": "kudo", "regions": "usa"}, stale="fail", max_age_days=1725)["rows"]


def dated(date: str) -> dict[str, Any]:
    source = {"id": "page", "title": "Page", "date": date}
    service = {
        "name": "media",
        "title": "Media",
        "source": "page",
        "rows": [{"destination": "192.0.2.1", "ports": "1"}],
    }
    return {"acme": {"title": "Acme", "sources": [source], "services": [service]}}


@pytest.mark.parametrize("date", ["9999-12", "9999-12-31", "2027-01", "2026-12-02", "2027-11-30"])
@pytest.mark.parametrize("stale", ["fail", "warn"])
def test_a_date_to_come_is_an_error(date: str, stale: str) -> None:
    message = f"^acme: 'Page' of {date}: the date is later than today, 2026-11-30: write the date of the document$"
    with pytest.raises(ValueError, match=message):
        select_rows(dated(date), ["acme"], today=datetime.date(2026, 11, 30), stale=stale)


@pytest.mark.parametrize("date", ["2026-11", "2026-12", "2026-11-30", "2026-12-01"])
def test_today_and_tomorrow_are_no_dates_to_come(date: str) -> None:
    assert select_rows(dated(date), ["acme"], today=datetime.date(2026, 11, 30))["rows"]


def test_ports_from_an_older_page_show_their_source_beside_the_addresses() -> None:
    zoom = select({"name": "zoom"})
    assert {(source["id"], source["stale"]) for source in zoom["sources"]} == {
        ("zoom_2026_06", False),
        ("securevideo_2022_11", True),
    }
    assert {row["date"] for row in zoom["rows"] if row["service"] == "media"} == {"2026-06"}


@pytest.mark.parametrize(
    ("service", "row", "traffic", "weakest"),
    [
        ("required", "optional", "recommended", "optional"),
        ("recommended", "required", "required", "recommended"),
        ("required", "required", "optional", "optional"),
        (None, None, "recommended", "recommended"),
        (None, None, None, "required"),
    ],
)
def test_the_weakest_of_several_requirements_counts(
    service: str | None, row: str | None, traffic: str | None, weakest: str
) -> None:
    def with_requirement(entry: dict[str, Any], requirement: str | None) -> dict[str, Any]:
        return {**entry, "requirement": requirement} if requirement else entry

    media = {
        "name": "media",
        "title": "Media",
        "source": "page",
        "traffic": [with_requirement({"protocol": "TCP", "ports": "443"}, traffic)],
        "rows": [with_requirement({"destination": "192.0.2.1"}, row)],
    }
    source = {"id": "page", "title": "Page", "date": "2026-03"}
    catalog = {"mine": {"title": "Mine", "sources": [source], "services": [with_requirement(media, service)]}}
    every = ["required", "recommended", "optional"]
    rows = select_rows(catalog, [{"name": "mine"}], requirements=every, today=TODAY)["rows"]
    assert [found["requirement"] for found in rows] == [weakest]


@pytest.mark.parametrize(
    ("text", "days"), [("730d", 730), ("24mo", 730), ("2y", 730), ("1mo", 30), (" 0d ", 0), ("5 y", 1825)]
)
def test_ages(text: str, days: int) -> None:
    assert parse_age(text) == days


@pytest.mark.parametrize("text", ["", "2", "y", "-1d", "1.5y", "2w", "٣d", "2y\n3"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 730d, 24mo or 2y"):
        parse_age(text)
