# SPDX-License-Identifier: Apache-2.0
"""For each kind of the catalogue: what to run, and what must be seen that is not there without it.

A row is (values, bites, options, back): `bites(hit, base)` compares the run under the fault, from
3 s to 6 s, with the same run without it; `back(hit)` looks at what must be well again at 9 s.
"""

from tests.hil.faults_rows_host import HOST, MCU
from tests.hil.faults_rows_link import LINK
from tests.hil.faults_rows_plant import ACTUATOR, POWER, THERMAL
from tests.hil.faults_rows_sensor import DATA, SENSOR

TABLE = {**SENSOR, **DATA, **ACTUATOR, **POWER, **THERMAL, **LINK, **MCU, **HOST}
