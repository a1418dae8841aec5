# SPDX-License-Identifier: Apache-2.0
"""Planted bugs: a library of scenarios that does not see them proves nothing."""
