# SPDX-License-Identifier: Apache-2.0
"""junit.xml: one suite with one test per run, in the form that Jenkins' junit-10.xsd accepts.

Properties are the suite's, because that schema has none for a test. FAIL is a failure,
INCONCLUSIVE an error (the bench, not the firmware, is at fault), SKIP is skipped; MARGINAL passes
and is told in the properties.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from xml.etree import ElementTree as ET

from hil.verdict import RunResult, Verdict

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot say, not even escaped (XML 1.0, production 2)."""
_ELEMENT = {Verdict.FAIL: "failure", Verdict.INCONCLUSIVE: "error", Verdict.SKIP: "skipped"}


def junit(results: Sequence[RunResult], names: Sequence[str]) -> str:
    """The document. `names`: one per run, all different (hil.report.names)."""
    root = ET.Element("testsuites", _totals("rackedge hil", results))
    for result, name in zip(results, names, strict=True):
        suite = ET.SubElement(root, "testsuite", _totals(name, [result]))
        suite.set("skipped", str(int(result.verdict is Verdict.SKIP)))  # the root has no such count
        properties = ET.SubElement(suite, "properties")
        for key, value in _properties(result):
            ET.SubElement(properties, "property", name=_xml(key), value=_xml(value))
        place = f"{result.source or 'hil'}:{result.device}"
        attributes = {"classname": _xml(place), "name": _xml(result.case), **_time([result])}
        test = ET.SubElement(suite, "testcase", attributes)
        if element := _ELEMENT.get(result.verdict):
            _tell(ET.SubElement(test, element), result)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _totals(name: str, results: Sequence[RunResult]) -> dict[str, str]:
    def count(verdict: Verdict) -> str:
        return str(sum(result.verdict is verdict for result in results))

    return {
        "name": _xml(name),
        "tests": str(len(results)),
        "failures": count(Verdict.FAIL),
        "errors": count(Verdict.INCONCLUSIVE),
        **_time(results),
    }


def _time(results: Iterable[RunResult]) -> dict[str, str]:
    return {"time": f"{sum(result.wall_s for result in results):.3f}"}


def _properties(result: RunResult) -> Iterator[tuple[str, str]]:
    yield "verdict", str(result.verdict)
    yield "device", result.device
    yield "seed", str(result.seed)
    yield "replay", result.replay
    yield "covers", " ".join(result.covers)
    for key, value in result.params.items():
        yield f"param.{key}", str(value)
    for each in result.measurements:
        yield f"measure.{each.name}", f"{each.value:.9g} {each.unit}".strip()
        yield f"measure.{each.name}.verdict", str(each.verdict)


def _tell(element: ET.Element, result: RunResult) -> None:
    """Reason, then every check and measurement that is no PASS, then how to run it again."""
    element.set("message", _xml(result.reasons[0] if result.reasons else str(result.verdict)))
    if result.verdict is not Verdict.SKIP:
        element.set("type", str(result.verdict))
    lines = [*result.reasons]
    for check in result.checks:
        if check.verdict is not Verdict.PASS:
            at = "" if check.at_ms is None else f" at {check.at_ms / 1000:.1f} s"
            lines.append(f"{check.where}: {check.verdict} {check.name}{at}: {check.detail}")
    for each in result.measurements:
        if each.verdict is not Verdict.PASS:
            allowed = f"[{each.low}, {each.high}]"
            value = f"{each.value:.6g} {each.unit}"
            lines.append(f"{each.where}: {each.verdict} {each.name} = {value}, allowed {allowed}")
    lines += [f"replay: {result.replay}"] if result.replay else []
    element.text = _xml("\n".join(lines))


def _xml(text: str) -> str:
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
