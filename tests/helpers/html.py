"""What a page holds, as a parser of HTML finds it, and a figure's pixels."""

import io
import re
from html.parser import HTMLParser

import numpy as np
from PIL import Image


def pixels(fig):
    file = io.BytesIO()
    fig.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


def check_figure(fig):
    """A notebook gets one image that carries itself and the alt text, and it is not blank."""
    bundle = fig._repr_mimebundle_()
    (img,) = Images(bundle["text/html"]).found
    assert img["alt"] == fig.alt == bundle["text/plain"]
    assert len(fig.alt) > 15
    assert re.match(r"data:image/(png|jpeg);base64,", img["src"])
    assert len(np.unique(pixels(fig).reshape(-1, 3), axis=0)) > 50, "the picture is blank"


class Images(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.found.append(dict(attrs))


class Page(HTMLParser):
    """What a page without scripts has: its images, its text, and what it would load."""

    def __init__(self, html):
        super().__init__()
        self.images, self.text, self.scripts, self.inside = [], "", [], None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.inside = tag if tag == "script" else self.inside
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_endtag(self, tag):
        self.inside = None if tag == "script" else self.inside

    def handle_data(self, data):
        if self.inside:
            self.scripts.append(data)
        else:
            self.text += data
