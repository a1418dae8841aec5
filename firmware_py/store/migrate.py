# SPDX-License-Identifier: Apache-2.0
# Host only: a configuration of an older version as one of the present version.

VERSION = 2
# Of version 1's `cool`: what all zones share, what is a fan's, and what is gone. The power and
# the inlet now act through the fan law, by air.design_w and air.design_rise_mc.
_AIR = ("inlet_ref_mc", "slew_up_permille", "slew_down_permille")
_FAN = ("min_permille",)
_GONE = ("ff_permille_kw", "inlet_permille_k")


# (document, notes) in the present version; the document given stays as it is. A document that
# is not an object, or of no version we know, comes back unchanged for the checks to refuse.
def migrate(document):
    if not isinstance(document, dict) or not _is_v1(document.get("version", 1)):
        return document, []
    fresh = {"version": VERSION}
    fresh.update((key, value) for key, value in document.items() if key not in ("version", "cool"))
    notes = ["version 1 was read as version 2"]
    cool = document.get("cool")
    if isinstance(cool, dict):
        zone = {key: value for key, value in cool.items() if key not in _AIR + _FAN + _GONE}
        air = {key: cool[key] for key in _AIR if key in cool}
        if air:
            fresh["air"] = air
        fresh["zones"] = [zone]
        fresh["fans"] = [{key: cool[key] for key in _FAN if key in cool}]
        notes.append("cool: is now air, zones[0] and fans[0]")
        notes += [f"cool.{key}: is gone, see air.design_w" for key in _GONE if cool.get(key)]
    elif "cool" in document:
        fresh["zones"] = cool
    return fresh, notes


def _is_v1(version):
    return version == 1 and not isinstance(version, (bool, float))
