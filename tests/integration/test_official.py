# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The check of the daemon's frames finds what it is there to find."""

import asyncio
import json

import pytest
from harness import DEADLINE_S, Daemon, Station, run
from official import SCHEMAS, TALLY, Conversation, is_date_time, is_uri

needs_schemas = pytest.mark.skipif(SCHEMAS.absence is not None, reason=str(SCHEMAS.absence))
NOW = "2026-03-01T10:00:00.123Z"
BOOT = '[2,"b","BootNotification",{}]'
LIMIT = ('[2,"a","SetChargingProfile",{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,'
         '"stackLevel":0,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative",'
         '"chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":'
         '[{"startPeriod":0,"limit":%s}]}}}]')


def judged(received, *sent):
    """What is found wrong with a text, leaving nothing for the fixture of this test."""
    conversation = Conversation()
    before = dict(TALLY.counts)
    for text in sent:
        conversation.sent(text)
    conversation.received(received)
    TALLY.counts.clear()
    TALLY.counts.update(before)
    return TALLY.take()


@pytest.mark.parametrize("text", [
    "", "{}", "[]", '[3,"b"]', "[2,", '[5,"a",{}]', '[3,"b",{"interval":NaN}]',
    '[3,"b",{"interval":1,"interval":1}]', '[3,"b",null]', '[3,"b",{},{}]', '[3,"c",{}]',
    '[3,98,{}]', '[2,"","Reset",{"type":"Soft"}]', '[2,17,"Reset",{"type":"Soft"}]',
    f'[2,"{"x" * 37}","Reset",{{"type":"Soft"}}]', '[2,"a","Reset"]', '[2,"a","Reset",null]',
    '[2,"a",{"type":"Soft"}]', '[4,"b","GenericError","",null]', '[4,"b","GenericError",""]',
    '[4,"b","FormatViolation","",{}]', f'[4,"b","GenericError","{"x" * 256}",{{}}]',
    '[4,"c","GenericError","",{}]',
])
def test_form_is_judged(text):
    assert judged(text, BOOT) != []


@pytest.mark.parametrize("sent,received", [
    (BOOT, '[4,"b","GenericError","",{}]'),
    ('[2,98,"Heartbeat",{}]', '[4,98,"GenericError","",{}]'),
    ('\ufeff [ 2 , 1.50 ,"Heartbeat",{}', '[4,1.50,"GenericError","",{}]'),
    (r'[2,"\u0041\"","Heartbeat",{}]', r'[4,"A\"","GenericError","",{}]'),
])
def test_answers_are_found_by_their_ids(sent, received):
    assert judged(received, sent) == []


@needs_schemas
@pytest.mark.parametrize("text", [
    '[3,"b",{"status":"Accepted","interval":1}]',
    '[3,"b",{"status":"Accepted","interval":1,"currentTime":"2026-03-01T10:00:00"}]',
    f'[3,"b",{{"status":"Accepted","interval":1.5,"currentTime":"{NOW}"}}]',
    f'[3,"b",{{"status":"accepted","interval":1,"currentTime":"{NOW}"}}]',
    f'[3,"b",{{"status":"Accepted","interval":1,"currentTime":"{NOW}","extra":1}}]',
    f'[2,"a","ChangeConfiguration",{{"key":"{"k" * 51}","value":""}}]',
    '[2,"a","MakeCoffee",{}]', LIMIT % "16.05", LIMIT % "1e-2", LIMIT % '"16"',
    '[2,"a","GetDiagnostics",{"location":"no uri"}]',
])
def test_payloads_are_judged(text):
    assert judged(text, BOOT) != []


@needs_schemas
@pytest.mark.parametrize("text", [
    f'[3,"b",{{"status":"Accepted","interval":1,"currentTime":"{NOW}"}}]',
    '[2,"a","ChangeConfiguration",{"key":"%s","value":"\u00e9"}]' % ("\u00e9" * 50),
    # Multiples of 0.1 that no binary floating point number is.
    LIMIT % "0.3", LIMIT % "1.1", LIMIT % "16.10", LIMIT % "25", LIMIT % "160e-1",
    '[2,"a","GetDiagnostics",{"location":"ftp://user:pw@[::1]:21/a%20b?c#d"}]',
])
def test_good_payloads_are_none_the_worse(text):
    assert judged(text, BOOT) == []


@pytest.mark.parametrize("text,is_good", [
    (NOW, True), ("2026-03-01t10:00:00z", True), ("2026-03-01T10:00:00-03:30", True),
    ("2024-02-29T23:59:60Z", True), ("2026-02-29T10:00:00Z", False), ("0000-02-29T00:00:00Z", True),
    ("2026-03-01T24:00:00Z", False), ("2026-03-01T10:00:00.Z", False), ("2026-03-01 10:00:00Z", False),
    ("2026-03-01T10:00Z", False), ("2026-03-01T10:00:00+0200", False), ("2026-3-1T10:00:00Z", False),
    ("2026-03-01T10:00:00+24:00", False), ("\u0662026-03-01T10:00:00Z", False), (NOW + "\n", False),
])
def test_date_times(text, is_good):
    assert is_date_time(text) is is_good


@pytest.mark.parametrize("text,is_good", [
    ("https://example.com/a", True), ("urn:x", True), ("/a", False), ("1a:b", False),
    ("http://a b", False), ("http://a/%zz", False), ("http://\u00e9", False), ("", False),
])
def test_uris(text, is_good):
    assert is_uri(text) is is_good


def test_stations_have_what_they_receive_judged(tmp_path):
    async def session(daemon):
        async with Station.connect(daemon) as station:
            await station.call("Heartbeat", {})
            station.reader.cancel()  # nobody reads any more
            before = sum(TALLY.counts.values())
            # The library takes it off the wire all the same; its pong comes behind it.
            await station.socket.send('[2,"unread","Heartbeat",{}]')
            while sum(TALLY.counts.values()) == before:
                await asyncio.wait_for(await station.socket.ping(), DEADLINE_S)
            # An answer that nobody asked for, as far as the check knows.
            station.socket.conversation.asked.clear()
            station.socket.conversation.sent = lambda text: None
            while not TALLY.violations:
                await station.socket.send('[2,"odd","Heartbeat",{}]')
                await asyncio.wait_for(await station.socket.ping(), DEADLINE_S)

    with Daemon(tmp_path) as daemon:
        run(session(daemon))
    assert all("answers what was not asked" in flaw for flaw in TALLY.take())


@needs_schemas
def test_every_message_has_its_schema():
    actions = {action for action, _ in SCHEMAS.documents}
    assert len(actions) == 39
    assert all((action, kind) in SCHEMAS.documents for action in actions for kind in (True, False))
    assert json.dumps(sorted(actions)).count("Response") == 0
