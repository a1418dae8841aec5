# SPDX-License-Identifier: Apache-2.0
"""Emulated platforms that turn a cap into a change of the simulated draw."""
