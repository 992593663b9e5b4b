// Run chapters in Pyodide under Node, cell by cell, and ask the explorer's questions; print everything as JSON.
// Arguments: folder of the npm package pyodide, folder of Python packages, JSON file with {chapters, questions}.
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [runtime, packages, asked] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${runtime}/pyodide.mjs`).href);
const python = await loadPyodide({ indexURL: runtime, stdout: () => {}, stderr: (text) => process.stderr.write(`${text}\n`) });
python.FS.mkdir("/packages");
python.FS.mount(python.FS.filesystems.NODEFS, { root: packages }, "/packages");
python.globals.set("asked", fs.readFileSync(asked, "utf8"));
python.runPython(`
import json, os, sys
sys.path.insert(0, "/packages")
sys.dont_write_bytecode = False  # each chapter imports regtools again, which is compiled once
os.environ["MPLBACKEND"] = "agg"

def run(chapter):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.colors = "nocolor"
    shell.showtraceback = shell.showsyntaxerror = lambda *_, **__: None  # the error itself is kept below
    hook = shell.displayhook
    hook.write_output_prompt = hook.start_displayhook = hook.finish_displayhook = lambda: None
    hook.write_format_data = lambda *_, **__: None
    done = {}
    for cell in chapter["cells"]:
        if cell["cell_type"] != "code":
            continue
        with capture_output() as seen:
            result = shell.run_cell("".join(cell["source"]), store_history=True)
        error = result.error_in_exec or result.error_before_exec
        outputs = []
        if seen.stdout:
            outputs.append({"output_type": "stream", "name": "stdout", "text": seen.stdout})
        if seen.stderr:
            outputs.append({"output_type": "stream", "name": "stderr", "text": seen.stderr})
        for each in seen.outputs:
            outputs.append({"output_type": "display_data", "data": each.data, "metadata": {}})
        if error:
            outputs.append({"output_type": "error", "ename": type(error).__name__, "evalue": str(error), "traceback": []})
        elif result.result is not None:
            data, _ = shell.display_formatter.format(result.result)
            outputs.append({"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1})
        done[cell["id"]] = outputs
    return done

asked = json.loads(asked)
answers = {}
here = os.getcwd()
for name, text in asked["chapters"].items():
    os.chdir(here)
    for module in [each for each in sys.modules if each.startswith("regtools")]:
        del sys.modules[module]  # each chapter has a kernel of its own
    answers[name] = run(json.loads(text))

from regtools.notebook.exploration import explore
explored = [explore(**question).to_dict() for question in asked["questions"]]
told = json.dumps({"chapters": answers, "explored": explored, "platform": sys.platform}, default=lambda _: None)
`);
process.stdout.write(python.globals.get("told"));
