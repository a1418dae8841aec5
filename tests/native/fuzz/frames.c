/* SPDX-License-Identifier: Apache-2.0 */
/* Every buffer handed to the core is a heap block of exactly its size, so that ASan sees a read
 * or a write one byte too far. */
#include <string.h>

#include "edge_error.h"
#include "edge_frame.h"
#include "fuzz.h"

enum { STREAM_MAX = 8192, LINE_MAX_BYTES = 1 << 16 };

static uint8_t stream[STREAM_MAX];
static size_t stream_bytes;
static struct edge_decoder decoder;
static uint64_t accepted_hash;
static uint32_t accepted;

static uint64_t mix(uint64_t hash, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

static uint8_t *exact_copy(const void *bytes, size_t count)
{
    uint8_t *copy = malloc(count ? count : 1);
    CHECK(copy);
    memcpy(copy, bytes, count);
    return copy;
}

/* An accepted frame, encoded again, must have been in the stream as it stands: so nothing is
 * ever accepted whose CRC did not match. */
static void check_frame(const struct edge_batch *batch, const struct edge_frame *frame)
{
    uint8_t *again = malloc(EDGE_FRAME_MAX);
    CHECK(again);
    int32_t length = edge_frame_encode(frame->flags, (uint8_t)frame->type, frame->seq,
                                       frame->session, batch->payload + frame->offset,
                                       frame->payload_bytes, again);
    CHECK(length > 0);
    accepted_hash = mix(accepted_hash, again, (size_t)length);
    accepted++;
    size_t run = (size_t)length - 1;
    int found = stream_bytes >= run && memcmp(stream, again + 1, run) == 0;
    for (size_t at = 0; !found && at + run < stream_bytes; at++)
        found = memcmp(stream + at, again, run + 1) == 0;
    CHECK(found);
    free(again);
}

static void feed(const uint8_t *bytes, size_t count)
{
    struct edge_batch *batch = malloc(sizeof *batch);
    uint8_t *copy = exact_copy(bytes, count);
    CHECK(batch);
    size_t at = 0;
    while (at < count) {
        size_t used = edge_decoder_feed(&decoder, copy + at, count - at, batch);
        CHECK(used > 0 && used <= count - at);
        CHECK(at + used == count || batch->count == EDGE_BATCH_FRAMES);
        for (uint32_t i = 0; i < batch->count; i++)
            check_frame(batch, &batch->frame[i]);
        at += used;
    }
    free(copy);
    free(batch);
}

static void put(const uint8_t *bytes, size_t count)
{
    if (stream_bytes + count > STREAM_MAX)
        count = STREAM_MAX - stream_bytes;
    memcpy(stream + stream_bytes, bytes, count);
    stream_bytes += count;
}

/* Append one frame: whole, doubled, cut, with one byte changed, or noise in its place. Returns
 * 1 if it was put whole. */
static int put_piece(void)
{
    uint8_t payload[EDGE_PAYLOAD_MAX], frame[EDGE_FRAME_MAX];
    size_t payload_bytes = fuzz_below(EDGE_PAYLOAD_MAX + 1);
    uint32_t zero_in = 1 + fuzz_below(8);
    for (size_t i = 0; i < payload_bytes; i++)
        payload[i] = fuzz_below(zero_in) ? (uint8_t)fuzz_next() : 0;
    uint64_t head = fuzz_next();
    int32_t length = edge_frame_encode(head & 15, (uint8_t)(head >> 8), (uint16_t)(head >> 16),
                                       (uint16_t)(head >> 32), payload, payload_bytes, frame);
    CHECK(length == (int32_t)payload_bytes + 13);
    size_t count = (size_t)length;
    switch (fuzz_below(8)) {
    case 0:
        put(frame, count);
        break;
    case 1:
        count = fuzz_below((uint32_t)count);
        break;
    case 2:
        frame[fuzz_below((uint32_t)count)] ^= (uint8_t)(1u << fuzz_below(8));
        break;
    case 3:
        for (size_t i = 0; i < count; i++)
            frame[i] = (uint8_t)fuzz_next();
        break;
    default:
        put(frame, count);
        return 1;
    }
    put(frame, count);
    return 0;
}

static uint64_t errors(void)
{
    return decoder.too_long + decoder.cobs_errors + decoder.too_short + decoder.crc_errors +
           decoder.version_errors;
}

/* Decode the stream in chunks of at most `chunk_max`; returns a hash of all that came out. */
static uint64_t decode(uint32_t chunk_max)
{
    edge_decoder_init(&decoder);
    accepted = 0;
    accepted_hash = 14695981039346656037u;
    for (size_t at = 0, chunk; at < stream_bytes; at += chunk) {
        chunk = 1 + fuzz_below(chunk_max);
        chunk = chunk < stream_bytes - at ? chunk : stream_bytes - at;
        feed(stream + at, chunk);
    }
    CHECK(decoder.frames == accepted);
    CHECK(decoder.held <= EDGE_ENCODED_MAX + 1);
    return mix(accepted_hash, (const uint8_t *)&decoder, 6 * sizeof(uint64_t));
}

static void check_refusals(void)
{
    uint8_t payload[1] = {0}, untouched[1] = {0x5A};
    CHECK(edge_frame_encode(16 + fuzz_below(1000), 0, 0, 0, payload, 1, untouched) == EDGE_E_RANGE);
    CHECK(edge_frame_encode(0, 0, 0, 0, payload, EDGE_PAYLOAD_MAX + 1 + fuzz_below(1000),
                            untouched) == EDGE_E_TOO_LONG);
    CHECK(untouched[0] == 0x5A);
}

/* The header allows NULL for no payload; UBSan sees it reach memcpy. */
static void check_no_payload(void)
{
    uint8_t frame[EDGE_FRAME_MAX];
    CHECK(edge_frame_encode(0, 0, 0, 0, NULL, 0, frame) == EDGE_FRAME_MAX - EDGE_PAYLOAD_MAX);
}

void fuzz_stream(void)
{
    uint32_t chunk_max = 1 + fuzz_below(256);
    stream_bytes = fuzz_bytes(stream, STREAM_MAX);
    uint64_t at_once = decode(STREAM_MAX);
    CHECK(decode(chunk_max) == at_once);
}

void fuzz_frames(void)
{
    check_refusals();
    check_no_payload();
    uint32_t pieces = 1 + fuzz_below(12), whole = 0;
    stream_bytes = 0;
    for (uint32_t i = 0; i < pieces; i++)
        whole += (uint32_t)put_piece();
    uint64_t at_once = decode(STREAM_MAX);
    CHECK(decode(5) == at_once);
    /* Only what precedes a whole frame can take its leading delimiter with it, never more. */
    CHECK(accepted >= whole);
    if (whole == pieces)
        CHECK(accepted == pieces && errors() == 0);
}

/* --- golden vectors, one per line, written by golden_lines.py ----------------------------- */

/* "-", the empty payload, ends it at once. */
static size_t parse_hex(const char *text, uint8_t *bytes)
{
    size_t count = 0;
    for (unsigned value; sscanf(text + 2 * count, "%2x", &value) == 1; count++)
        bytes[count] = (uint8_t)value;
    return count;
}

static void check_good(const char *line)
{
    static char payload_hex[LINE_MAX_BYTES], frame_hex[LINE_MAX_BYTES];
    static uint8_t payload[LINE_MAX_BYTES], frame[LINE_MAX_BYTES];
    unsigned flags, type, seq, session;
    int fields = sscanf(line, "good %u %u %u %u .%s .%s", &flags, &type, &seq, &session,
                        payload_hex, frame_hex);
    CHECK(fields == 6);
    size_t payload_bytes = parse_hex(payload_hex, payload);
    size_t frame_bytes = parse_hex(frame_hex, frame);
    uint8_t *out = malloc(EDGE_FRAME_MAX);
    int32_t length = edge_frame_encode(flags, (uint8_t)type, (uint16_t)seq, (uint16_t)session,
                                       payload, payload_bytes, out);
    CHECK(length == (int32_t)frame_bytes && memcmp(out, frame, frame_bytes) == 0);
    free(out);
}

static void check_stream(const char *line)
{
    static char hex[LINE_MAX_BYTES];
    unsigned long long n[6];
    CHECK(sscanf(line, "stream %llu %llu %llu %llu %llu %llu .%s", n, n + 1, n + 2, n + 3, n + 4,
                 n + 5, hex) == 7);
    stream_bytes = parse_hex(hex, stream);
    decode(3);
    CHECK(decoder.too_long == n[0] && decoder.cobs_errors == n[1] && decoder.too_short == n[2]);
    CHECK(decoder.crc_errors == n[3] && decoder.version_errors == n[4] && accepted == n[5]);
}

void fuzz_golden_frame(const char *line)
{
    if (line[0] == 'g')
        check_good(line);
    else
        check_stream(line);
}
