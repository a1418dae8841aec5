# SPDX-License-Identifier: Apache-2.0
"""What an ERR from the board means, in words a technician can act on."""

from firmware_py.link import messages as m

STATES = ("BOOT", "SELFTEST", "LOCAL", "HOSTED", "DEGRADED", "SAFE", "MAINT")
"""Names of TELEMETRY.state, by value."""

TEXTS = {
    m.ERR_UNKNOWN: "its firmware does not know this command; update the firmware",
    m.ERR_LENGTH: "the payload has another length than its firmware expects; update the firmware",
    m.ERR_SESSION: "it has rebooted meanwhile; send the command again once connected",
    m.ERR_BUSY: "another host holds the lease for {detail} ms more; stop that host or wait",
    m.ERR_NO_LEASE: "this command needs the lease and this host does not hold it",
    m.ERR_RANGE: "value number {detail} is out of range",
    m.ERR_STATE: "not possible in state {state}; clear its cause, or wait for the self-test to end",
    m.ERR_AUTH: "{auth}",
    m.ERR_CONFIG: "{config}",
    m.ERR_VERSION: "it speaks link version {detail}; update host or firmware to the same version",
}
"""Text by ERR_* code."""

AUTH_TEXTS = {
    m.AUTH_NEEDED: "it wants this command authenticated; give this host the key of this board",
    m.AUTH_NO_KEY: "it holds no key, so nobody may do this; write a key to the board",
    m.AUTH_NO_SESSION: "it has no session with this host any more; send the command again",
    m.AUTH_WRONG_MAC: "it knows another session or another key; send the command again, and if "
    "that fails too, give this host the key of this board",
    m.AUTH_REPLAY: "it has seen this or a later command already; read its state before repeating",
}
"""Text by AUTH_* detail of ERR_AUTH. Larger details are ms of lock-out."""

CONFIG_TEXTS = {
    m.CONFIG_ABSENT: "it has no such store; its firmware or its flash does not provide one",
    m.CONFIG_LENGTH: "not all bytes came, or more than it can hold; write the configuration again",
    m.CONFIG_CRC: "the bytes that came are not those announced; write the configuration again",
    m.CONFIG_INVALID: "it does not accept this configuration; compile it for this firmware",
    m.CONFIG_FLASH: "its flash could not be written; the configuration in force is unchanged",
}
"""Text by CONFIG_* detail of ERR_CONFIG."""


def refusal_text(command: str, code: int, detail: int) -> str:
    """One sentence for ERR(code, detail) in answer to `command`."""
    state = STATES[detail] if 0 <= detail < len(STATES) else str(detail)
    text = TEXTS.get(code, "code {code}, detail {detail}; update the host")
    config = CONFIG_TEXTS.get(detail, f"reason {detail}; update the host")
    locked = f"it is locked for {detail} ms after forged commands; find who sends them"
    auth = AUTH_TEXTS.get(detail, locked)
    return f"board refused {command}: " + text.format(
        code=code, detail=detail, state=state, config=config, auth=auth
    )
