/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 by slicing-by-8 (Kounavis, Berry, ISCC 2005): table k holds the CRC of a byte followed
 * by k zero bytes. CRC is linear, so an entry is the XOR of the entries of the byte's bits, and
 * the compiler expands 64 constants to the 2,048 entries. */
#include "edge_frame.h"

#define BITS(i, b0, b1, b2, b3, b4, b5, b6, b7)                                                  \
    (((i) & 1u ? b0 : 0u) ^ ((i) & 2u ? b1 : 0u) ^ ((i) & 4u ? b2 : 0u) ^ ((i) & 8u ? b3 : 0u) ^ \
     ((i) & 16u ? b4 : 0u) ^ ((i) & 32u ? b5 : 0u) ^ ((i) & 64u ? b6 : 0u) ^                     \
     ((i) & 128u ? b7 : 0u))
#define FOUR(i, ...)                                                              \
    BITS(i, __VA_ARGS__), BITS((i) + 1u, __VA_ARGS__), BITS((i) + 2u, __VA_ARGS__), \
        BITS((i) + 3u, __VA_ARGS__)
#define SIXTEEN(i, ...)                                                           \
    FOUR(i, __VA_ARGS__), FOUR((i) + 4u, __VA_ARGS__), FOUR((i) + 8u, __VA_ARGS__), \
        FOUR((i) + 12u, __VA_ARGS__)
#define SIXTY_FOUR(i, ...)                                                               \
    SIXTEEN(i, __VA_ARGS__), SIXTEEN((i) + 16u, __VA_ARGS__), SIXTEEN((i) + 32u, __VA_ARGS__), \
        SIXTEEN((i) + 48u, __VA_ARGS__)
#define TABLE(...)                                                            \
    {SIXTY_FOUR(0u, __VA_ARGS__), SIXTY_FOUR(64u, __VA_ARGS__),               \
     SIXTY_FOUR(128u, __VA_ARGS__), SIXTY_FOUR(192u, __VA_ARGS__)}

/* Row k: CRC of the bytes 1, 2, 4 ... 128, each followed by k zero bytes; polynomial EDB88320. */
static const uint32_t table[8][256] = {
    TABLE(0x77073096u, 0xEE0E612Cu, 0x076DC419u, 0x0EDB8832u, 0x1DB71064u, 0x3B6E20C8u,
          0x76DC4190u, 0xEDB88320u),
    TABLE(0x191B3141u, 0x32366282u, 0x646CC504u, 0xC8D98A08u, 0x4AC21251u, 0x958424A2u,
          0xF0794F05u, 0x3B83984Bu),
    TABLE(0x01C26A37u, 0x0384D46Eu, 0x0709A8DCu, 0x0E1351B8u, 0x1C26A370u, 0x384D46E0u,
          0x709A8DC0u, 0xE1351B80u),
    TABLE(0xB8BC6765u, 0xAA09C88Bu, 0x8F629757u, 0xC5B428EFu, 0x5019579Fu, 0xA032AF3Eu,
          0x9B14583Du, 0xED59B63Bu),
    TABLE(0x3D6029B0u, 0x7AC05360u, 0xF580A6C0u, 0x30704BC1u, 0x60E09782u, 0xC1C12F04u,
          0x58F35849u, 0xB1E6B092u),
    TABLE(0xCB5CD3A5u, 0x4DC8A10Bu, 0x9B914216u, 0xEC53826Du, 0x03D6029Bu, 0x07AC0536u,
          0x0F580A6Cu, 0x1EB014D8u),
    TABLE(0xA6770BB4u, 0x979F1129u, 0xF44F2413u, 0x33EF4E67u, 0x67DE9CCEu, 0xCFBD399Cu,
          0x440B7579u, 0x8816EAF2u),
    TABLE(0xCCAA009Eu, 0x4225077Du, 0x844A0EFAu, 0xD3E51BB5u, 0x7CBB312Bu, 0xF9766256u,
          0x299DC2EDu, 0x533B85DAu),
};

static uint32_t load32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

uint32_t edge_crc32(const uint8_t *bytes, size_t count)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint32_t low = load32(bytes) ^ crc;
        uint32_t high = load32(bytes + 4);
        crc = table[7][low & 0xFF] ^ table[6][low >> 8 & 0xFF] ^ table[5][low >> 16 & 0xFF] ^
              table[4][low >> 24] ^ table[3][high & 0xFF] ^ table[2][high >> 8 & 0xFF] ^
              table[1][high >> 16 & 0xFF] ^ table[0][high >> 24];
    }
    for (; count > 0; bytes++, count--)
        crc = crc >> 8 ^ table[0][(crc ^ *bytes) & 0xFF];
    return ~crc;
}
