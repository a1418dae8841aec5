# SPDX-License-Identifier: Apache-2.0
"""What runs leave behind for people and programs: pages, records, decoded lines, JUnit."""
