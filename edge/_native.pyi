# SPDX-License-Identifier: Apache-2.0
# Compiled by native/build.py; native/include/*.h is the manual.
from typing import Any

ffi: Any
lib: Any
