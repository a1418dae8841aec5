# SPDX-License-Identifier: Apache-2.0
"""Nothing in the tests depends on how fast the machine is, or on how a shell has started them."""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("rackedge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rackedge")

# A shell's background jobs ignore Ctrl-C, and so would the commands that the tests start and end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
