"""The built site, served on loopback and driven in real Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.web.runtime import node_modules

SITE = os.environ.get("REGTOOLS_SITE", "")
BUILT = [
    pytest.mark.skipif(not SITE, reason="needs the built site: make web-test"),
    pytest.mark.needs("node", "npm", "chromium"),
]


def drive(base: str, folder: Path, **asked: Any) -> dict[str, Any]:
    question = folder / "asked.json"
    question.write_text(json.dumps(asked), "utf-8")
    script = Path(__file__).with_name("drive.mjs")
    words = [
        "node",
        str(script),
        str(node_modules() / "playwright-core"),
        base,
        str(question),
        shutil.which("chromium") or "",
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
