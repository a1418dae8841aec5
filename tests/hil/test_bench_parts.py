# SPDX-License-Identifier: Apache-2.0
"""Parts of a bench: which port, power, what may run where."""

from types import SimpleNamespace

import pytest

from edge.errors import ActuatorError, PortError
from hil.bench.address import exact, resolve
from hil.bench.discover import Found, report
from hil.bench.file import Selector
from hil.bench.gate import skip_reasons
from hil.bench.lock import Lock
from hil.bench.power import Supply, command, usb_port
from hil.verdict import BoardIdentity


def port(device, serial=None):
    return SimpleNamespace(device=device, serial_number=serial, description="n/a")


PORTS = [port("/dev/ttyACM1", "B"), port("/dev/ttyACM0", "A"), port("/dev/ttyS0")]


# Which port


def test_a_usb_serial_number_finds_its_port():
    assert resolve(Selector(usb_serial="B"), lambda: PORTS) == "/dev/ttyACM1"


def test_no_such_serial_number_lists_what_is_there():
    said = (
        r"serial number C: there are /dev/ttyACM0 \(serial A\), /dev/ttyACM1 \(serial B\), "
        r"/dev/ttyS0 \(no USB\); plug it in"
    )
    with pytest.raises(PortError, match=said):
        resolve(Selector(usb_serial="C"), lambda: PORTS)
    with pytest.raises(PortError, match="no serial ports at all"):
        resolve(Selector(usb_serial="C"), list)


def test_two_ports_of_one_serial_number_ask_for_the_path():
    twice = [*PORTS, port("/dev/ttyACM2", "A")]
    with pytest.raises(PortError, match=r"/dev/ttyACM0, /dev/ttyACM2; use by_path"):
        resolve(Selector(usb_serial="A"), lambda: twice)


def test_a_path_has_to_be_there_and_an_url_is_taken_as_it_is(tmp_path):
    (tmp_path / "socket-3").touch()
    assert resolve(Selector(by_path=str(tmp_path / "socket-3"))) == str(tmp_path / "socket-3")
    with pytest.raises(PortError, match=r"nothing is plugged in at .*/socket-4: there are"):
        resolve(Selector(by_path=str(tmp_path / "socket-4")), lambda: PORTS)
    with pytest.raises(PortError, match=r"at /dev/serial/by-path/pci-nowhere"):
        resolve(Selector(by_path="pci-nowhere"), lambda: PORTS)
    assert resolve(Selector(url="socket://127.0.0.1:1")) == "socket://127.0.0.1:1"


def test_one_port_has_one_exact_name(tmp_path):
    (tmp_path / "tty").touch()
    (tmp_path / "link").symlink_to(tmp_path / "tty")
    assert exact(str(tmp_path / "link")) == exact(str(tmp_path / "tty"))
    assert exact("rfc2217://127.0.0.1:9") == "rfc2217://127.0.0.1:9"


# Locks


def test_a_lock_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    Lock("device", "a").release()
    monkeypatch.setattr("os.getuid", lambda: 12345)
    with pytest.raises(PortError, match="is not yours"):
        Lock("device", "a")


def test_names_that_look_alike_have_locks_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    locks = [Lock("device", name) for name in ("/dev/a-b", "/dev/a/b", "-dev-a-b")]
    with pytest.raises(PortError, match=r"device /dev/a-b is in use"):
        Lock("device", "/dev/a-b")
    for lock in locks:
        lock.release()
        lock.release()
    Lock("device", "/dev/a-b").release()


# Power


def test_a_command_is_run_without_a_shell_and_waited_for(tmp_path):
    mark = tmp_path / "a mark;"
    supply = Supply(
        command.Settings(driver="command", on=f"touch '{mark}'", off=f"rm '{mark}'", timeout_s=5)
    )
    supply.on()
    assert mark.exists()
    supply.off()
    assert not mark.exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("false", r"`false` failed \(exit 1\): it says nothing"),
        ("ls /nowhere-at-all", r"failed \(exit 2\): ls: .*nowhere-at-all"),
        ("no-such-program-here", r"cannot be run \(.*No such file.*\): check the bench file"),
        ("sleep 60", r"has not ended within 0\.2 s and was killed"),
        ("echo 'open", r"cannot be run \(No closing quotation\)"),
    ],
)
def test_a_command_that_does_not_work_says_why(line, said):
    settings = command.Settings(driver="command", on=line, off="true", timeout_s=0.2)
    with pytest.raises(ActuatorError, match=said):
        command.on(settings)


@pytest.fixture
def sysfs(tmp_path):
    """As Linux lays it out: a root hub with two ports, a hub behind its first."""
    for interface, hub, ports in (("1-0:1.0", "usb1", 2), ("1-1:1.0", "1-1", 4)):
        for number in range(1, ports + 1):
            folder = tmp_path / interface / f"{hub}-port{number}"
            folder.mkdir(parents=True)
            (folder / "disable").write_text("0")
    return tmp_path


@pytest.mark.parametrize(
    ("hub", "number", "where"),
    [("usb1", 2, "1-0:1.0/usb1-port2"), ("1-1", 4, "1-1:1.0/1-1-port4")],
)
def test_a_usb_port_is_switched_by_its_attribute_and_no_other_is(sysfs, hub, number, where):
    supply = Supply(usb_port.Settings(driver="usb_port", hub=hub, port=number, root=str(sysfs)))
    switch = sysfs / where / "disable"
    supply.off()
    assert switch.read_text() == "1"
    assert sum(path.read_text() == "1" for path in sysfs.glob("*/*/disable")) == 1
    supply.on()
    assert switch.read_text() == "0"


@pytest.mark.parametrize(
    ("hub", "number", "said"),
    [
        ("1-1", 7, r"hub 1-1 has no port 7: there are 1-1-port1, 1-1-port2, 1-1-port3, 1-1-port4"),
        ("2-3.1", 1, r"2-3\.1:1\.0/2-3\.1-port1/disable does not exist: there are 1-1, usb1"),
    ],
)
def test_a_usb_port_that_is_not_there_names_those_that_are(sysfs, hub, number, said):
    settings = usb_port.Settings(driver="usb_port", hub=hub, port=number, root=str(sysfs))
    with pytest.raises(ActuatorError, match=said):
        usb_port.off(settings)


# What may run where


def test_a_scenario_without_wishes_runs_anywhere():
    assert skip_reasons("one", set(), set()) == ()


def test_each_missing_capability_is_a_reason():
    assert skip_reasons("one", {"power", "store", "line"}, {"line"}) == (
        "one does not have power",
        "one does not have store",
    )


@pytest.mark.parametrize("device_allows", [False, True])
@pytest.mark.parametrize("user_allows", [False, True])
def test_a_destructive_scenario_wants_both_yeses_on_a_real_board(device_allows, user_allows):
    allowed = {"device_allows": device_allows, "user_allows": user_allows}
    reasons = skip_reasons("one", set(), set(), destructive=True, real=True, **allowed)
    assert len(reasons) == (not device_allows) + (not user_allows)
    assert skip_reasons("one", set(), set(), destructive=True, real=False, **allowed) == ()
    assert skip_reasons("one", set(), set(), destructive=False, real=True, **allowed) == ()


# What discovery prints


def found(target, uid, serial=None, path=None):
    return Found(target, "", serial, path, BoardIdentity("rp2", uid, "0.1.0", 1), "")


def test_a_stanza_takes_the_most_lasting_name_of_a_port():
    text = report(
        [
            found("/dev/ttyACM0", "aa11", "S1", "p1"),
            found("/dev/ttyACM1", "aa22", "S2", "p2"),
            found("/dev/ttyACM2", "bb22", "S2", "p3"),
            found("socket://127.0.0.1:9", "bb22"),
        ]
    )
    transports = [line.split("transport: ")[1] for line in text.splitlines() if "transport" in line]
    assert transports == [
        '{ usb_serial: "S1" }',
        '{ by_path: "p2" }',
        '{ by_path: "p3" }',
        '{ url: "socket://127.0.0.1:9" }',
    ]
    names = [line.strip(" :") for line in text.splitlines() if line.startswith("  rp2")]
    assert names == ["rp2-aa11", "rp2-aa22", "rp2-bb22", "rp2-bb22-2"]
