# SPDX-License-Identifier: Apache-2.0
# Register maps of meter families, as bytes because tuples cost heap:
#
#     swapped, number of blocks,
#     per block   function, address high, low, words, every
#     per field   block, word in it, kind, scale, quantity
#
# swapped = 1: of two words the low one comes first. every: the block is read in every n-th cycle
# (1: feed currents and power). Within a map every block has its own number of words: an answer
# that belongs to another request is then refused by its length.
#
# Addresses are those on the wire (from 0); manuals count from 1 and add 30000 or 40000. The readers
# of these maps have the same constants: private ones cost no heap.

from ..compat import const

_F32 = const(0)  # binary32; scale: power of ten, 3 or 6
_I32 = const(1)  # int32; times scale
_U16 = const(2)  # times scale
_KWH_F32 = const(3)  # counter, binary32, kWh
_KWH_I32 = const(4)  # counter, int32, scale: steps per kWh
_WH_I64 = const(5)  # counter, int64, Wh

_MV1 = const(0)  # line to neutral, mV; L2 and L3 follow
_MA1 = const(3)  # phase currents, mA; L2 and L3 follow
_MW = const(6)  # real power of all phases, mW
_MHZ = const(7)  # mains frequency, mHz
_COUNTER = const(8)  # imported energy
_QUANTITIES = const(9)

# fmt: off
# Eastron SDM630 (three phases): "SDM630Modbus Smart Meter Modbus Protocol", input registers.
# At most 80 registers per request; unused ones in between read as 0.
SDM630 = bytes((
    0, 2,
    4, 0x00, 0x00, 54, 1,
    4, 0x00, 0x46, 4, 10,
    0, 0, _F32, 3, _MV1, 0, 2, _F32, 3, _MV1 + 1, 0, 4, _F32, 3, _MV1 + 2,
    0, 6, _F32, 3, _MA1, 0, 8, _F32, 3, _MA1 + 1, 0, 10, _F32, 3, _MA1 + 2,
    0, 52, _F32, 3, _MW,
    1, 0, _F32, 3, _MHZ, 1, 2, _KWH_F32, 0, _COUNTER,
))

# Eastron SDM120, SDM220, SDM230 (one phase): the same addresses as far as they have them.
SDM120 = bytes((
    0, 2,
    4, 0x00, 0x00, 14, 1,
    4, 0x00, 0x46, 4, 10,
    0, 0, _F32, 3, _MV1, 0, 6, _F32, 3, _MA1, 0, 12, _F32, 3, _MW,
    1, 0, _F32, 3, _MHZ, 1, 2, _KWH_F32, 0, _COUNTER,
))

# Carlo Gavazzi EM24, EM330/EM340, ET340: "EM300 Series and ET300 Series communication protocol",
# 2.2: INT32 low word first; V * 10, A * 1000, W * 10, Hz * 10, kWh * 10. An EM24 reads at most
# 11 words at once; an overflow ("EEE" on the display) is 7FFFFFFF.
EM24 = bytes((
    1, 4,
    4, 0x00, 0x0C, 8, 1,
    4, 0x00, 0x28, 2, 1,
    4, 0x00, 0x00, 6, 1,
    4, 0x00, 0x33, 3, 10,
    0, 0, _I32, 1, _MA1, 0, 2, _I32, 1, _MA1 + 1, 0, 4, _I32, 1, _MA1 + 2,
    1, 0, _I32, 100, _MW,
    2, 0, _I32, 100, _MV1, 2, 2, _I32, 100, _MV1 + 1, 2, 4, _I32, 100, _MV1 + 2,
    3, 0, _U16, 100, _MHZ, 3, 1, _KWH_I32, 10, _COUNTER,
))

# Schneider Electric iEM3000 with Modbus, PM3200, PM5000: "iEM3000 series user manual", register
# list; holding registers, high word first, A, V, kW, Hz as binary32 (FFC00000: no value), Wh as
# INT64.
IEM3000 = bytes((
    0, 5,
    3, 0x0B, 0xB7, 6, 1,
    3, 0x0B, 0xED, 8, 1,
    3, 0x0B, 0xCB, 14, 1,
    3, 0x0C, 0x25, 2, 10,
    3, 0x0C, 0x83, 4, 10,
    0, 0, _F32, 3, _MA1, 0, 2, _F32, 3, _MA1 + 1, 0, 4, _F32, 3, _MA1 + 2,
    1, 6, _F32, 6, _MW,
    2, 8, _F32, 3, _MV1, 2, 10, _F32, 3, _MV1 + 1, 2, 12, _F32, 3, _MV1 + 2,
    3, 0, _F32, 3, _MHZ,
    4, 0, _WH_I64, 0, _COUNTER,
))
# fmt: on

# By the number in the configuration: only grows at its end.
MAPS = (SDM630, SDM120, EM24, IEM3000)
