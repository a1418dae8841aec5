# SPDX-License-Identifier: Apache-2.0
"""Random racks in trouble: plant, firmware and decision in one loop, in virtual time."""
