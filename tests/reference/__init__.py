# SPDX-License-Identifier: Apache-2.0
"""Slow, plain implementations that the fast ones are held against."""
