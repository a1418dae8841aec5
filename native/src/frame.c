/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h> /* memcpy, memset */

#include "edge_error.h"
#include "edge_frame.h"

enum { OVERRUN = EDGE_ENCODED_MAX + 1 };

static void put_u16(uint8_t *out, uint16_t value)
{
    out[0] = (uint8_t)value;
    out[1] = (uint8_t)(value >> 8);
}

static uint16_t get_u16(const uint8_t *in)
{
    return (uint16_t)(in[0] | in[1] << 8);
}

static void put_u32(uint8_t *out, uint32_t value)
{
    put_u16(out, (uint16_t)value);
    put_u16(out + 2, (uint16_t)(value >> 16));
}

static uint32_t get_u32(const uint8_t *in)
{
    return (uint32_t)get_u16(in) | (uint32_t)get_u16(in + 2) << 16;
}

/* Turn frame[2 .. 2 + body_bytes) into a delimited COBS frame in place. One pass is enough and
 * no code is ever 0xFF, because a body is shorter than 254 bytes: the k-th zero is simply
 * replaced by the distance to the next. */
static int32_t stuff(uint8_t *frame, size_t body_bytes)
{
    size_t end = 2 + body_bytes;
    size_t code_at = 1;
    frame[0] = 0;
    for (size_t i = 2; i < end; i++) {
        if (frame[i] == 0) {
            frame[code_at] = (uint8_t)(i - code_at);
            code_at = i;
        }
    }
    frame[code_at] = (uint8_t)(end - code_at);
    frame[end] = 0;
    return (int32_t)(end + 1);
}

int32_t edge_frame_encode(uint32_t flags, uint8_t type, uint16_t seq, uint16_t session,
                          const uint8_t *payload, size_t payload_bytes, uint8_t *out)
{
    if (flags > 15)
        return EDGE_E_RANGE;
    if (payload_bytes > EDGE_PAYLOAD_MAX)
        return EDGE_E_TOO_LONG;
    uint8_t *body = out + 2;
    size_t checked = EDGE_HEADER_BYTES + payload_bytes;
    body[0] = (uint8_t)(EDGE_VERSION << 4 | flags);
    body[1] = type;
    put_u16(body + 2, seq);
    put_u16(body + 4, session);
    if (payload_bytes > 0)
        memcpy(body + EDGE_HEADER_BYTES, payload, payload_bytes);
    put_u32(body + checked, edge_crc32(body, checked));
    return stuff(out, checked + EDGE_CRC_BYTES);
}

void edge_decoder_init(struct edge_decoder *decoder)
{
    memset(decoder, 0, sizeof *decoder);
}

/* Undo COBS in place; returns the body's length, or -1 if a code points past the end. The body
 * starts at encoded[1]: each code byte but the first stands where its zero belongs. */
static int32_t unstuff(uint8_t *encoded, uint32_t count)
{
    uint32_t at = encoded[0];
    while (at < count) {
        uint32_t code = encoded[at];
        encoded[at] = 0;
        at += code;
    }
    return at == count ? (int32_t)(count - 1) : -1;
}

static void accept(struct edge_decoder *decoder, const uint8_t *body, uint32_t payload_bytes,
                   struct edge_batch *batch)
{
    /* Payloads are packed: the next one starts where the last one ends. */
    struct edge_frame *frame = &batch->frame[batch->count];
    uint32_t offset = 0;
    if (batch->count > 0)
        offset = (uint32_t)frame[-1].offset + frame[-1].payload_bytes;
    frame->flags = body[0] & 15;
    frame->type = body[1];
    frame->seq = get_u16(body + 2);
    frame->session = get_u16(body + 4);
    frame->offset = (uint16_t)offset;
    frame->payload_bytes = (uint16_t)payload_bytes;
    memcpy(batch->payload + offset, body + EDGE_HEADER_BYTES, payload_bytes);
    batch->count++;
    decoder->frames++;
}

/* A delimiter has closed encoded[0 .. held): judge it. */
static void close_run(struct edge_decoder *decoder, struct edge_batch *batch)
{
    if (decoder->held == OVERRUN) {
        decoder->too_long++;
        return;
    }
    int32_t body_bytes = unstuff(decoder->encoded, decoder->held);
    if (body_bytes < 0) {
        decoder->cobs_errors++;
        return;
    }
    if (body_bytes < EDGE_HEADER_BYTES + EDGE_CRC_BYTES) {
        decoder->too_short++;
        return;
    }
    const uint8_t *body = decoder->encoded + 1;
    uint32_t checked = (uint32_t)body_bytes - EDGE_CRC_BYTES;
    if (edge_crc32(body, checked) != get_u32(body + checked))
        decoder->crc_errors++;
    else if (body[0] >> 4 != EDGE_VERSION)
        decoder->version_errors++;
    else
        accept(decoder, body, checked - EDGE_HEADER_BYTES, batch);
}

/* Append a run without delimiters, or note that it can no longer be a frame. */
static void hold(struct edge_decoder *decoder, const uint8_t *bytes, size_t count)
{
    if (decoder->held + count > EDGE_ENCODED_MAX) {
        decoder->held = OVERRUN;
        return;
    }
    memcpy(decoder->encoded + decoder->held, bytes, count);
    decoder->held += (uint32_t)count;
}

size_t edge_decoder_feed(struct edge_decoder *decoder, const uint8_t *bytes, size_t count,
                         struct edge_batch *batch)
{
    size_t at = 0;
    batch->count = 0;
    while (at < count && batch->count < EDGE_BATCH_FRAMES) {
        const uint8_t *zero = memchr(bytes + at, 0, count - at);
        size_t run = zero ? (size_t)(zero - (bytes + at)) : count - at;
        if (run > 0)
            hold(decoder, bytes + at, run);
        at += run;
        if (!zero)
            break;
        if (decoder->held > 0)
            close_run(decoder, batch);
        decoder->held = 0;
        at++;
    }
    return at;
}
