# SPDX-License-Identifier: Apache-2.0
# Relays of the load groups: bit g of a mask is group g, set = on. A bank drives a port:
#
#     write(mask)   outputs on; read() -> mask   what the output latch holds
#     isr_safe      1: write() may run in a hard ISR
#
# Auxiliary contacts come through any object with read() -> mask of contacts seen closed.
#
# The fast path opens groups from an ISR (open_mask). They stay open until the tick's own mask has
# them off, so a tick that was half-way through cannot close them again. With pins the relay is
# commanded in the ISR itself. An I2C transfer must not run inside an ISR, which may have
# interrupted another one on the same bus: there open_mask() only notes the groups, and the port
# calls flush() (micropython.schedule, between two bytecodes) or the next poll() writes them; the
# 20 ms of the fast path then hold only while bytecodes run.
#
# Nothing here allocates, save where a bus raises.

from ..link.wire import INVALID


# One pin per group, None without a relay: callable(level) and callable() -> level, as machine.Pin.
class PinPort:
    isr_safe = 1

    def __init__(self, pins, active_low=0):
        self._pins = pins
        self._flip = 1 if active_low else 0

    def write(self, mask):
        pins = self._pins
        for g in range(len(pins)):
            if pins[g] is not None:
                pins[g]((mask >> g & 1) ^ self._flip)

    def read(self):
        pins = self._pins
        mask = 0
        for g in range(len(pins)):
            if pins[g] is not None:
                mask |= (pins[g]() ^ self._flip) << g
        return mask


class RelayBank:
    # all_mask: the groups that have a relay; boot_mask: on from the start (what was off before a
    # reset stays off); contacts: port of the auxiliary contacts or None.
    def __init__(self, port, all_mask, boot_mask=0, contacts=None):
        self._port = port
        self._contacts = contacts
        self._all = all_mask
        self.on_mask = boot_mask & all_mask  # commanded
        self._forced = 0  # opened by the fast path, not yet by the tick
        self._latch = 0  # written
        self._late = False  # the port has not got the newest mask
        self._wrong = 0  # latch bits that were wrong at the last poll
        self._raw = INVALID  # contacts, last poll
        self.contacts = INVALID  # bit g: group g seen closed, debounced
        self.stuck = 0  # bit g: the output does not follow, although written again
        self.rewrites = 0  # times the port had lost its outputs
        self.errors = 0
        self.write(self.on_mask)

    # The tick's command.
    def write(self, on_mask):
        self.on_mask = on_mask & self._all
        self._forced &= self.on_mask  # the tick agrees: back in its hands
        self.flush()

    # Hard over-current: open these now. From an ISR; raises nothing.
    def open_mask(self, mask):
        self._forced |= mask & self._all
        if self._port.isr_safe:
            self._port.write(self._latch & self._wanted())  # opens, never closes
        else:
            self._late = True

    # Write what is wanted; `_`: so that micropython.schedule() can call it.
    def flush(self, _=0):
        self._late = False
        try:
            while True:
                wanted = self._latch = self._wanted()
                self._port.write(wanted)
                if wanted == self._wanted():  # no ISR has opened more meanwhile
                    return
        except OSError:
            self.errors += 1
            self._late = True

    def poll(self, now_ms):  # noqa: ARG002  as every driver
        if self._late:
            self.flush()
        try:
            self._verify()
        except OSError:
            self.errors += 1
            self._late = True
        if self._contacts is None:
            return
        try:
            self._debounce(self._contacts.read())
        except OSError:
            self.errors += 1
            self._raw = self.contacts = INVALID

    def _wanted(self):
        return self.on_mask & ~self._forced

    # An output that differs is written again; one that still differs then is stuck.
    def _verify(self):
        held = self._port.read() & self._all
        wrong = held ^ self._wanted()
        self.stuck = wrong & self._wrong
        self._wrong = wrong
        if wrong:
            self.rewrites += 1
            self.flush()

    # A bit counts once two polls agree on it.
    def _debounce(self, raw):
        moved = raw ^ self._raw
        known = self._raw >= 0 and raw >= 0  # not INVALID
        self._raw = raw
        if not known:
            self.contacts = INVALID
        elif self.contacts == INVALID:
            self.contacts = raw & self._all
        else:
            self.contacts = (self.contacts & moved | raw & ~moved) & self._all
