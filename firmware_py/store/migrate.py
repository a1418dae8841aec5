# SPDX-License-Identifier: Apache-2.0
# Host only: a configuration of an older version as one of the present version.

VERSION = 2

# Where the keys of version 1's `cool` have gone. What is not here is left in zones[0], where the
# checks name it.
_AIR = ("inlet_ref_mc", "slew_up_permille", "slew_down_permille")
_FAN = ("min_permille",)
_GONE = ("ff_permille_kw", "inlet_permille_k")  # both are learned now, from air.design_w on


# (document, notes) in the present version; the document given stays as it is. A document that
# is not an object, or of no version we know, comes back unchanged for the checks to refuse.
def migrate(document):
    if not isinstance(document, dict) or not _is_v1(document.get("version", 1)):
        return document, []
    fresh = {"version": VERSION}
    fresh.update((key, value) for key, value in document.items() if key not in ("version", "cool"))
    notes = ["version 1 was read as version 2"]
    if "cool" in document:
        notes += _cool(document["cool"], fresh)
    return fresh, notes


def _is_v1(version):
    return version == 1 and not isinstance(version, (bool, float))


def _cool(cool, fresh):
    if not isinstance(cool, dict):
        fresh["zones"] = cool  # for the checks to refuse
        return []
    taken = _AIR + _FAN + _GONE
    parts = {
        "air": {key: cool[key] for key in _AIR if key in cool},
        "fans": [{key: cool[key] for key in _FAN if key in cool}],
        "zones": [{key: value for key, value in cool.items() if key not in taken}],
    }
    fresh.update((name, part) for name, part in parts.items() if part not in ({}, [{}]))
    notes = ["cool: is now air, zones and fans"]
    return notes + [f"cool.{key}: is learned now and was left out" for key in _GONE if key in cool]
