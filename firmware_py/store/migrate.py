# SPDX-License-Identifier: Apache-2.0
# Host only: a configuration of an older version as one of the present version.

VERSION = 2
_AIR = ("inlet_ref_mc", "inlet_permille_k")  # of version 1's `cool`: what all zones share


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
        air = {key: value for key, value in cool.items() if key in _AIR}
        zone = {key: value for key, value in cool.items() if key not in _AIR}
        if air:
            fresh["air"] = air
        fresh["zones"] = [zone]
        notes.append("cool: is now air and zones[0]")
    elif "cool" in document:
        fresh["zones"] = cool
    return fresh, notes


def _is_v1(version):
    return version == 1 and not isinstance(version, (bool, float))
