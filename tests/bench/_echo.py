# SPDX-License-Identifier: Apache-2.0
"""The other ends that `bench link` measures against, each a process of its own on a tty.

python -m tests.bench._echo raw PATH        sends back what it reads
python -m tests.bench._echo modbus PATH     pymodbus RTU server with 20 holding registers
"""

import asyncio
import os
import sys

REGISTERS = 20


def raw(path: str) -> None:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    while data := os.read(fd, 256):
        os.write(fd, data)


def modbus(path: str) -> None:
    from pymodbus.server import StartAsyncSerialServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    block = SimData(0, values=[7] * REGISTERS, datatype=DataType.REGISTERS)
    device = SimDevice(1, simdata=[block])
    asyncio.run(StartAsyncSerialServer(device, port=path, baudrate=115200))


if __name__ == "__main__":
    {"raw": raw, "modbus": modbus}[sys.argv[1]](sys.argv[2])
