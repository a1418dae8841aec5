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
    m.ERR_STATE: "not possible in state {state}; clear the cause on the board first",
    m.ERR_AUTH: "it asks for an authenticated command, which this host cannot give",
    m.ERR_CONFIG: "{config}",
    m.ERR_VERSION: "it speaks link version {detail}; update host or firmware to the same version",
}
"""Text by ERR_* code."""

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
    return f"board refused {command}: " + text.format(
        code=code, detail=detail, state=state, config=config
    )
