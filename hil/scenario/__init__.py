# SPDX-License-Identifier: Apache-2.0
"""Scenario files: YAML to cases, expressions, checks."""
