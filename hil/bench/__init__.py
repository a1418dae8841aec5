# SPDX-License-Identifier: Apache-2.0
"""Real boards: the bench file, who is at which port, locks, power, what may be destroyed."""
