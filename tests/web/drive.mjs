// Drive headless Chromium over the site and print what it saw as JSON.
// Arguments: folder of playwright-core, the site's address, JSON file with {live, explorer, dropped, hostile, pages, searches, shots}, Chromium.
import fs from "node:fs";
import { createRequire } from "node:module";

const [modules, base, asked, chromiumPath] = process.argv.slice(2);
const { chromium } = createRequire(`${modules}/`)("playwright-core");
const { live = [], explorer = [], dropped = [], hostile = [], pages = [], searches = [], shots = null } = JSON.parse(fs.readFileSync(asked, "utf8"));

const quiet = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: chromiumPath, args: quiet });
const told = { outside: [], errors: [], live: {}, explorer: [], hostile: {}, widths: {}, found: {} };

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1300, height: 900 }, ...options });
  context.on("request", (request) => {
    if (!request.url().startsWith(base) && !/^(data|blob):/.test(request.url())) told.outside.push(request.url());
  });
  const page = await context.newPage();
  page.on("console", (message) => { if (message.type() === "error") told.errors.push(`${page.url()}: ${message.text()}`); });
  page.on("pageerror", (error) => told.errors.push(`${page.url()}: ${error.message}`));
  return page;
}

// A chapter in JupyterLite: Run All, or cell by cell; the notebook as it is then.
for (const { chapter, all } of live) {
  const page = await open();
  await page.goto(`${base}live/lab/index.html?path=${chapter}`);
  await page.waitForFunction(() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === "idle", null, { timeout: 240000 });
  const seen = await page.evaluate(async (all) => {
    const app = window.jupyterapp;
    const panel = app.shell.currentWidget;
    const cells = panel.content;
    if (all) {
      await app.commands.execute("notebook:run-all-cells");
    } else {
      for (let index = 0; index < cells.widgets.length; index++) {
        if (cells.widgets[index].model.type !== "code") continue;
        cells.activeCellIndex = index;
        await app.commands.execute("notebook:run-cell");
      }
    }
    const idle = () => panel.sessionContext.session.kernel.status === "idle";
    for (let still = 0; still < 5;) { await new Promise((after) => setTimeout(after, 200)); still = idle() ? still + 1 : 0; }
    return cells.model.toJSON();
  }, all);
  told.live[`${chapter} ${all ? "at once" : "by cell"}`] = seen;
  await page.context().close();
}

const answered = (page, was) => page.waitForFunction((was) => { const seen = document.body.dataset.seen ?? ""; return seen.endsWith("+") && seen !== was; }, was, { timeout: 60000 });

async function paste(page, text, name) {
  const was = await page.evaluate(() => document.body.dataset.seen);
  await page.evaluate(([text, name]) => { // as a paste does; typing a megabyte would take minutes
    const fields = [document.querySelector(".file textarea"), document.getElementById("name")];
    [text, name].forEach((value, at) => { fields[at].value = value; fields[at].dispatchEvent(new Event("input")); });
  }, [text, name]);
  await answered(page, was);
}

// The explorer: paste, read the findings, apply all fixes until none is left, read the answers again.
if (explorer.length) {
  const page = await open();
  const begin = Date.now();
  await page.goto(`${base}explorer/index.html`);
  await answered(page, null);
  told.first_ms = Date.now() - begin;
  for (const { text, name } of explorer) {
    await paste(page, text, name);
    const seen = { before: await page.innerText("#answers"), codes: await page.$$eval("#findings > li", (items) => items.map((item) => [item.className, item.innerText])) };
    for (let round = 0; round < 3 && await page.isVisible("#fix-all"); round++) {
      const was = await page.evaluate(() => document.body.dataset.seen);
      await page.click("#fix-all");
      await answered(page, was);
    }
    seen.text = await page.inputValue(".file textarea");
    seen.after = await page.innerText("#answers");
    seen.left = await page.$$eval("#findings > li", (items) => items.map((item) => item.className));
    told.explorer.push(seen);
  }
  // A file of 200 lines: from a keystroke to the first answer, and to the proven fixes.
  const lines = Array.from({ length: 49 }, (_, number) => `[[registry]]\nprefix = "r${number}.example"\nlocation = "m${number}.example"\n${number % 10 ? "" : "insecure = nope"}\n`);
  await paste(page, `unqualified-search-registries = ["docker.io"]\n${lines.join("")}`, "nginx");
  told.key_ms = [];
  for (const key of "abcde") {
    const took = await page.evaluate((key) => new Promise((done) => {
      const body = document.body;
      const field = document.getElementById("name");
      const begin = performance.now();
      const times = [];
      const watch = new MutationObserver(() => { times.push(performance.now() - begin); if (body.dataset.seen.endsWith("+")) { watch.disconnect(); done(times); } });
      watch.observe(body, { attributes: true, attributeFilter: ["data-seen"] });
      field.value += key;
      field.dispatchEvent(new Event("input"));
    }), key);
    told.key_ms.push(took);
  }
  // One fix alone, undo, a link, and the page that opens it.
  await paste(page, "unqualified-search-registries = [docker.io]\n", "nginx");
  let was = await page.evaluate(() => document.body.dataset.seen);
  await page.click("button.apply");
  await answered(page, was);
  told.applied = await page.inputValue(".file textarea");
  was = await page.evaluate(() => document.body.dataset.seen);
  await page.click("#undo");
  await answered(page, was);
  told.undone = await page.inputValue(".file textarea");
  await page.click("#share");
  await page.waitForFunction(() => location.hash.length > 1);
  const link = page.url();
  told.link = link.slice(base.length);
  // Offline, after the first load.
  await page.waitForFunction(async () => (await navigator.serviceWorker.ready).active?.state === "activated", null, { timeout: 60000 });
  await page.context().setOffline(true);
  await page.goto(link.replace("#", "?again#"));
  await answered(page, null);
  told.linked = await page.inputValue(".file textarea");
  await page.context().close();
}

// Files that are dropped: they take the place of the example; one that cannot be opened is named, also afterwards.
if (dropped.length) {
  const page = await open();
  await page.goto(`${base}explorer/index.html?lang=en`);
  await answered(page, null);
  told.dropped = [];
  for (const files of dropped) {
    const was = await page.evaluate(() => document.body.dataset.seen);
    await page.evaluate((files) => {
      const dataTransfer = new DataTransfer();
      for (const [name, bytes] of files) dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    }, files);
    await answered(page, was);
    told.dropped.push({ places: await page.$$eval(".path", (fields) => fields.map((field) => field.value)), status: await page.innerText("#status") });
  }
  // What was typed comes along to the page in the other language; labels name the files.
  await page.fill("#name", "quay.io/team/app");
  await page.click("#language");
  await page.waitForURL(/lang=zh/);
  await answered(page, null);
  told.switched = { name: await page.inputValue("#name"), places: await page.$$eval(".path", (fields) => fields.map((field) => field.value)), title: await page.title() };
  told.labels = await page.$$eval(".file button, .file textarea", (items) => items.map((item) => item.getAttribute("aria-label")));
  // With the keyboard alone: a fix is applied, and what takes it back has the focus.
  await paste(page, "unqualified-search-registries = [docker.io]\n", "nginx");
  const was = await page.evaluate(() => document.body.dataset.seen);
  await page.focus("button.apply");
  await page.keyboard.press("Enter");
  await answered(page, was);
  told.focus = await page.evaluate(() => document.activeElement.id);
  await page.context().close();
}

// Hostile texts are shown as text; nothing of them runs.
for (const [what, { text, name, fragment }] of Object.entries(hostile)) {
  const page = await open();
  await page.addInitScript(() => { window.ran = 0; window.alert = () => { window.ran += 1; }; });
  await page.goto(`${base}explorer/index.html${fragment ?? ""}`);
  await answered(page, null);
  if (text !== undefined) await paste(page, text, name ?? "nginx");
  told.hostile[what] = {
    ran: await page.evaluate(() => window.ran + document.querySelectorAll("#right script, #right img, #right iframe").length),
    status: await page.innerText("#status"),
    answer: await page.innerText("#right"),
    file: (await page.inputValue(".file textarea")).length,
  };
  await page.context().close();
}

// Pages: nothing wider than the window, no errors (they are collected above).
for (const { path, width, scheme } of pages) {
  const page = await open({ viewport: { width, height: 900 }, colorScheme: scheme });
  await page.goto(base + path);
  if (path.startsWith("explorer")) await answered(page, null); else await page.waitForLoadState("networkidle");
  told.widths[`${path} ${width} ${scheme}`] = await page.evaluate(() => document.documentElement.scrollWidth);
  if (shots) await page.screenshot({ path: `${shots}/${path.replaceAll(/[/?=.]/g, "-")}-${width}-${scheme}.png`, fullPage: path.startsWith("explorer") });
  await page.context().close();
}

// The search of the book: the pages that it finds, best first.
for (const { place, words } of searches) {
  const page = await open();
  await page.goto(`${base}${place}search.html?q=${encodeURIComponent(words)}`);
  await page.waitForSelector("#search-results li > a");
  told.found[words] = await page.$$eval("#search-results li > a", (links) => links.map((link) => link.pathname));
  await page.context().close();
}

await browser.close();
process.stdout.write(JSON.stringify(told));
