// Python in a worker, so that typing never waits. The newest question wins; fixes are tried when typing rests.
import { loadPyodide } from "../live/static/pyodide/pyodide.mjs";

const REST = 120; // ms without a new question before fixes are tried

const ANSWER = `
import json
from regtools.errors import RegtoolsError
from regtools.notebook.exploration import explore

last = None

def look(question, fixes):
    global last
    asked = json.loads(question)
    try:
        seen = explore(asked["files"], asked["image"], asked["podman"], fixes=fixes)
    except RegtoolsError as error:
        return json.dumps({"error": str(error)})
    if fixes:
        last = seen
    # The page allows no inline style; it sets these properties itself.
    html = seen.answers_html().replace(' style="', ' data-style="')
    return json.dumps(seen.to_dict() | {"html": html, "fixable": bool(seen.findings.fixed()) if fixes else False})

def fixed(number, alternative):
    return json.dumps(last.fixed(number, alternative))
`;

let python = null;
let newest = null;
let timer = 0;

async function start(wheels) {
  const loaded = await loadPyodide({ indexURL: new URL("../live/static/pyodide/", self.location).href });
  for (const wheel of wheels) {
    const answer = await fetch(new URL(wheel, self.location));
    if (!answer.ok) throw new Error(`${wheel}: ${answer.status}`);
    loaded.unpackArchive(await answer.arrayBuffer(), "wheel");
  }
  loaded.runPython(ANSWER);
  python = { look: loaded.globals.get("look"), fixed: loaded.globals.get("fixed") };
}

function look(fixes) {
  const asked = newest;
  try {
    const seen = JSON.parse(python.look(JSON.stringify(asked.question), fixes));
    self.postMessage({ kind: "seen", id: asked.id, fixes, seen });
  } catch (error) {
    self.postMessage({ kind: "broke", text: String(error) });
  }
}

self.onmessage = async ({ data }) => {
  if (data.kind === "start") {
    try {
      await start(data.wheels);
      self.postMessage({ kind: "ready" });
    } catch (error) {
      self.postMessage({ kind: "failed", text: String(error) });
    }
  } else if (data.kind === "ask") {
    newest = data;
    clearTimeout(timer);
    // Questions that came meanwhile are already in the queue: the last of them is answered.
    timer = setTimeout(() => {
      look(false);
      timer = setTimeout(() => look(true), REST);
    }, 0);
  } else if (data.kind === "fix") {
    try { // undefined is Python's None; null is not
      self.postMessage({ kind: "fixed", files: JSON.parse(python.fixed(data.number ?? undefined, data.alternative ?? undefined)) });
    } catch (error) {
      self.postMessage({ kind: "broke", text: String(error) });
    }
  }
};
