# SPDX-License-Identifier: Apache-2.0
# Finding the end of a journal at boot, and reading it for the link. A record counts only if its
# CRC holds and its seq fits its place, so what a cut left behind is never taken for an event.

from binascii import crc32
from struct import pack_into, unpack, unpack_from

from ..compat import const
from .folder import after

JOURNAL_ROW = "<IIHBBBBi"  # as in link/messages.py
RECORD = 24  # as in journal.py, which a reader of the link need not load twice
_CRC_AT = const(20)
_SEQ = 0xFFFFFFFF


# Set where the next append goes: behind the segment whose first record is newest. Reads one
# record of each segment, more only if that one is damaged.
def mount(journal):
    newest = -1
    whole = True
    for i in range(len(journal.first)):
        rest = _survey(journal, i)
        if rest >= 0 and (newest < 0 or after(journal.first[i], journal.first[newest])):
            newest = i
            whole = rest == 0
    if newest < 0:
        return
    journal.segment = newest
    journal.fresh = False
    journal.next_seq = (journal.first[newest] + journal.count[newest]) & _SEQ
    if not whole or journal.count[newest] == journal.per:
        journal.turn()


# Note the segment's first seq and its length. Returns the bytes of a last record that was cut
# off, -1 if it holds nothing.
def _survey(journal, segment):
    try:
        with journal.files.open(journal.path(segment), "rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            n = min(size // RECORD, journal.per)
            for i in range(n):
                seq = seq_of(file.read(RECORD))
                if seq is not None:
                    journal.first[segment] = (seq - i) & _SEQ
                    journal.count[segment] = n
                    return size - n * RECORD
    except OSError:
        pass
    return -1


# Up to n records from `seq` on, the oldest first, as bytes. Unreadable ones are left out.
def read(journal, seq, n):
    found = []  # type: ignore[var-annotated]
    while len(found) < n:
        segment = _holder(journal, seq)
        if segment < 0:
            break
        if after(journal.first[segment], seq):
            seq = journal.first[segment]
        seq = _collect(journal, segment, seq, n, found)
    return found


# What link/stored.py reads a journal by: rows of JOURNAL_ROW.
class Rows:
    def __init__(self, journal):
        self._journal = journal

    # Oldest seq that is kept.
    @property
    def oldest(self):
        journal = self._journal
        oldest = journal.next_seq
        for i in range(len(journal.first)):
            if journal.count[i] and after(oldest, journal.first[i]):
                oldest = journal.first[i]
        return oldest

    # The seq behind the newest.
    @property
    def end(self):
        return self._journal.next_seq

    # False if that record is not kept or damaged.
    def read_into(self, seq, buf, at):
        found = read(self._journal, seq, 1)
        if not found:
            return False
        number, time_ms, arg, boot, code, group, reason, count = fields(found[0])
        if number != seq:
            return False
        count = min(count, 255)
        pack_into(JOURNAL_ROW, buf, at, seq, time_ms, boot, code, group, reason, count, arg)
        return True


# The segment with `seq`, else the first that follows; -1: none.
def _holder(journal, seq):
    best = -1
    for i in range(len(journal.first)):
        if journal.count[i] and after(journal.first[i] + journal.count[i], seq):
            if best < 0 or after(journal.first[best], journal.first[i]):
                best = i
    return best


# Readable records of a segment from seq on; returns the seq to go on with.
def _collect(journal, segment, seq, n, found):
    first = journal.first[segment]
    end = (first + journal.count[segment]) & _SEQ
    try:
        with journal.files.open(journal.path(segment), "rb") as file:
            file.seek(((seq - first) & _SEQ) * RECORD)
            while seq != end and len(found) < n:
                record = file.read(RECORD)
                if seq_of(record) == seq:
                    found.append(record)
                seq = (seq + 1) & _SEQ
    except OSError:
        seq = end
    return seq


# The record's seq; None unless it is whole.
def seq_of(record):
    if len(record) != RECORD or crc32(record[:_CRC_AT]) != unpack_from("<I", record, _CRC_AT)[0]:
        return None
    return unpack_from("<I", record)[0]


# (seq, time_ms, arg, boot_count, code, group, reason, count) of a record.
def fields(record):
    seq, time_ms, arg, boot, code, group, reason, _, count = unpack("<IIiHBBBBH", record[:_CRC_AT])
    return seq, time_ms, arg, boot, code, group, reason, count
