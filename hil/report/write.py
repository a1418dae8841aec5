# SPDX-License-Identifier: Apache-2.0
"""The report of a session: a folder per run, written as it ends, and the pages over all of them.

    DIRECTORY/report.html       everything for people, one file
    DIRECTORY/junit.xml         for CI
    DIRECTORY/CASE/run.json     keys in hil.report.document
    DIRECTORY/CASE/signals.csv  t_s, then every signal; empty: not available
    DIRECTORY/CASE/serial.jsonl every frame of both directions (hil.frame_text.document_of)

Each file is whole or absent.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hil.fidelity import Comparison
from hil.frame_text import document_of
from hil.record import Recorder
from hil.report.document import run_document
from hil.report.files import unwritable, write_pieces, write_whole
from hil.report.junit import junit
from hil.report.names import folder_names
from hil.report.page import page
from hil.verdict import FrameEntry, RunResult


class Report:
    """A report in the making: what has been added is on the disk, whatever comes."""

    def __init__(self, directory: Path) -> None:
        """Nothing is written before the first `add` or `finish`."""
        self.directory = directory
        self.results: list[RunResult] = []

    def add(self, result: RunResult) -> Path:
        """Write the folder of one run, also of one that was cut short. Raises EdgeError."""
        self.results.append(result)
        folder = self.directory / folder_names(self.results)[-1]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write_run(result, folder)
        except OSError as error:
            raise unwritable(self.directory, error.strerror or str(error)) from error
        return folder

    def finish(self, comparisons: Sequence[Comparison] = ()) -> Path:
        """Write junit.xml and report.html over all runs so far; returns the page's path.

        A run that `comparisons` name has them in its run.json from now on. May be called again.
        Raises EdgeError.
        """
        names = folder_names(self.results)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            for result, name in zip(self.results, names, strict=True):
                of_it = [each for each in comparisons if each.a is result or each.b is result]
                if of_it:
                    _write_document(result, self.directory / name, of_it)
            write_whole(self.directory / "junit.xml", _XML + junit(self.results, names))
            write_whole(self.directory / "report.html", page(self.results, comparisons))
        except OSError as error:
            raise unwritable(self.directory, error.strerror or str(error)) from error
        return self.directory / "report.html"


_XML = '<?xml version="1.0" encoding="utf-8"?>\n'


def write(
    results: Sequence[RunResult], directory: Path, comparisons: Sequence[Comparison] = ()
) -> Path:
    """Write the report of `results`, in the order in which they ran; returns the page's path.

    Raises EdgeError when the directory cannot be made or written.
    """
    report = Report(directory)
    for result in results:
        report.add(result)
    return report.finish(comparisons)


def _write_run(result: RunResult, folder: Path) -> None:
    _write_document(result, folder)
    if result.record is not None:
        write_pieces(folder / "signals.csv", _csv(result.record))
        write_pieces(folder / "serial.jsonl", _jsonl(result.frames))


def _write_document(
    result: RunResult, folder: Path, comparisons: Sequence[Comparison] = ()
) -> None:
    document = run_document(result, comparisons)
    write_whole(folder / "run.json", json.dumps(document, indent=1, allow_nan=False) + "\n")


def _csv(record: Recorder) -> Iterator[str]:
    yield ",".join(["t_s", *map(_cell, record.names)]) + "\n"
    for t_ms, values in record.rows():
        cells = ["" if math.isnan(value) else f"{value:.9g}" for value in values]
        yield f"{t_ms / 1000:.3f},{','.join(cells)}\n"


def _cell(text: str) -> str:
    """A name as RFC 4180 wants it."""
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text


def _jsonl(frames: Iterable[FrameEntry]) -> Iterator[str]:
    for entry in frames:
        yield json.dumps(document_of(entry), ensure_ascii=False) + "\n"
