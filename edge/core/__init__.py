# SPDX-License-Identifier: Apache-2.0
"""The C core, typed: frames of the link, the breaker model, the allocation of caps.

The only importers of the compiled module are in here. What each call computes is written in
`native/include/*.h`.
"""

from edge.core.allocate import Allocator
from edge.core.breaker import NEVER_MS, TRIP_MC, Breaker, BreakerState, derated_ma
from edge.core.breaker_bank import BreakerBank
from edge.core.breaker_curve import CURVES, Curve, TripPoint
from edge.core.frame import PAYLOAD_MAX_BYTES, Frame, FrameDecoder, encode_frame

__all__ = [
    "CURVES",
    "NEVER_MS",
    "PAYLOAD_MAX_BYTES",
    "TRIP_MC",
    "Allocator",
    "Breaker",
    "BreakerBank",
    "BreakerState",
    "Curve",
    "Frame",
    "FrameDecoder",
    "TripPoint",
    "derated_ma",
    "encode_frame",
]
