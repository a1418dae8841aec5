# SPDX-License-Identifier: Apache-2.0
"""The engine: one case on one device, in virtual or in real time. Knows nothing of pytest."""
