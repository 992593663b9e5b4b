"""Slips of the pen: valid files, and what people do to them, as tables.

A slip is an expression and what it becomes; the number says which of the places that fit it strikes. A slip that
finds no place leaves a file as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

SHORT = 'unqualified-search-registries = ["quay.io", "docker.io"]\n'
HUB = '[[registry]]\nlocation = "docker.io"\n'
MIRROR = '\n[[registry.mirror]]\nlocation = "m.example/hub"\n'
VALID = {
    "everything": f'{SHORT}short-name-mode = "enforcing"\n\n{HUB}{MIRROR}insecure = true\n\n'
    '[aliases]\n"app" = "quay.io/team/app"\n',
    "one mirror": f"{HUB}{MIRROR}",
    "two mirrors": f"# caches\n{HUB}{MIRROR}{MIRROR.replace('m.example', 'n.example:5000')}insecure = true\n",
    "two entries": f'{SHORT}\n{HUB}{MIRROR}\n[[registry]]\nprefix = "quay.io/team"\nlocation = "r.example:5000/q"\ninsecure = true\n',
    "blocked": f'{SHORT}\n[[registry]]\nlocation = "bad.example"\nblocked = true\n\n{HUB}',
    "wildcard": '[[registry]]\nprefix = "*.corp.example"\nlocation = "r.example"\n' + MIRROR,
    "digests": f'{HUB}mirror-by-digest-only = true\n{MIRROR}',
    "one search": 'unqualified-search-registries = ["docker.io"]\ncredential-helpers = ["containers-auth.json"]\n',
    "only search": SHORT,
    "insecure": f'{SHORT}\n[[registry]]\nlocation = "lab.example:5000"\ninsecure = true\n',
    "CRLF": (SHORT + "\n" + HUB + MIRROR).replace("\n", "\r\n"),
    "redirect": f'{SHORT}\n[[registry]]\nprefix = "docker.io/library"\nlocation = "m.example/library"\n',
    "comments": f'# ours\n{SHORT}# the cache\n{HUB}# near\n{MIRROR}pull-from-mirror = "tag-only" # moves\n',
}  # fmt: skip

_ADDRESS = r'"(?P<address>[\w.-]+\.[\w]+(?::\d+)?(?:/\w+)*)"'
_LOCATION = r"location = " + _ADDRESS
_VALUE = r"(?P<key>location|prefix) = "


class Slip(NamedTuple):
    """What is looked for, and what it becomes."""

    pattern: str
    new: str | Callable[[re.Match[str]], str]

    def __call__(self, text: str, number: int) -> str:
        """Return a text with the slip at one of its places; unchanged if there is none."""
        places = list(re.finditer(self.pattern, text, re.MULTILINE))
        if not places:
            return text
        place = places[number % len(places)]
        new = place.expand(self.new) if isinstance(self.new, str) else self.new(place)
        return text[: place.start()] + new + text[place.end() :]


SLIPS: dict[str, Slip] = {
    # quotes
    "no quotes": Slip(_VALUE + _ADDRESS, r"\g<key> = \g<address>"),
    "curly quotes": Slip(_ADDRESS, r"“\g<address>”"),
    "low quotes": Slip(_ADDRESS, r"„\g<address>“"),
    "no closing quote": Slip(r'= "([^"\n]+)"(?=\r?$)', r'= "\1'),
    "no opening quote": Slip(r'= "([^"\n]+)"(?=\r?$)', r'= \1"'),
    "doubled quotes": Slip(_ADDRESS, r"''\g<address>''"),
    "full-width quotes": Slip(_ADDRESS, r"＂\g<address>＂"),
    # signs
    "colon": Slip(r"^([\w-]+) = ", r"\1: "),
    "no equals sign": Slip(r"^([\w-]+) = (?=[\"t])", r"\1 "),
    "full-width equals": Slip(r"^([\w-]+) = ", r"\1 ＝ "),
    "full-width comma": Slip(r'", "', '"，"'),
    "no comma": Slip(r'", "', '" "'),
    "no closing bracket": Slip(r'"\](?=\r?$)', '"'),
    "no-break space": Slip(r"^([\w-]+) = ", "\\1\u00a0= "),
    "slashes for a comment": Slip(r"^# ", "// "),
    "semicolon for a comment": Slip(r"^# ", "; "),
    # headers
    "single brackets": Slip(r"\[\[registry\]\]", "[registry]"),
    "single brackets of a mirror": Slip(r"\[\[registry\.mirror\]\]", "[registry.mirror]"),
    "open header": Slip(r"^\[\[(registry[.a-z]*)\]\]", r"[[\1]"),
    "spaced header": Slip(r"^\[\[(registry[.a-z]*)\]\]", r"[ [\1] ]"),
    "header twice": Slip(r"^(\[\[registry\]\]\r?\n)", r"\1\1"),
    "no header": Slip(r"^\[\[registry\]\]\r?\n", ""),
    "misspelt header": Slip(r"^\[\[registry\]\]", "[[registries]]"),
    "plural header": Slip(r"^\[\[registry\]\]", "[[registrys]]"),
    "mirror alone in its header": Slip(r"^\[\[registry\.mirror\]\]", "[[mirror]]"),
    # values
    "capital boolean": Slip(r"= (t)rue", "= True"),
    "boolean as text": Slip(r"= true", '= "true"'),
    "yes": Slip(r"= true", "= yes"),
    "one": Slip(r"= true", "= 1"),
    "text for a list": Slip(r'registries = \["([^",]+)"\]', r'registries = "\1"'),
    "mode": Slip(r'"enforcing"', '"enforced"'),
    "which pulls": Slip(r'"tag-only"', '"tags-only"'),
    # addresses
    "https": Slip(_LOCATION, r'location = "https://\g<address>"'),
    "http": Slip(_LOCATION, r'location = "http://\g<address>"'),
    "version of the API": Slip(r'location = "(m\.example)[/\w]*"', r'location = "https://\1/v2/"'),
    "slash": Slip(_LOCATION, r'location = "\g<address>/"'),
    "scheme in the search list": Slip(r'\["(quay\.io|docker\.io)"', r'["https://\1"'),
    "path in the search list": Slip(r'\["(quay\.io|docker\.io)"', r'["\1/team"'),
    "network in the search list": Slip(r'\["(quay\.io|docker\.io)"', r'["172.30.0.0/16", "\1"'),
    "tag of an alias": Slip(r'"quay\.io/team/app"', '"quay.io/team/app:latest"'),
    # keys
    "case of a key": Slip(r"^(i)nsecure|^(l)ocation", lambda m: m[0].capitalize()),
    "underscores": Slip(r"^[a-z]+(?:-[a-z]+)+(?= =)", lambda m: m[0].replace("-", "_")),
    "misspelt key": Slip(r"^insecure", "insecured"),
    "letters of a key": Slip(r"^location", "loaction"),
    "line twice": Slip(r"^([a-z-]+ = [^\n]*\n)", r"\1\1"),
    "setting below a header": Slip(r"\A(unqualified[^\n]+\n)([^\[]*)(\[\[registry\]\]\r?\n)", r"\2\3\1"),
    "prefix in the mirror": Slip(r'^(prefix = [^\n]+\n)(location[^\n]+\n\s*\[\[registry\.mirror\]\]\r?\n)', r"\2\1"),
    "list of mirrors": Slip(r'\n\n\[\[registry\.mirror\]\]\nlocation = ("[^"]+")(?=\n\n|\n\Z)', r"\nmirrors = [\1]"),
    "mirror as text": Slip(r'\n\n\[\[registry\.mirror\]\]\nlocation = ("[^"]+")(?=\n\n|\n\Z)', r"\nmirror = \1"),
    "missing header of a mirror": Slip(r"^\[\[registry\.mirror\]\]\r?\n", ""),
    # other programs and times
    "Docker's mirrors": Slip(r'\[\[registry\]\]\nlocation = "docker\.io"\n\n\[\[registry\.mirror\]\]\nlocation = "([^"]+)"\n\Z', r'registry-mirrors = ["https://\1"]' + "\n"),
    "Docker's insecure registries": Slip(r'\[\[registry\]\]\nlocation = "lab\.example:5000"\ninsecure = true\n', 'insecure-registries = ["lab.example:5000"]\n'),
    "old search list": Slip(r"\Aunqualified-search-registries = (\[.*\])\s*\Z", r"[registries.search]" + "\n" + r"registries = \1" + "\n"),
    "old list of blocked": Slip(r'\[\[registry\]\]\nlocation = "bad\.example"\nblocked = true\n', '[registries]\nblocked = ["bad.example"]\n'),
}  # fmt: skip
