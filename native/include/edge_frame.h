/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGE_FRAME_H
#define EDGE_FRAME_H

#include <stddef.h>
#include <stdint.h>

/* Frames of link v1 (firmware_py/PROTOCOL.md):
 *
 *     00 | COBS(body) | 00
 *     body = u8 version << 4 | flags, u8 type, u16 seq, u16 session, payload, u32 crc
 *
 * Little-endian. crc is CRC-32 (IEEE 802.3) over all of the body before it. The core neither
 * allocates nor keeps a pointer after a call returns; all memory belongs to the caller. */
enum edge_frame_size {
    EDGE_VERSION = 1,
    EDGE_HEADER_BYTES = 6,
    EDGE_CRC_BYTES = 4,
    EDGE_BODY_MAX = 240,       /* header + payload + crc */
    EDGE_PAYLOAD_MAX = 230,
    EDGE_ENCODED_MAX = 241,    /* COBS adds one byte to a body shorter than 254 */
    EDGE_FRAME_MAX = 243,      /* with both delimiters */
    EDGE_BATCH_FRAMES = 64
};

/* CRC-32 (IEEE 802.3, reflected, as zlib and binascii.crc32) of bytes[0..count). */
uint32_t edge_crc32(const uint8_t *bytes, size_t count);

/* Write one delimited frame to out[0..EDGE_FRAME_MAX); returns its length in bytes.
 * flags 0..15; payload_bytes 0..EDGE_PAYLOAD_MAX; payload may be NULL when it is 0.
 * EDGE_E_RANGE: flags. EDGE_E_TOO_LONG: payload_bytes. */
int32_t edge_frame_encode(uint32_t flags, uint8_t type, uint16_t seq, uint16_t session,
                          const uint8_t *payload, size_t payload_bytes, uint8_t *out);

/* One accepted frame; its payload is batch.payload[offset .. offset + payload_bytes). */
struct edge_frame {
    uint16_t flags;
    uint16_t type;
    uint16_t seq;
    uint16_t session;
    uint16_t offset;
    uint16_t payload_bytes;
};

/* What one call of edge_decoder_feed accepted; overwritten by the next call. */
struct edge_batch {
    uint32_t count;
    struct edge_frame frame[EDGE_BATCH_FRAMES];
    uint8_t payload[EDGE_BATCH_FRAMES * EDGE_PAYLOAD_MAX];
};

/* State between calls and counters since edge_decoder_init. Every non-empty run of bytes
 * between two delimiters adds one to exactly one counter, the first that applies from the top:
 * an empty run (back-to-back delimiters) is no error and is not counted. */
struct edge_decoder {
    uint64_t too_long;       /* more than EDGE_ENCODED_MAX bytes without a delimiter */
    uint64_t cobs_errors;    /* a COBS code points past the end of the run */
    uint64_t too_short;      /* body shorter than header + crc */
    uint64_t crc_errors;     /* bytes changed on the way */
    uint64_t version_errors; /* intact, of a protocol version we do not speak */
    uint64_t frames;         /* accepted */
    uint32_t held;           /* bytes in encoded[]; EDGE_ENCODED_MAX + 1: overrun, dropping */
    uint8_t encoded[EDGE_ENCODED_MAX];
};

void edge_decoder_init(struct edge_decoder *decoder);

/* Take bytes as they come, in any chunks; accepted frames go to *batch. Returns the number of
 * bytes consumed: less than count only when the batch is full, then call again with the rest.
 * Bytes outside a frame are noise: they end up in the run that the next 00 closes, and the
 * frame after that 00 is received. */
size_t edge_decoder_feed(struct edge_decoder *decoder, const uint8_t *bytes, size_t count,
                         struct edge_batch *batch);

#endif
