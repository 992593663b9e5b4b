// The page: files on the left, the answer on the right. Text of files and answers is only ever set as text, but for
// the tables of regtools, which escapes every cell; a policy forbids inline scripts and styles besides.
import { EXAMPLES, WORDS } from "./words.js";
import { WHEELS } from "./wheels.js";

const MAIN = "/etc/containers/registries.conf";
const DROPINS = `${MAIN}.d/`;
const LARGEST = 1_000_000; // bytes of a file that is opened
const LONG = 8_000; // characters of a link
const LATE = 500; // ms without an answer before the page says that it reads

const lang = new URLSearchParams(location.search).get("lang") === "zh" ? "zh" : "en";
const words = WORDS[lang];
const $ = (id) => document.getElementById(id);
const say = (word, ...parts) => parts.reduce((text, part, at) => text.replace(`{${at}}`, part), words[word]);

const worker = new Worker("worker.js", { type: "module" });
let ready = false;
let asked = 0;
let old = []; // files before fixes that were applied
let kept = false; // whether the status stays until something is typed
let busy = 0; // timer of the word that an answer takes long

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Signs that have no shape of their own, or turn the text round, are shown as escapes; they are copied as they are.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const visible = (text) => text.replace(HIDDEN, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);

function status(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

// -- files --------------------------------------------------------------------------------------------------------

const boxes = () => [...document.querySelectorAll(".file")];
const path = (box) => box.querySelector(".path");
const text = (box) => box.querySelector("textarea");
const state = () => boxes().map((box) => [path(box).value, text(box).value]);
const isExample = () => EXAMPLES.some((each) => JSON.stringify(Object.entries(each.files)) === JSON.stringify(state()));

function addFile(place, content) {
  const area = make("textarea", { value: content, spellcheck: false, wrap: "off", oninput: changed });
  const named = make("input", { className: "path", value: place, spellcheck: false, oninput: changed });
  named.setAttribute("list", "places");
  named.setAttribute("aria-label", words.path);
  const save = make("button", { type: "button", textContent: "⤓", title: words.download, onclick: () => download(named.value, area.value) });
  const drop = make("button", { type: "button", textContent: "✕", title: words.remove, onclick: () => { box.remove(); changed(); $("add").focus(); } });
  const label = () => [[area, words.text], [save, words.download], [drop, words.remove]]
    .forEach(([element, word]) => element.setAttribute("aria-label", `${word} ${named.value}`));
  named.addEventListener("input", label);
  label();
  const box = make("div", { className: "file" }, make("div", {}, named, save, drop), area);
  $("files").append(box);
  return box;
}

function setFiles(files) {
  $("files").replaceChildren();
  for (const [place, content] of files) addFile(place, content);
}

function free() {
  const taken = new Set(boxes().map((box) => path(box).value));
  if (!taken.has(MAIN)) return MAIN;
  for (let number = 50; ; number++) {
    const place = `${DROPINS}${number}-mine.conf`;
    if (!taken.has(place)) return place;
  }
}

function download(place, content) {
  const link = make("a", { href: URL.createObjectURL(new Blob([content], { type: "text/plain" })), download: place.split("/").pop() || "registries.conf" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// The place of an opened file: of several, those with other names are drop-ins.
function placeOf(name, several) {
  const place = `${DROPINS}${name}`;
  const dropin = several && name.endsWith(".conf") && name !== "registries.conf";
  return dropin && !boxes().some((box) => path(box).value === place) ? place : free();
}

async function openFiles(list) {
  if (!list.length) return;
  const several = list.length > 1;
  const refused = [];
  kept = false;
  for (const file of list) {
    if (file.size > LARGEST) { refused.push(say("large", file.name)); continue; }
    let content;
    try {
      content = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await file.arrayBuffer());
    } catch {
      refused.push(say("bytes", file.name));
      continue;
    }
    if (isExample()) setFiles([]); // nobody means the example and the file
    const empty = boxes().find((box) => text(box).value === "");
    if (empty) { text(empty).value = content; } else { addFile(placeOf(file.name, several), content); }
  }
  if (refused.length) keep(refused.join(" "), true);
  ask();
}

// -- question and answer ------------------------------------------------------------------------------------------

function ask() {
  if (!ready) return;
  const question = { files: Object.fromEntries(state()), image: $("name").value, podman: $("podman").value };
  worker.postMessage({ kind: "ask", id: ++asked, question });
  clearTimeout(busy);
  busy = setTimeout(() => { if (!kept) status(words.reading); }, LATE);
}

function changed() {
  kept = false;
  ask();
}

function show(seen, fixes) {
  clearTimeout(busy);
  if (seen.error) { status(seen.error, true); return; }
  if (!kept) status(fixes ? words.ready : words.working);
  $("answers").innerHTML = seen.html; // regtools escapes every text in it
  for (const element of $("answers").querySelectorAll("[data-style]")) {
    element.style.cssText = element.dataset.style;
    element.removeAttribute("data-style");
  }
  $("findings-heading").textContent = `${words.findings} ${seen.podman}`;
  $("fix-all").hidden = !seen.fixable;
  $("undo").hidden = !old.length;
  const items = seen.findings.map((finding, number) => item(finding, number));
  $("findings").replaceChildren(...(items.length ? items : [make("li", { textContent: words.nothing })]));
}

function item(finding, number) {
  const [head, ...rest] = finding.text.split("\n");
  const element = make("li", { className: finding.severity }, make("pre", { textContent: head }));
  const source = rest.filter((line) => /^\s+\d* *\|/.test(line));
  const hints = rest.filter((line) => !/^\s+\d* *\|/.test(line));
  if (source.length) element.append(make("pre", { className: "source", textContent: source.join("\n") }));
  if (hints.length) element.append(make("pre", { textContent: hints.join("\n") }));
  if (finding.line) element.append(make("button", { type: "button", textContent: words.show, onclick: () => go(finding) }));
  if (finding.fix !== null) element.append(fixBox(finding, number, null, finding.diff));
  if (finding.alternatives.length) element.append(make("p", { className: "small", textContent: words.either }));
  finding.alternatives.forEach((each, at) => element.append(fixBox(each, number, at, null)));
  return element;
}

function fixBox(fix, number, alternative, diff) {
  const box = make("div", { className: "fix" }, make("pre", { textContent: visible(fix.fix) }));
  if (fix.effect) box.append(make("p", { className: "effect", textContent: visible(fix.effect) }));
  if (diff) box.append(make("details", {}, make("summary", { textContent: words.diff }), make("pre", { textContent: visible(diff) })));
  box.append(make("p", { className: "buttons" },
    make("button", { type: "button", className: "apply", textContent: words.apply, onclick: () => fixWith(number, alternative) }),
    make("button", { type: "button", textContent: words.copy, onclick: () => copy(fix.fix, words.copied) })));
  return box;
}

function fixWith(number, alternative) {
  worker.postMessage({ kind: "fix", number, alternative });
}

function take(files) {
  old.push(state());
  const home = "/home/you/";
  const typed = new Map(boxes().map((box) => [path(box).value.replace(/^~\//, home), box]));
  for (const [place, content] of Object.entries(files)) {
    const box = typed.get(place) ?? addFile(place, "");
    if (text(box).value !== content) text(box).value = content;
  }
  keep(words.applied);
  $("undo").hidden = false;
  $("undo").focus(); // the button that was pressed goes away
  ask();
}

function go(finding) {
  const home = "/home/you/";
  const box = boxes().find((each) => path(each).value.replace(/^~\//, home) === finding.file);
  if (!box) return;
  const area = text(box);
  const lines = area.value.split("\n");
  const before = lines.slice(0, finding.line - 1).join("\n").length + (finding.line > 1 ? 1 : 0);
  const line = lines[finding.line - 1] ?? "";
  // Columns count characters; a browser counts UTF-16 units.
  const within = finding.column ? [...line].slice(0, finding.column - 1).join("").length : 0;
  area.focus();
  area.setSelectionRange(before + within, before + line.length);
  area.scrollTop = Math.max(0, (finding.line - 4) * parseFloat(getComputedStyle(area).lineHeight));
}

async function copy(content, done) {
  try {
    await navigator.clipboard.writeText(content);
  } catch { // a page without a secure address has no clipboard
    const area = make("textarea", { value: content });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  status(done);
}

// -- links --------------------------------------------------------------------------------------------------------

async function through(bytes, stream) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}

async function fragment() {
  const plain = JSON.stringify({ files: state(), image: $("name").value, podman: $("podman").value });
  const packed = await through(new TextEncoder().encode(plain), new CompressionStream("deflate-raw"));
  const letters = btoa(Array.from(packed, (byte) => String.fromCharCode(byte)).join(""));
  return `1.${letters.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

async function link() {
  const address = new URL(location.href);
  address.hash = await fragment();
  history.replaceState(null, "", address);
  await copy(address.href, address.href.length > LONG ? say("long", address.href.length) : words.linked);
}

async function unpacked(fragment) {
  if (!fragment.startsWith("1.")) throw new Error("it does not begin with 1.");
  const letters = atob(fragment.slice(2).replaceAll("-", "+").replaceAll("_", "/"));
  const plain = await through(Uint8Array.from(letters, (letter) => letter.charCodeAt(0)), new DecompressionStream("deflate-raw"));
  const found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plain));
  const isText = (value) => typeof value === "string";
  const sound = Array.isArray(found.files) && found.files.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isText));
  if (!sound || !isText(found.image) || !["4", "5", "6"].includes(found.podman)) throw new Error("it holds something else");
  return found;
}

async function fromLink() {
  if (location.hash.length < 2) return false;
  try {
    const found = await unpacked(location.hash.slice(1));
    setFiles(found.files);
    $("name").value = found.image;
    $("podman").value = found.podman;
    return true;
  } catch (error) {
    return say("damaged", error.message);
  }
}

function example(number) {
  const chosen = EXAMPLES[number];
  setFiles(Object.entries(chosen.files));
  $("name").value = chosen.name;
}

// -- start --------------------------------------------------------------------------------------------------------

function keep(text, bad = false) {
  status(text, bad);
  kept = true;
}

function translate() {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  document.title = words.title;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = words[element.dataset.word];
  $("book").href = lang === "zh" ? "../zh/index.html" : "../index.html";
  const other = new URL(location.href);
  other.searchParams.set("lang", lang === "zh" ? "en" : "zh");
  $("language").href = other.pathname + other.search;
  $("example").append(make("option", { value: "", textContent: words.choose }),
    ...EXAMPLES.map((each, number) => make("option", { value: String(number), textContent: each[lang] })));
}

worker.onmessage = ({ data }) => {
  if (data.kind === "ready") { ready = true; ask(); }
  else if (data.kind === "failed") status(say("failed", data.text), true);
  else if (data.kind === "broke") status(say("broke", data.text), true);
  else if (data.kind === "fixed") take(data.files);
  else if (data.kind === "seen" && data.id === asked) {
    show(data.seen, data.fixes);
    document.body.dataset.seen = `${data.id}${data.fixes ? "+" : ""}`;
  }
};
worker.onerror = (event) => status(say("failed", event.message), true);

translate();
status(words.loading);
worker.postMessage({ kind: "start", wheels: WHEELS });
const linked = await fromLink();
if (linked !== true) {
  example(0);
  if (linked) keep(linked, true);
}
$("name").addEventListener("input", changed);
$("podman").addEventListener("change", changed);
$("example").addEventListener("change", ({ target }) => { if (target.value) { example(Number(target.value)); target.value = ""; old = []; changed(); } });
$("question").addEventListener("submit", (event) => event.preventDefault());
$("add").addEventListener("click", () => { text(addFile(free(), "")).focus(); ask(); });
$("open").addEventListener("click", () => $("chooser").click());
$("chooser").addEventListener("change", ({ target }) => { openFiles([...target.files]); target.value = ""; });
$("share").addEventListener("click", link);
$("language").addEventListener("click", async (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another tab begins with the example
  event.preventDefault();
  location.href = `${event.currentTarget.href}#${await fragment()}`; // what was typed comes along
});
$("fix-all").addEventListener("click", () => fixWith(null, null));
$("undo").addEventListener("click", () => { setFiles(old.pop()); ask(); });
window.addEventListener("hashchange", async () => {
  const found = await fromLink();
  if (found === true) changed(); else if (found) keep(found, true);
});
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return; // text is dragged into a field
    event.preventDefault();
    if (kind === "drop") openFiles([...event.dataTransfer.files]);
  });
}
if ("serviceWorker" in navigator) navigator.serviceWorker.register("sw.js", { scope: "./" }).catch(() => {});
