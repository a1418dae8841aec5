# SPDX-License-Identifier: Apache-2.0
"""Reads a page of ours as strictly as no browser does."""

from html.parser import HTMLParser


class Reader(HTMLParser):
    """Tags, attributes and text of a page; checks that what opens is closed."""

    VOID = ("meta", "input", "br", "img")

    def __init__(self, page, *bare):
        """`bare`: tags beside those of HTML that the page leaves open."""
        super().__init__()
        self._never_closed = {*self.VOID, *bare}
        self.tags, self.attributes, self.text, self._open = [], [], [], []
        self.feed(page)
        self.close()
        assert self._open in ([], ["html"])  # HTML lets the outermost one stay open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]
        if tag not in self._never_closed:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
