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
AUTH = 2  # carries counter and MAC: a privileged request
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
COOLING = 0x13
SHED = 0x20
FAN_FLOOR = 0x21
CLEAR_SAFE = 0x22
CHALLENGE = 0x23
CHALLENGE_R = 0x24
MAINT = 0x25
RESET = 0x26
CONFIG_BEGIN = 0x27
CONFIG_DATA = 0x28
CONFIG_COMMIT = 0x29
CONFIG_READ = 0x2A
CONFIG_R = 0x2B
JOURNAL_READ = 0x2C
JOURNAL_DATA = 0x2D

# ERR.code
ERR_UNKNOWN = 1  # no such message type
ERR_LENGTH = 2  # payload does not fit the format
ERR_SESSION = 3  # wrong session: the board has rebooted, say HELLO again
ERR_BUSY = 4  # another owner holds the lease; detail = its remaining ms
ERR_NO_LEASE = 5  # the command needs a lease
ERR_RANGE = 6  # a value is out of range; detail = index of the field
ERR_STATE = 7  # not possible in this state; detail = the state
ERR_AUTH = 8  # authentication needed or failed; detail = one of AUTH_*, or ms of lock-out
ERR_VERSION = 9  # unknown protocol version; detail = the version spoken
ERR_CONFIG = 10  # a configuration or journal was refused; detail = one of CONFIG_*

# ERR.detail of ERR_AUTH, and BOARD_EVENT.reason of EV_AUTH
AUTH_NEEDED = 0  # the request is privileged and came without AUTH
AUTH_NO_KEY = 1  # the board has no key: privileged requests are refused
AUTH_NO_SESSION = 2  # no CHALLENGE since boot, or another one has replaced it
AUTH_WRONG_MAC = 3
AUTH_REPLAY = 4  # the counter did not rise
AUTH_LOCKED = 5  # EV_AUTH only; ERR.detail is then the ms left, always above 15

# ERR.detail of ERR_CONFIG, and BOARD_EVENT.arg of EV_CONFIG with reason 2
CONFIG_ABSENT = 1  # this board has no such store
CONFIG_LENGTH = 2  # not all bytes came, or more than the store holds
CONFIG_CRC = 3  # the bytes are not those of the crc32 that was announced
CONFIG_INVALID = 4  # the store does not accept what it says
CONFIG_FLASH = 5  # it could not be written

# CONFIG_COMMIT.when
AT_NEXT_BOOT = 0
NOW = 1  # the board resets itself once its answer is out

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
FLAG_LOCKOUT = 16  # a group was shed too often: it stays off until CLEAR_SAFE
FLAG_CONFIG_FALLBACK = 32  # running on the older copy of the configuration
FLAG_WELDED = 64  # a relay contact does not follow its command
FLAG_OVERRUN = 128  # deadlines were missed lately

# BOARD_EVENT.code
EV_BOOT = 1  # arg = one of store.reset.BOOT_*
EV_STATE = 2  # group = old state, reason = new state
EV_SHED = 3  # group, reason = one of SHED_*, arg = load shed, mW
EV_RESTORE = 4  # group, reason, arg = headroom found, mW
EV_LOCKOUT = 5  # group; arg = sheds counted
EV_SENSOR = 6  # group = input index, reason = 1 lost, 0 back
EV_LEASE = 7  # reason = 1 granted, 2 expired, 3 released
EV_FAN = 8  # group = fan, reason = 0 back, 1 stalled, 2 tach lost, 3 slow, 4 too fast, arg = rpm
EV_RELAY = 9  # group, reason = 1 welded, 2 stuck open, 0 back
EV_INTERLOCK = 10  # group = INTERLOCK_*, reason = 1 on, 2 latched, 0 cleared, arg = reading
EV_FAST = 11  # fast over-current; group = feed, arg = mA
EV_AUTH = 12  # reason = one of AUTH_*, arg = failures since boot
EV_CONFIG = 13  # reason = 1 saved, 2 refused (arg = CONFIG_*), 3 fell back to the older copy
EV_MAINT = 14  # reason = 1 entered, 0 left; arg = ms granted
EV_OVERRUN = 15  # arg = ticks missed

# BOARD_EVENT.reason for EV_SHED
SHED_BREAKER = 1
SHED_HARD_OVERCURRENT = 2
SHED_FEED_LOSS = 3
SHED_OVERTEMP = 4
SHED_HOST = 5
SHED_LEAK = 6
SHED_UNDERFREQUENCY = 7
SHED_BBU = 8

# BOARD_EVENT.group for EV_INTERLOCK; bit n of COOLING.latched
INTERLOCK_LEAK = 1
INTERLOCK_LOW_FLOW = 2
INTERLOCK_RESERVOIR = 3
INTERLOCK_SUPPLY_TEMP = 4
INTERLOCK_PUMP = 5

INVALID = -(1 << 30)  # int32 field without a valid reading; a small int on every port
NEVER_MS = (1 << 30) - 1  # time-to-trip of a breaker that does not trip
NO_U16 = 0xFFFF  # u16 field of COOLING without a valid reading

# One row of JOURNAL_DATA: seq, t_ms (of that boot), boot count modulo 65536, then as BOARD_EVENT
# code, group, reason, count (how often it came since t_ms, at most 255), arg
JOURNAL_ROW = "<IIHBBBBi"

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
    # Only with liquid cooling or more than one fan; a u16 without a reading is NO_U16.
    (
        COOLING,
        "COOLING",
        "b",
        "<HHiiiiHiHHHHHiiiHHHHHHHHH",
        (
            ("pump_permille", "permille", 1),
            ("valve_permille", "permille", 1),
            ("supply_mc", "mC", 1),
            ("return_mc", "mC", 1),
            ("flow_mlm", "ml/min", 1),
            ("dp_pa", "Pa", 1),
            ("rh_permille", "permille", 1),
            ("dew_mc", "mC", 1),  # dew point of the air at the humidity sensor
            ("pump_rpm", "rpm", 1),
            ("latched", "bits", 1),  # bit n: interlock n (INTERLOCK_*) is latched
            ("failed", "bits", 1),  # bit n: fan n has failed
            ("welded", "bits", 1),  # bit g: the contact of group g does not open
            ("stuck_open", "bits", 1),  # bit g: it does not close
            ("zone1_mc", "mC", 1),  # outlets of zones 1..3; zone 0 is TELEMETRY.outlet_mc
            ("zone2_mc", "mC", 1),
            ("zone3_mc", "mC", 1),
            ("reservoir_permille", "permille", 1),
            ("fan0_rpm", "rpm", 1),
            ("fan1_rpm", "rpm", 1),
            ("fan2_rpm", "rpm", 1),
            ("fan3_rpm", "rpm", 1),
            ("fan4_rpm", "rpm", 1),
            ("fan5_rpm", "rpm", 1),
            ("fan6_rpm", "rpm", 1),
            ("fan7_rpm", "rpm", 1),
        ),
        "",
    ),
    # Nonces of 16 bytes; CHALLENGE_R has the board's nonce and the 8 bytes that prove its key.
    (CHALLENGE, "CHALLENGE", "h", "<", (), "bytes"),
    (CHALLENGE_R, "CHALLENGE_R", "b", "<", (), "bytes"),
    (MAINT, "MAINT", "h", "<I", (("ttl_ms", "ms", 1),), ""),  # 0 leaves
    (RESET, "RESET", "h", "<B", (("reason", "enum", 1),), ""),
    # The compiled configuration, written in pieces, from the start on, each behind the last.
    (CONFIG_BEGIN, "CONFIG_BEGIN", "h", "<HI", (("length", "B", 1), ("crc", "crc32", 1)), ""),
    (CONFIG_DATA, "CONFIG_DATA", "h", "<H", (("offset", "B", 1),), "bytes"),
    (CONFIG_COMMIT, "CONFIG_COMMIT", "h", "<B", (("when", "enum", 1),), ""),
    (CONFIG_READ, "CONFIG_READ", "h", "<HB", (("offset", "B", 1), ("length", "B", 1)), ""),
    (
        CONFIG_R,
        "CONFIG_R",
        "b",
        "<HHI",
        (("offset", "B", 1), ("total", "B", 1), ("crc", "crc32", 1)),
        "bytes",
    ),
    # Rows of JOURNAL_ROW from `seq` on, until `next` is `end`. Unreadable ones are left out.
    (JOURNAL_READ, "JOURNAL_READ", "h", "<I", (("seq", "", 1),), ""),
    (
        JOURNAL_DATA,
        "JOURNAL_DATA",
        "b",
        "<III",
        (("oldest", "", 1), ("end", "", 1), ("next", "", 1)),  # seqs: kept, behind it, to ask for
        "bytes",
    ),
)
