# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The test cases that the compliance testing tool (OCTT) has for an OCPP 1.6 central system."""

import collections

SECURITY = "not in scope: security"

Case = collections.namedtuple("Case", "id title group reason")

# group: test_<group>.py runs the case; reason: why none does.
_ROWS = [
    ("core", [
        ("001", "Cold Boot Charge Point"),
        ("003", "Regular Charging Session - Plugin First"),
        ("004_1", "Regular Charging Session - Identification First"),
        ("004_2", "Identification First - ConnectionTimeOut"),
        ("005_1", "EV Side Disconnected"),
        ("007", "Regular Start Charging Session - Cached Id"),
        ("061", "Clear Authorization Data in Authorization Cache"),
        ("010", "Remote Start - Cable Plugged in First"),
        ("011_1", "Remote Start - Remote Start First"),
        ("011_2", "Remote Start - Time Out"),
        ("012", "Remote Stop Charging Session"),
        ("013", "Hard Reset"),
        ("014", "Soft Reset"),
        ("017_1", "Unlock, no session (not fixed cable)"),
        ("017_2", "Unlock, no session (fixed cable)"),
        ("018_1", "Unlock with charging session (not fixed cable)"),
        ("019_1", "Retrieve all configuration keys"),
        ("019_2", "Retrieve specific configuration key"),
        ("021", "Change/set configuration"),
        ("023_1", "Start - Authorize invalid"),
        ("023_2", "Start - Authorize expired"),
        ("023_3", "Start - Authorize blocked"),
        ("024", "Start - Lock Failure"),
        ("026", "Remote Start - Rejected"),
        ("028", "Remote Stop - Rejected"),
        ("030", "Unlock Failure"),
        ("031", "Unknown Connector"),
        ("032_1", "Power failure, station configured to stop transactions"),
        ("037_1", "Offline Start - Valid IdTag"),
        ("037_3", "Offline Start - Invalid IdTag"),
        ("039", "Offline Transaction"),
        ("040_1", "Configuration keys - NotSupported"),
        ("040_2", "Configuration keys - Invalid value"),
        ("064", "Data Transfer to a Central System"),
    ]),
    ("local_auth_list", [
        ("042_1", "Get Local List Version (not supported)"),
        ("042_2", "Get Local List Version (empty)"),
        ("043_1", "Send Local List - NotSupported"),
        ("043_3", "Send Local List - Failed"),
        ("043_4", "Send Local List - Full"),
        ("043_5", "Send Local List - Differential"),
    ]),
    ("firmware_management", [
        ("044_1", "Firmware Update - Download and Install"),
        ("044_2", "Firmware Update - Download Failed"),
        ("044_3", "Firmware Update - Installation Failed"),
        ("045_1", "Get Diagnostics"),
        ("045_2", "Get Diagnostics - Upload Failed"),
    ]),
    ("reservation", [
        ("046", "Reservation of a Connector - Transaction"),
        ("047", "Reservation of a Connector - Expire"),
        ("048_1", "Reservation - Faulted"),
        ("048_2", "Reservation - Occupied"),
        ("048_3", "Reservation - Unavailable"),
        ("048_4", "Reservation - Rejected"),
        ("049", "Reservation of a Charge Point - Transaction"),
        ("051", "Cancel Reservation"),
        ("052", "Cancel Reservation - Rejected"),
        ("053", "Use a reserved Connector with parentIdTag"),
    ]),
    ("remote_trigger", [
        ("054", "Trigger Message"),
        ("055", "Trigger Message - Rejected"),
    ]),
    ("smart_charging", [
        ("056", "Central Smart Charging - TxDefaultProfile"),
        ("057", "Central Smart Charging - TxProfile"),
        ("066", "Get Composite Schedule"),
        ("067", "Clear Charging Profile"),
        ("059", "Remote Start Transaction with Charging Profile"),
    ]),
    ("security", [
        ("073", "Update Charge Point Password for HTTP Basic Authentication"),
        ("074", "Update Charge Point Certificate by request of Central System", SECURITY),
        ("075_1", "Install a certificate - ManufacturerRootCertificate", SECURITY),
        ("075_2", "Install a certificate - CentralSystemRootCertificate", SECURITY),
        ("076", "Delete a specific certificate from the Charge Point", SECURITY),
        ("077", "Invalid ChargePointCertificate Security Event", SECURITY),
        ("078", "Invalid CentralSystemCertificate Security Event", SECURITY),
        ("079", "Get Security Log", SECURITY),
        ("080", "Secure Firmware Update", SECURITY),
        ("081", "Secure Firmware Update - Invalid Signature", SECURITY),
        ("083", "Upgrade Charge Point Security Profile - Accepted", SECURITY),
        ("085", "Basic Authentication - Valid username/password combination"),
        ("086", "TLS - server-side certificate - Valid certificate"),
        ("087", "TLS - Client-side certificate - valid certificate"),
        ("088", "WebSocket Subprotocol negotiation"),
    ]),
]

CASES = [Case(f"TC_{row[0]}_CSMS", row[1], group, row[2] if len(row) > 2 else None)
         for group, rows in _ROWS for row in rows]
assert len(CASES) == len({case.id for case in CASES}) == 77

DUE = [case.id for case in CASES if case.reason is None]


def table(verdicts, groups=None):
    """Lines for people: each case of the groups (None: of all) and what came of it."""
    rows = [(case.id, case.title, case.reason or verdicts.get(case.id, "not run"))
            for case in CASES if groups is None or case.group in groups]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    return [f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}" for row in rows]
