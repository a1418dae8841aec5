# SPDX-License-Identifier: Apache-2.0
"""Counters of a link: the facts that tell a bad cable from a bad board."""

from dataclasses import dataclass

from edge.core import FrameDecoder
from edge.link.gaps import EventCounter
from edge.link.requests import Requests


@dataclass(frozen=True, slots=True)
class LinkStats:
    """Snapshot of all counters of a session; they only rise, except srtt_ms and rto_ms."""

    frames: int
    """Valid frames received."""
    crc_errors: int
    frame_errors: int
    """Frames refused for another reason than their CRC: COBS, length, version."""
    gaps: int
    """Event frames the board sent and we never got."""
    late: int
    duplicates: int
    telemetry: int
    """TELEMETRY messages delivered."""
    retries: int
    timeouts: int
    """Requests that stayed unanswered after all tries."""
    strays: int
    """Answers that matched no request on the line."""
    wrong_session: int
    unexpected: int
    """Frames that only hosts send, or that contradict their request."""
    unknown_messages: int
    short_payloads: int
    lost: int
    """Times the link was declared lost."""
    reboots: int
    srtt_ms: float | None
    """Smoothed round-trip time (RFC 6298), ms; None before the first sample."""
    rto_ms: int


class Totals:
    """Counters that outlive the decoder, which is made anew at each start."""

    def __init__(self) -> None:
        self.telemetry = 0
        self.wrong_session = 0
        self.unexpected = 0
        self.unknown_messages = 0
        self.short_payloads = 0
        self.lost = 0
        self.reboots = 0
        self.frames = 0
        self.crc_errors = 0
        self.frame_errors = 0

    def retire(self, decoder: FrameDecoder) -> None:
        """Add up what a decoder counted, before it is dropped."""
        self.frames += decoder.frames
        self.crc_errors += decoder.crc_errors
        self.frame_errors += decoder.errors - decoder.crc_errors

    def snapshot(
        self, decoder: FrameDecoder, counter: EventCounter, requests: Requests
    ) -> LinkStats:
        """All counters at this moment."""
        round_trip = requests.round_trip
        return LinkStats(
            frames=self.frames + decoder.frames,
            crc_errors=self.crc_errors + decoder.crc_errors,
            frame_errors=self.frame_errors + decoder.errors - decoder.crc_errors,
            gaps=counter.gaps,
            late=counter.late,
            duplicates=counter.duplicates,
            telemetry=self.telemetry,
            retries=requests.retries,
            timeouts=requests.timeouts,
            strays=requests.strays,
            wrong_session=self.wrong_session,
            unexpected=self.unexpected,
            unknown_messages=self.unknown_messages,
            short_payloads=self.short_payloads,
            lost=self.lost,
            reboots=self.reboots,
            srtt_ms=round_trip.srtt_ms,
            rto_ms=round_trip.rto_ms,
        )
