# SPDX-License-Identifier: Apache-2.0
"""One small file per kind of device whose power can be capped."""
