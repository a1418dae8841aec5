# SPDX-License-Identifier: Apache-2.0
"""Bench: the emulated rack, its front-ends and what drives them in one clock."""
