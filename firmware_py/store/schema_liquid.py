# SPDX-License-Identifier: Apache-2.0
# Host only: what a configuration may say about coolant. Rows as in schema.py.

LIQUID = ()
