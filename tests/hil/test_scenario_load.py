# SPDX-License-Identifier: Apache-2.0
"""Scenario files to cases: parameters, matrix, includes, needs, and what follows from them."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ConfigError
from hil.options import Options
from hil.scenario import load
from hil.scenario.check import check_names
from hil.scenario.duration import duration_ms, duration_text
from hil.scenario.model import Check, Command, FaultSpec, Measure, Stimulus, Where
from tests.hil.scenario_rig import (
    CATALOGUE,
    CHECKS,
    HEAD,
    SCENARIOS,
    SETTABLE,
    Drop,
    Kind,
    cases_of,
    one_case,
    write,
)


def test_a_directory_gives_its_scenarios_sorted_without_fragments_and_requirements():
    cases = cases_of(SCENARIOS)
    assert [case.name for case in cases] == [
        "feed-loss[demand=0.6,seed_offset=0]",
        "feed-loss[demand=0.6,seed_offset=1]",
        "feed-loss[demand=0.9,seed_offset=0]",
        "feed-loss[demand=0.9,seed_offset=1]",
        "host-pause",
        "trace-day",
    ]
    assert {case.source for case in cases} == {
        str(SCENARIOS / f"{name}.yaml") for name in ("feed-loss", "host-pause", "trace-day")
    }


def test_a_file_named_twice_is_read_once():
    path = SCENARIOS / "host-pause.yaml"
    assert len(cases_of(path, path)) == 1
    assert cases_of(path, SCENARIOS)[0].scenario == "host-pause"
    assert len(cases_of(path, SCENARIOS)) == 6


def test_everything_of_one_case():
    case = cases_of(SCENARIOS / "feed-loss.yaml")[3]
    file, fragment = str(SCENARIOS / "feed-loss.yaml"), str(SCENARIOS / "include/noise.yaml")
    assert (case.scenario, case.seed, case.duration_ms, case.rack.loads) == (
        "feed-loss",
        8,
        60_000,
        4,
    )
    assert case.covers == ("SHED-1",)
    assert case.needs == {"stimulus", "reset"}
    assert case.params["demand"] == 0.9
    assert case.params["loss"] == "20 s"
    assert case.stimulus == (
        Stimulus("demand_ratio", "hold", {"to": 0.9}, Where(file, 22)),
        Stimulus("feed_a_v", "step", {"to": 0.0, "at_ms": 20_000}, Where(file, 23)),
    )
    noise, reset = case.faults
    assert (noise.kind, noise.at_ms, noise.for_ms, noise.where) == (
        "sensor.noise",
        0,
        None,
        Where(fragment, 6),
    )
    assert noise.values == {"channel": "inlet", "sigma": 1.5}
    assert noise.params == CATALOGUE["sensor.noise"].model(channel="inlet", sigma=1.5)
    assert (reset.at_ms, reset.when) == (None, "held(state == LOCAL, 3s) and t_s > loss")
    assert [check.kind for check in case.checks] == ["never", "always", "within", "settles", "ends"]
    assert case.checks[1] == Check(
        "always",
        "survivor below 120 %",
        {"expr": "feed_b_w < rating_w * 1.2", "from_ms": 20_000, "to_ms": None},
        Where(file, 27),
    )
    assert case.measures == (
        Measure("peak of feed B", "max(feed_b_w) / 1000", "kW", Where(file, 34), None, 5.5, 0.2),
    )


def test_times_and_kinds_of_stimulus(tmp_path):
    case = one_case(
        tmp_path,
        HEAD + CHECKS + "stimulus:\n"
        "  - {signal: room_c, ramp: {from: 1, to: 2.5, at: 200ms, for: 0.5 min}}\n"
        "  - {signal: room_c, sine: {mean: 20, amplitude: 2, period: 2 s, phase: 0.25, at: 4s}}\n"
        "  - {signal: demand_w_s1, hold: 300}\n",
    )
    ramp = {"start": 1.0, "to": 2.5, "at_ms": 200, "for_ms": 30_000}
    sine = {"mean": 20.0, "amplitude": 2.0, "period_ms": 2000, "phase": 0.25, "at_ms": 4000}
    assert [each.values for each in case.stimulus] == [ramp, sine, {"to": 300.0}]


def test_what_is_written_decides_what_is_needed(tmp_path):
    host = HEAD.replace("host: {kind: none}\n", "")
    assert one_case(tmp_path, HEAD + CHECKS).needs == frozenset()
    assert one_case(tmp_path, host + CHECKS).needs == {"host"}
    assert one_case(tmp_path, HEAD + CHECKS + "board: {store: true}\n").needs == {"store"}
    assert one_case(tmp_path, HEAD + CHECKS + "needs: [mcu, power]\n").needs == {"mcu", "power"}
    text = HEAD + CHECKS + "faults: [{fault: link.drop, at: 1 s}]\n"
    assert one_case(tmp_path, text).needs == {"line"}
    text = HEAD + CHECKS + "stimulus: [{signal: room_c, hold: 20}]\n"
    assert one_case(tmp_path, text).needs == {"stimulus"}


def test_a_fault_s_parameters_are_its_model_s(tmp_path):
    text = HEAD + CHECKS + "faults: [{fault: link.drop, at: 1 s, for: 2 s, burst: 300ms}]\n"
    (fault,) = one_case(tmp_path, text).faults
    assert fault == FaultSpec(
        "link.drop",
        {"burst": "300ms"},
        Where(str(tmp_path / "s.yaml"), 7),
        at_ms=1000,
        for_ms=2000,
        params=Drop.model_validate({"burst": "300ms"}),
    )
    assert fault.params.burst == 300


def test_commands(tmp_path):
    text = HEAD.replace("none", "script") + CHECKS
    text += "commands: [{at: 1 s, message: LEASE, values: {owner: 7, ttl_ms: 3000}}]\n"
    (command,) = one_case(tmp_path, text).commands
    where = Where(str(tmp_path / "s.yaml"), 7)
    assert command == Command(1000, "LEASE", {"owner": 7, "ttl_ms": 3000}, where)


@pytest.mark.parametrize(
    ("params", "use", "wanted"),
    [
        ("{a: 3}", "${a}", 3),
        ("{a: 3}", "${ a }", 3),
        ("{a: true}", "${a}", True),
        ("{a: [1, 2]}", "${a}", [1, 2]),
        ("{a: {b: 1}}", "${a}", {"b": 1}),
        ("{a: '3'}", "${a}", "3"),
        ("{a: 3}", "x${a}y", "x3y"),
        ("{a: true, b: 0.5}", "${a}-${b}", "true-0.5"),
        ("{a: 3}", "${a + 1}", 4),
        ("{a: 3}", "${a / 2}", 1.5),
        ("{a: 3, b: '${a * 2}'}", "${b}", 6),
        ("{a: 20 s}", "${a}", "20 s"),
        ("{a: 20 s}", "${a + 5s}", "25000ms"),
        ("{a: 20 s}", "${2 * a}", "40000ms"),
        ("{a: 100 ms}", "${max(a, 0.3s)}", "300ms"),
        ("{a: 1}", "$a {a} $", "$a {a} $"),
    ],
)
def test_parameters_in_values(params, use, wanted, tmp_path):
    text = HEAD + CHECKS + f"params: {params}\nboard: {{config: {{value: '{use}'}}}}\n"
    got = one_case(tmp_path, text).board.config["value"]
    assert (got, type(got)) == (wanted, type(wanted))


@given(
    a=st.integers(0, 10**6), b=st.integers(0, 10**6), unit=st.sampled_from(["ms", "s", "min", "h"])
)
def test_sums_of_durations_are_exact_to_the_millisecond(a, b, unit, tmp_path_factory):
    text = (
        HEAD.replace("1 min", "${a + b + 1ms}")
        + CHECKS
        + f"params: {{a: {a} ms, b: 0.{b % 10} s}}\n"
    )
    case = one_case(tmp_path_factory.mktemp("sum"), text)
    assert case.duration_ms == a + b % 10 * 100 + 1
    assert duration_ms(f"{a % 1000} {unit}") == a % 1000 * duration_ms(f"1{unit}")
    assert duration_ms(duration_text(a)) == a


def test_a_matrix_is_the_product_in_the_order_written(tmp_path):
    text = HEAD + CHECKS + "matrix: {edge: [slow, fast], n: [1, 2.5], on: [true]}\nparams: {n: 9}\n"
    cases = cases_of(write(tmp_path, text))
    assert [case.name for case in cases] == [
        "one[edge=slow,n=1,on=true]",
        "one[edge=slow,n=2.5,on=true]",
        "one[edge=fast,n=1,on=true]",
        "one[edge=fast,n=2.5,on=true]",
    ]
    assert dict(cases[1].params) == {"edge": "slow", "n": 2.5, "on": True}


def test_the_largest_matrix_is_read(tmp_path):
    values = ",".join(map(str, range(1000)))
    text = HEAD + CHECKS + f"matrix: {{seed_value: [{values}]}}\nseed: ${{seed_value}}\n"
    assert [case.seed for case in cases_of(write(tmp_path, text))] == list(range(1000))


def test_the_command_line_overrides_parameters_and_pins_the_matrix(tmp_path):
    text = HEAD.replace("1 min", "${loss + 1s}") + CHECKS
    text += "params: {loss: 20 s, name_: x}\nmatrix: {n: [1, 2]}\nseed: ${n}\n"
    path = write(tmp_path, text)
    (case,) = cases_of(path, overrides={"n": "7", "loss": "5 min"})
    assert (case.name, case.seed, case.duration_ms) == ("one", 7, 301_000)
    assert dict(case.params) == {"loss": "5 min", "name_": "x", "n": 7}


def test_an_override_reaches_a_parameter_of_a_fragment(tmp_path):
    write(
        tmp_path,
        "params: {share: 0.5}\nfaults: [{fault: link.drop, at: 1 s, share: '${share}'}]\n",
        "f.yaml",
    )
    path = write(tmp_path, HEAD + CHECKS + "include: [f.yaml]\n")
    assert cases_of(path)[0].faults[0].params.share == 0.5
    assert cases_of(path, overrides={"share": "0.25"})[0].faults[0].params.share == 0.25
    with pytest.raises(ConfigError, match=r"'much' is not a number as 0\.5 is; write one"):
        cases_of(path, overrides={"share": "much"})


def test_includes_append_lists_and_merge_maps_and_the_later_wins(tmp_path):
    write(
        tmp_path,
        "rack: {loads: 2}\nboard: {config: {air: {a: 1, b: 1}, list: [1]}, key: true}\n"
        "checks: [{always: a > 1}]\ninclude: [deep/g.yaml]\n",
        "include/f.yaml",
    )
    write(tmp_path, "checks: [{always: a > 0}]\nrack: {loads: 1}\n", "include/deep/g.yaml")
    text = HEAD + "include: [include/f.yaml]\nchecks: [{always: a > 2}]\n"
    text += "board: {config: {air: {b: 2}, list: [2]}}\n"
    case = one_case(tmp_path, text)
    assert [check.values["expr"] for check in case.checks] == ["a > 0", "a > 1", "a > 2"]
    assert case.rack.loads == 2
    assert case.board.key
    assert case.board.config == {"air": {"a": 1, "b": 2}, "list": [2]}


FRAGMENT = (
    "params: {at: 1 s, limit: 5}\n"
    "faults: [{fault: mcu.reset, at: '${start}'}]\n"
    "checks: [{always: feed < limit, name: 'below ${limit}'}]\n"
    "measure: [{name: m, value: count(feed > limit)}]\n"
).replace("{at: 1 s,", "{start: 1 s,")


def test_a_fragment_used_twice_has_its_own_parameters_each_time(tmp_path):
    write(tmp_path, FRAGMENT, "f.yaml")
    text = HEAD + "params: {base: 10 s}\ninclude:\n  - f.yaml\n"
    text += "  - {file: f.yaml, with: {start: '${base + 2s}', limit: 7}}\n"
    case = one_case(tmp_path, text)
    assert [fault.at_ms for fault in case.faults] == [1000, 12_000]
    assert [check.name for check in case.checks] == ["below 5", "below 7"]
    assert [check.values["expr"] for check in case.checks] == ["feed < limit", "feed < 7"]
    assert [measure.expr for measure in case.measures] == ["count(feed > limit)", "count(feed > 7)"]
    assert case.params["limit"] == 5


def test_who_includes_overrides_the_defaults_of_a_fragment(tmp_path):
    write(tmp_path, FRAGMENT, "f.yaml")
    write(tmp_path, "params: {limit: 6}\ninclude: [f.yaml]\n", "g.yaml")
    case = one_case(tmp_path, HEAD + "include: [g.yaml]\n")
    assert (case.params["limit"], case.checks[0].name) == (6, "below 6")
    case = one_case(tmp_path, HEAD + "params: {limit: 8}\ninclude: [g.yaml]\n")
    assert (case.params["limit"], case.checks[0].name) == (8, "below 8")
    text = HEAD + "matrix: {limit: [1, 2]}\ninclude: [g.yaml]\n"
    cases = cases_of(write(tmp_path, text))
    assert [case.checks[0].name for case in cases] == ["below 1", "below 2"]
    assert [case.params["limit"] for case in cases] == [1, 2]


def test_what_a_use_is_given_stands_above_matrix_and_command_line(tmp_path):
    write(tmp_path, FRAGMENT, "f.yaml")
    text = HEAD + "matrix: {limit: [1, 2]}\ninclude: [{file: f.yaml, with: {limit: 7}}]\n"
    cases = cases_of(write(tmp_path, text))
    assert [case.checks[0].name for case in cases] == ["below 7", "below 7"]
    (case,) = cases_of(tmp_path / "s.yaml", overrides={"limit": "3"})
    assert (case.params["limit"], case.checks[0].name) == (3, "below 7")


def test_the_last_instant_is_still_in_the_run(tmp_path):
    text = HEAD + "faults: [{fault: link.drop, at: 1 min}]\nchecks:\n"
    text += "  - {always: a < 1, from: 60 s, to: 60 s}\n"
    text += "  - settles: {expr: a, to: 1, band: 1, by: 50 s, hold: 10 s}\n"
    assert len(one_case(tmp_path, text).checks) == 2


TRACE = "data:power/x.csv"


def test_a_trace_of_the_data_directory(tmp_path):
    text = (
        HEAD + CHECKS + f"stimulus: [{{signal: demand_w, csv: {{file: '{TRACE}', column: w}}}}]\n"
    )
    case = one_case(tmp_path, text, data_dir=tmp_path / "data")
    assert (
        case.skip == f"recorded trace power/x.csv is absent in {tmp_path}/data: set RACKEDGE_DATA"
    )
    assert not case.quarantined
    file = write(tmp_path, "t_s,w\n0,1\n1,2\n", "data/power/x.csv")
    case = one_case(tmp_path, text, data_dir=tmp_path / "data")
    assert case.skip is None
    assert case.stimulus[0].values == {
        "file": str(file),
        "column": "w",
        "scale": 1.0,
        "start_ms": 0,
    }
    with pytest.raises(ConfigError, match=r"csv\.column: no column 'v' in .*; use one of: w"):
        one_case(tmp_path, text.replace("column: w", "column: v"), data_dir=tmp_path / "data")


def test_the_data_directory_is_named_by_the_environment(tmp_path, monkeypatch):
    text = (
        HEAD + CHECKS + f"stimulus: [{{signal: demand_w, csv: {{file: '{TRACE}', column: w}}}}]\n"
    )
    monkeypatch.delenv("RACKEDGE_DATA", raising=False)
    assert "absent: set RACKEDGE_DATA" in one_case(tmp_path, text).skip
    write(tmp_path, "t_s,w\n0,1\n1,2\n", "power/x.csv")
    monkeypatch.setenv("RACKEDGE_DATA", str(tmp_path))
    assert one_case(tmp_path, text).skip is None


def test_a_trace_beside_the_scenario(tmp_path):
    write(tmp_path, "t_s,w\n0,1\n1,2\n", "x.csv")
    text = (
        HEAD + CHECKS + "stimulus: [{signal: demand_w, csv: {file: x.csv, column: w, scale: 2}}]\n"
    )
    values = one_case(tmp_path, text).stimulus[0].values
    assert values == {"file": str(tmp_path / "x.csv"), "column": "w", "scale": 2.0, "start_ms": 0}


def test_quarantine_skips_until_its_day_and_then_is_an_error(tmp_path):
    path = write(tmp_path, HEAD + CHECKS + "skip: {reason: flaky on rp2, until: 2026-12-24}\n")
    (case,) = cases_of(path, today=date(2026, 12, 24))
    assert (case.skip, case.quarantined) == ("flaky on rp2 (until 2026-12-24)", True)
    with pytest.raises(ConfigError, match="the quarantine ended on 2026-12-24; repair it"):
        cases_of(path, today=date(2026, 12, 25))


def test_requirements_are_checked_where_the_library_has_a_list(tmp_path):
    text = HEAD + CHECKS + "covers: [SHED-2]\n"
    assert one_case(tmp_path, text).covers == ("SHED-2",)
    write(tmp_path, "- {id: SHED-1, title: t, area: a}\n", "requirements.yaml")
    with pytest.raises(
        ConfigError, match=r"covers\[0\]: unknown requirement 'SHED-2'; did you mean"
    ):
        one_case(tmp_path, text)
    write(
        tmp_path,
        "- {id: shed, title: t, area: a}\n- {id: A-1, title: t, area: a}\n" * 2,
        "requirements.yaml",
    )
    with pytest.raises(ConfigError) as caught:
        one_case(tmp_path, text)
    assert "requirements.yaml:1: [0].id: 'shed'" in str(caught.value)
    assert "requirements.yaml:4: [3]: A-1 stands there twice; keep one" in str(caught.value)


def test_yaml_1_2_words_are_text(tmp_path):
    text = HEAD + CHECKS + "params: {a: no, b: 0x10, c: 12:30, d: 1e3, e: ~, f: 2026-01-01}\n"
    params = one_case(tmp_path, text).params
    assert dict(params) == {
        "a": "no",
        "b": "0x10",
        "c": "12:30",
        "d": 1000.0,
        "e": None,
        "f": "2026-01-01",
    }


def test_the_example_of_the_readme(tmp_path):
    text = Path(load.__file__).with_name("README.md").read_text(encoding="utf-8")
    example = text.split("```yaml\n")[1].split("```")[0]
    kinds = {"power.feed_loss": Kind("a feed is lost", Options, frozenset())}
    cases = cases_of(write(tmp_path, example), catalogue=kinds)
    assert [case.name for case in cases] == ["feed-loss[demand=0.6]", "feed-loss[demand=0.9]"]
    for case in cases:
        check_names(case, ("feed_a_w", "feed_b_w", "n_shed"))


def test_the_result_does_not_depend_on_what_is_loaded_beside_it():
    alone = cases_of(SCENARIOS / "feed-loss.yaml")
    assert alone == cases_of(SCENARIOS)[:4]
    assert SETTABLE
