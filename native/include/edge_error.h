/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGE_ERROR_H
#define EDGE_ERROR_H

/* What a function of the core returns when it refuses. Success is 0 or a positive count.
 * Nothing is written to any output when an error is returned, unless a call says otherwise. */
enum edge_error {
    EDGE_OK = 0,
    EDGE_E_RANGE = -1,    /* a value lies outside the range that its declaration states */
    EDGE_E_TOO_LONG = -2, /* the payload does not fit one frame */
    EDGE_E_OVERFLOW = -3  /* an exact sum would not fit int64 */
};

#endif
