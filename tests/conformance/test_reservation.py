# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Cases of the Reservation profile."""

import asyncio
import time

import pytest
from octt import PARENT, SAME_PARENT, VALID

# The expiry's offset, as it is configured in the tool.
OFFSET_S = 2


def ahead(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + seconds))


async def reserve(operator, status, connector=1, expiry=None, **more):
    """The reservation's id, which the CSMS chooses."""
    terms = {"connectorId": connector, "idTag": VALID, "expiryDate": expiry or ahead(3600), **more}
    sent = await operator.request("ReserveNow", terms, {"status": status})
    reservation = sent.pop("reservationId")
    assert sent == terms and reservation > 0
    return reservation


async def sees(cp, operator, reservation, status, **members):
    wanted = {"stationId": cp.identity, "status": status, "active": status == "Accepted", **members}
    await operator.sees(f"/v1/reservations/{reservation}",
                        lambda found: all(found.get(name) == value for name, value in wanted.items()))


async def reserved(cp, operator, connector=1, **more):
    reservation = await reserve(operator, "Accepted", connector, **more)
    await cp.status("Reserved", connector)
    await sees(cp, operator, reservation, "Accepted")
    return reservation


async def test_TC_046_CSMS(cp, operator):
    async with cp.booted():
        reservation = await reserved(cp, operator)
        transaction = await cp.charging(reservationId=reservation)
        await sees(cp, operator, reservation, "Used", transactionId=transaction)


async def test_TC_047_CSMS(cp, operator):
    async with cp.booted():
        # A second's fraction is not in the date.
        end = time.time() + OFFSET_S + 1
        reservation = await reserve(operator, "Accepted", expiry=ahead(OFFSET_S))
        await cp.status("Reserved")
        await asyncio.sleep(max(0, end - time.time()))
        await cp.status("Available")
        await sees(cp, operator, reservation, "Expired")


@pytest.mark.parametrize("connector", [1, 2])
async def test_TC_048_1_CSMS(cp, operator, connector):
    async with cp.booted():
        reservation = await reserve(operator, "Faulted", connector)
        await sees(cp, operator, reservation, "Faulted")


async def test_TC_048_2_CSMS(cp, operator):
    async with cp.booted():
        await cp.status("Preparing")
        await operator.sees_status(1, "Preparing")
        reservation = await reserve(operator, "Occupied")
        await sees(cp, operator, reservation, "Occupied")


async def test_TC_048_3_CSMS(cp, operator):
    async with cp.booted():
        body = {"connectorId": 1, "type": "Inoperative"}
        assert await operator.request("ChangeAvailability", body, {"status": "Accepted"}) == body
        await cp.status("Unavailable")
        await operator.sees_status(1, "Unavailable")
        reservation = await reserve(operator, "Unavailable")
        await sees(cp, operator, reservation, "Unavailable")


async def test_TC_048_4_CSMS(cp, operator):
    async with cp.booted():
        reservation = await reserve(operator, "Rejected")
        await sees(cp, operator, reservation, "Rejected")


async def test_TC_049_CSMS(cp, operator):
    async with cp.booted():
        await reserved(cp, operator, connector=0)


async def cancel(operator, reservation, status):
    body = {"reservationId": reservation}
    assert await operator.request("CancelReservation", body, {"status": status}) == body


async def test_TC_051_CSMS(cp, operator):
    async with cp.booted():
        reservation = await reserved(cp, operator)
        await cancel(operator, reservation, "Accepted")
        await cp.status("Available")
        await sees(cp, operator, reservation, "Cancelled")


async def test_TC_052_CSMS(cp, operator):
    async with cp.booted():
        reservation = await reserved(cp, operator)
        await cancel(operator, reservation, "Rejected")
        await sees(cp, operator, reservation, "Cancelled")


async def test_TC_053_CSMS(cp, operator):
    async with cp.booted():
        reservation = await reserved(cp, operator, parentIdTag=PARENT)
        # The charge point learns from this answer that the other tag may use the reservation.
        assert (await cp.authorize(SAME_PARENT))["parentIdTag"] == PARENT
        transaction = await cp.charging(SAME_PARENT, reservationId=reservation)
        await sees(cp, operator, reservation, "Used", transactionId=transaction)
