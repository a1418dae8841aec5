# SPDX-License-Identifier: Apache-2.0
# Devices at register level for the drivers' tests, in the portable subset: they run inside the VM
# too, and allocate nothing once made. Their faults are plain attributes.
