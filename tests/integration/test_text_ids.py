# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Transactions that stations name by texts of their own (OCPP 2.0.1): by the service, which a test
module uses as such a protocol's module would."""

import os

import pytest
from harness import PLUGINS, Daemon, Station, run

MODULES = os.path.abspath(os.path.join(PLUGINS, "..", "tests", "modules", "modules"))
ID = "a3f0c4e2-5f1e-4d6c-9f0a-000000000001"


@pytest.fixture()
def daemon(tmp_path):
    made = Daemon(tmp_path, {"micro_books": {}}, module_dir=[MODULES])

    async def connect():
        async with Station.connect(made, "T-1"), Station.connect(made, "T-2"):
            pass
    with made:
        run(connect())
        yield made


def ask(daemon, what, station="T-1", **body):
    status, answer = daemon.api("POST", f"/v1/micro/{station}/{what}", {"id": ID, **body})
    assert status == 200, answer
    return answer


def show(daemon, number):
    status, found = daemon.api("GET", f"/v1/transactions/{number}")
    assert status == 200, found
    return found


def values(daemon, number):
    status, found = daemon.api("GET", f"/v1/transactions/{number}/meter-values")
    assert status == 200, found
    return [value["value"] for item in found["items"] for value in item["sampledValue"]]


def test_start_readings_and_stop_meet_by_text(daemon):
    number = ask(daemon, "begin", second=-100, meter=1000)["transactionId"]
    assert ask(daemon, "report", second=-50, value="1500")["transactionId"] == number
    assert daemon.api("GET", "/v1/micro/T-1/active")[1]["items"] == [
        {"id": ID, "type": "ISO14443"}]
    found = show(daemon, number)
    assert (found["stationTransactionId"], found["idTag"], found["idTagType"]) == (
        ID, "TOKEN", "ISO14443")
    daemon.restart()  # what is under way is read again, with its text
    assert daemon.api("GET", "/v1/micro/T-1/active")[1]["items"] == [
        {"id": ID, "type": "ISO14443"}]
    assert ask(daemon, "report", second=-40, value="1600")["transactionId"] == number
    stopped = ask(daemon, "end", second=-10, meter=2000)
    assert (stopped["transactionId"], stopped["repeat"]) == (number, False)
    found = show(daemon, number)
    assert (found["energyWh"], found["active"]) == (1000, False)
    assert (found["stopIdTag"], found["stopIdTagType"]) == ("CARD", "KeyCode")
    # Readings and a stop that come again, or late, find it in the books.
    ask(daemon, "report", second=-20, value="1900")
    assert values(daemon, number) == ["1500", "1600", "1900"]
    again = ask(daemon, "end", second=-10, meter=2000)
    assert (again["transactionId"], again["repeat"]) == (number, True)
    assert len(daemon.api("GET", "/v1/transactions")[1]["items"]) == 1


def test_the_same_text_at_another_station_is_another_one(daemon):
    first = ask(daemon, "begin", second=-100)["transactionId"]
    second = ask(daemon, "begin", "T-2", second=-100)["transactionId"]
    assert first != second
    assert ask(daemon, "end", "T-2", second=-10, meter=5)["transactionId"] == second
    assert show(daemon, first)["active"] and not show(daemon, second)["active"]


def test_another_text_stops_nothing_that_is_under_way(daemon):
    number = ask(daemon, "begin", second=-100)["transactionId"]
    orphan = ask(daemon, "end", second=-10, meter=5, id="another")["transactionId"]
    ask(daemon, "report", second=-50, value="7", id="another-still")
    assert orphan != number and show(daemon, number)["active"]
    found = show(daemon, orphan)
    assert "orphan" in found["flags"] and found["stationTransactionId"] == "another"
    assert values(daemon, number) == []


def test_what_comes_before_its_start_is_matched_by_text(daemon):
    other = ask(daemon, "end", second=-200, meter=900, id="other")["transactionId"]
    ask(daemon, "report", second=-150, value="1200")
    orphan = ask(daemon, "end", second=-100, meter=2000)["transactionId"]
    repeated = ask(daemon, "end", second=-100, meter=2000)
    assert (repeated["transactionId"], repeated["repeat"]) == (orphan, True)
    number = ask(daemon, "begin", second=-300, meter=500)["transactionId"]
    daemon.log.wait("transaction.matched")
    assert show(daemon, orphan)["matchedTransactionId"] == number
    assert "matchedTransactionId" not in show(daemon, other)
    found = show(daemon, number)
    assert (found["active"], found["meterStop"], found["stopIdTagType"]) == (
        False, 2000, "KeyCode")
    assert values(daemon, number) == ["1200"]
