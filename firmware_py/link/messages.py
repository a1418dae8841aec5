# SPDX-License-Identifier: Apache-2.0
# Every message of link v1, declared once. The board, the host, PROTOCOL.md's tables, the
# golden vectors and the dictionary that a board sends all come from here.
#
# One row: (id, name, direction, struct format, ((field, unit, scale), ...), tail)
#   direction  "h" host to board, "b" board to host, "hb" both
#   format     little-endian `struct` format of the fixed part; one field per value
#   scale      value on the wire * scale = value in `unit`
#   tail       what follows the fixed part: "" nothing, "bytes", "text" (UTF-8), or "i32" (an
#              int32 array to the end of the payload)
# Ids below 0x10 are fixed for ever: a host of any age can say HELLO and read the dictionary.
# Within major version 1 rows and fields are only ever appended.

VERSION = 1

# Header flags, low nibble of byte 0; the high nibble is VERSION.
RESP = 1  # answers the request with the same seq
AUTH = 2  # carries counter and MAC; reserved in v1, such a frame is answered with ERR_AUTH
EVENT = 4  # unsolicited; seq is the board's own event counter, a jump is a gap
MORE = 8  # reserved

HEADER_BYTES = 6  # u8 version<<4|flags, u8 type, u16 seq, u16 session
CRC_BYTES = 4
BODY_MAX = 240  # header + payload + counter, mac + crc: one BLE write at MTU 247 once framed
AUTH_BYTES = 12
PAYLOAD_MAX = BODY_MAX - HEADER_BYTES - AUTH_BYTES - CRC_BYTES
FRAME_MAX = BODY_MAX + 3  # COBS code byte and two delimiters

HELLO = 0x00
HELLO_R = 0x01
DICT_READ = 0x02
DICT_DATA = 0x03
TIME = 0x04
TIME_R = 0x05
LEASE = 0x06
ACK = 0x07
ERR = 0x08
PING = 0x09
LOG = 0x0A
TELEMETRY = 0x10
LOADS = 0x11
BOARD_EVENT = 0x12
SHED = 0x20
FAN_FLOOR = 0x21
CLEAR_SAFE = 0x22

# ERR.code
ERR_UNKNOWN = 1  # no such message type
ERR_LENGTH = 2  # payload does not fit the format
ERR_SESSION = 3  # wrong session: the board has rebooted, say HELLO again
ERR_BUSY = 4  # another owner holds the lease; detail = its remaining ms
ERR_NO_LEASE = 5  # the command needs a lease
ERR_RANGE = 6  # a value is out of range; detail = index of the field
ERR_STATE = 7  # not possible in this state; detail = the state
ERR_AUTH = 8  # authentication needed or failed
ERR_VERSION = 9  # unknown protocol version; detail = the version spoken

# TELEMETRY.state
STATE_BOOT = 0
STATE_SELFTEST = 1
STATE_LOCAL = 2
STATE_HOSTED = 3
STATE_DEGRADED = 4
STATE_SAFE = 5
STATE_MAINT = 6

# TELEMETRY.flags
FLAG_LEASE = 1
FLAG_SENSOR_FAULT = 2
FLAG_ARMED = 4  # a shed trigger is running its confirmation time
FLAG_FAN_FLOOR = 8  # a fail-safe floor, not the controller, sets the fans

# BOARD_EVENT.code
EV_BOOT = 1  # arg = reset cause
EV_STATE = 2  # group = old state, reason = new state
EV_SHED = 3  # group, reason = one of SHED_*, arg = load shed, mW
EV_RESTORE = 4  # group, reason, arg = headroom found, mW
EV_LOCKOUT = 5  # group; arg = sheds counted
EV_SENSOR = 6  # group = input index, reason = 1 lost, 0 back
EV_LEASE = 7  # reason = 1 granted, 2 expired, 3 released

# BOARD_EVENT.reason for EV_SHED
SHED_BREAKER = 1
SHED_HARD_OVERCURRENT = 2
SHED_FEED_LOSS = 3
SHED_OVERTEMP = 4
SHED_HOST = 5
SHED_LEAK = 6
SHED_UNDERFREQUENCY = 7
SHED_BBU = 8

INVALID = -(1 << 30)  # int32 field without a valid reading; a small int on every port
NEVER_MS = (1 << 30) - 1  # time-to-trip of a breaker that does not trip

MESSAGES = (
    (HELLO, "HELLO", "h", "<IIH", (("owner", "id", 1), ("nonce", "", 1), ("max_rx", "B", 1)), ""),
    (
        HELLO_R,
        "HELLO_R",
        "b",
        "<IIHBHIHIBBBBB",
        (
            ("nonce", "", 1),
            ("boot_id", "id", 1),
            ("boot_count", "", 1),
            ("reset_cause", "enum", 1),
            ("max_rx", "B", 1),
            ("dict_crc", "crc32", 1),
            ("dict_len", "B", 1),
            ("config_crc", "crc32", 1),
            ("loads", "", 1),
            ("groups", "", 1),
            ("fw_major", "", 1),
            ("fw_minor", "", 1),
            ("fw_patch", "", 1),
        ),
        "text",  # "board uid", for example "sim 0001"
    ),
    (DICT_READ, "DICT_READ", "h", "<HB", (("offset", "B", 1), ("length", "B", 1)), ""),
    (DICT_DATA, "DICT_DATA", "b", "<H", (("offset", "B", 1),), "bytes"),
    (TIME, "TIME", "h", "<Q", (("host_us", "us", 1),), ""),
    (
        TIME_R,
        "TIME_R",
        "b",
        "<QQQ",
        (("host_us", "us", 1), ("rx_us", "us", 1), ("tx_us", "us", 1)),
        "",
    ),
    # ttl_ms = 0 releases the lease.
    (LEASE, "LEASE", "h", "<IH", (("owner", "id", 1), ("ttl_ms", "ms", 1)), ""),
    (ACK, "ACK", "b", "<Bi", (("request", "type", 1), ("detail", "", 1)), ""),
    (
        ERR,
        "ERR",
        "b",
        "<BBi",
        (("request", "type", 1), ("code", "enum", 1), ("detail", "", 1)),
        "",
    ),
    (PING, "PING", "h", "<", (), "bytes"),
    (LOG, "LOG", "b", "<B", (("level", "enum", 1),), "text"),
    (
        TELEMETRY,
        "TELEMETRY",
        "b",
        "<IBBHiiiiiiiiHHHHHHI",
        (
            ("t_ms", "ms", 1),
            ("state", "enum", 1),
            ("flags", "bits", 1),
            ("shed", "bits", 1),  # bit g set: group g is off
            ("feed_a_mw", "mW", 1),
            ("feed_b_mw", "mW", 1),
            ("ttt_a_ms", "ms", 1),
            ("ttt_b_ms", "ms", 1),
            ("theta_a_ppm", "ppm", 1),
            ("theta_b_ppm", "ppm", 1),
            ("inlet_mc", "mC", 1),
            ("outlet_mc", "mC", 1),
            ("fan_permille", "permille", 1),
            ("fan_rpm", "rpm", 1),
            ("lease_left_ms", "ms", 1),
            ("missed", "", 1),  # deadlines missed since boot
            ("rx_errors", "", 1),  # frames the board refused since boot
            ("tx_dropped", "", 1),  # frames the board could not send since boot
            ("heap_free", "B", 1),
        ),
        "",
    ),
    (LOADS, "LOADS", "b", "<", (), "i32"),  # power of load 0, 1, ..., mW; INVALID if unknown
    (
        BOARD_EVENT,
        "BOARD_EVENT",
        "b",
        "<IBBBBi",
        (
            ("t_ms", "ms", 1),
            ("code", "enum", 1),
            ("group", "", 1),
            ("reason", "enum", 1),
            ("count", "", 1),  # events since boot, modulo 256
            ("arg", "", 1),
        ),
        "",
    ),
    (SHED, "SHED", "h", "<H", (("off", "bits", 1),), ""),  # bit g set: keep group g off
    (FAN_FLOOR, "FAN_FLOOR", "h", "<H", (("permille", "permille", 1),), ""),
    (CLEAR_SAFE, "CLEAR_SAFE", "h", "<B", (("reason", "enum", 1),), ""),
)
