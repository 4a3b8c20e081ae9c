// What the pages do in the browser: keep live regions live and say so when they are not, keys, sounds.
"use strict";

const patience = 3500; // ms without a word from the server before a page calls itself disconnected

// --- live regions: <main data-live="/stream"> ------------------------------------------------------------
for (const region of document.querySelectorAll("[data-live]")) {
  let heard = Date.now();
  let source;
  const connect = () => {
    source = new EventSource(region.dataset.live);
    source.addEventListener("view", (e) => {
      heard = Date.now();
      show(region, e.data);
    });
    source.addEventListener("beat", () => { heard = Date.now(); });
    source.addEventListener("over", () => { source.close(); location.reload(); }); // signed out: the page says so itself
  };
  connect();
  setInterval(() => {
    const lost = Date.now() - heard > patience;
    document.querySelector(".lost").hidden = !lost;
    document.body.classList.toggle("is-lost", lost);
    if (lost && source.readyState === EventSource.CLOSED) connect();
  }, 500);
}

// show puts a new view in place, keeps what the user was on, and makes a changed answer heard.
function show(region, html) {
  const focused = document.activeElement && region.contains(document.activeElement) ? document.activeElement.id : "";
  for (const el of plots.keys()) if (region.contains(el)) erase(el);
  region.innerHTML = html;
  if (focused) document.getElementById(focused)?.focus();
  const view = region.firstElementChild;
  if (!view) return;
  for (const d of document.querySelectorAll("dialog[open][data-fleeting]")) { // what it asked about has been answered
    if (document.getElementById(d.dataset.opener)) continue;
    d.close();
    deafUntil = Date.now() + deafness;
    focusForState();
  }
  const before = document.body.dataset.state;
  document.body.dataset.state = view.dataset.state || "";
  if (document.body.dataset.state !== (before || "")) {
    sound(view.dataset.sound);
    const message = document.querySelector("#message");
    if (message) message.textContent = ""; // it was about what is over now
    focusForState();
  } else if (view.dataset.notice && view.dataset.notice !== region.dataset.notice) {
    sound("again");
  } else if (region.dataset.told !== undefined && (view.dataset.told || "").split(" ").some((ref) => ref && !region.dataset.told.includes(ref))) {
    sound("told");
  }
  region.dataset.notice = view.dataset.notice || "";
  region.dataset.told = view.dataset.told || "";
  if (focused && document.body.dataset.state && document.activeElement === document.body) focusForState(); // its row is gone
  const amount = document.querySelector("#amount");
  if (amount && document.body.dataset.state !== "idle") amount.value = "";
  for (const chart of region.querySelectorAll("[data-chart]")) draw(chart);
  countDown();
}

function focusForState() {
  const state = document.body.dataset.state;
  if (document.querySelector("dialog[open]")) return;
  if (state === "idle") document.querySelector("#amount")?.focus();
  else if (state) document.activeElement?.blur?.();
  else document.querySelector("[autofocus]")?.focus();
}

// An Enter that was meant for a question that has just gone must not sweep away the answer that came instead.
const deafness = 1500; // ms
let deafUntil = 0;

// --- keys -------------------------------------------------------------------------------------------------
document.addEventListener("keydown", (e) => {
  if (e.repeat || e.ctrlKey || e.altKey || e.metaKey) return;
  if (document.querySelector("dialog[open]")) return; // a dialog has its own keys
  const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  if (key === "Escape" && document.activeElement?.closest("[data-list]")) { // it leaves the list, and no more
    e.preventDefault();
    document.activeElement.blur();
    focusForState();
    return;
  }
  if (key === "Enter" && Date.now() < deafUntil) {
    e.preventDefault();
    return;
  }
  if (key === "Enter" && document.activeElement?.closest("a, button, input, select, textarea")) return; // it is meant for that
  const state = document.body.dataset.state || "";
  for (const el of document.querySelectorAll("[data-key]")) {
    if (el.dataset.key !== key || (el.dataset.when && !el.dataset.when.split(" ").includes(state))) continue;
    if (typing() && key.length === 1) continue;
    e.preventDefault();
    if (el.tagName === "FORM") el.requestSubmit();
    else if (el.tagName === "INPUT" || el.tagName === "SELECT") el.focus();
    else if (el.matches("[data-list]")) el.querySelector("button")?.focus();
    else if (el.dataset.hint) document.querySelector("#message").textContent = el.dataset.hint;
    else el.click();
    return;
  }
  if (key === "Escape" && typing()) leave(document.activeElement);
});

// leave is what Esc does in a field when it has no other meaning: a field with something typed is emptied, one
// without is left, so that the page's own keys work again. The amount is never left: the next digit belongs to it.
function leave(el) {
  if (el.matches("input") && el.value) el.value = "";
  else if (el.id !== "amount") el.blur();
}

function typing() {
  const el = document.activeElement;
  return el && ["INPUT", "SELECT", "TEXTAREA"].includes(el.tagName);
}

// --- forms that stay on the page --------------------------------------------------------------------------
document.addEventListener("submit", async (e) => {
  const form = e.target;
  if (!form.matches("[data-stay]")) return;
  e.preventDefault();
  const message = form.querySelector("[role=alert]") || document.querySelector("#message");
  if (message) message.textContent = "";
  if (form.dataset.asking) say(form.dataset.asking);
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const text = (await answer.text()).trim();
    if (!answer.ok) throw new Error(text || answer.statusText);
    form.closest("dialog")?.close();
    form.reset();
    if (form.dataset.asking) say(text, confirmed);
    if (form.dataset.then === "reload") location.reload();
  } catch (err) {
    if (form.dataset.asking) say("");
    if (message) message.textContent = err.message;
    sound("again");
    const first = form.querySelector("input:not([type=hidden])");
    if (first?.matches("[data-letters]") && !/\p{L}/u.test(first.value)) first.value = ""; // a PIN, most likely, for all to see
    first?.select();
  }
});

// A second click hard upon a first one meant the first, also where a live view has put another button in its place.
document.addEventListener("click", (e) => {
  if (e.detail > 1 && e.target.closest("[data-once]")) e.preventDefault();
});

// say tells what would show no other sign of itself: for a while, or until something else is said.
const confirmed = 8000; // ms that what came of a question stays
let said;
function say(text, ms) {
  const place = document.querySelector("#said");
  if (!place) return;
  place.textContent = text;
  clearTimeout(said);
  if (ms) said = setTimeout(() => { place.textContent = ""; }, ms);
}

document.addEventListener("click", (e) => {
  const opener = e.target.closest("[data-dialog]");
  const from = opener?.dataset.of ? document.querySelector(opener.dataset.of) : opener;
  if (from) open(document.getElementById(opener.dataset.dialog), from);
  if (e.target.closest("[data-close]")) e.target.closest("dialog").close();
});

// open shows a dialog as if for the first time: nothing typed, chosen or complained of before is left in it. When it
// closes, the focus goes back to its opener, which a live view may have replaced meanwhile.
function open(dialog, opener) {
  const { id } = opener;
  dialog.dataset.opener = id;
  for (const form of dialog.querySelectorAll("form")) form.reset();
  for (const message of dialog.querySelectorAll("[role=alert]")) message.textContent = "";
  for (const [name, value] of Object.entries(opener.dataset)) {
    const slot = dialog.querySelector(`[name="${name}"]`);
    if (slot) slot.value = value;
    const text = dialog.querySelector(`[data-show="${name}"]`);
    if (text) text.textContent = value;
  }
  dialog.addEventListener("close", () => {
    for (const secret of dialog.querySelectorAll("[type=password]")) secret.value = "";
    if (id) document.getElementById(id)?.focus();
  }, { once: true });
  dialog.showModal();
  dialog.querySelector("input:not([type=hidden])")?.focus();
}

document.addEventListener("change", (e) => {
  if (e.target.matches("[data-submit]")) e.target.form.requestSubmit();
});

// --- sounds: heard, not only seen -------------------------------------------------------------------------
let audio;
document.addEventListener("keydown", () => { audio ??= new AudioContext(); }, { once: true });

const tunes = {
  paid: [[880, 0, 0.12], [1320, 0.13, 0.22]],
  refused: [[220, 0, 0.18], [180, 0.22, 0.3]],
  again: [[440, 0, 0.08], [440, 0.14, 0.08]],
  stopped: [[160, 0, 0.5]],
  pending: [[660, 0, 0.1], [660, 0.18, 0.1]],
  unknown: [[740, 0, 0.1], [370, 0.12, 0.1], [740, 0.24, 0.1], [370, 0.36, 0.2]],
  same: [[520, 0, 0.1], [780, 0.14, 0.16]],
  told: [[590, 0, 0.06], [590, 0.1, 0.06], [740, 0.2, 0.08]], // of a sale put aside: not the tune of the one on the screen
};

function sound(name) {
  document.body.dataset.lastSound = name || "";
  if (!audio || !tunes[name]) return;
  for (const [pitch, at, length] of tunes[name]) {
    const tone = audio.createOscillator(), gain = audio.createGain();
    tone.frequency.value = pitch;
    tone.type = name === "paid" ? "sine" : "square";
    gain.gain.value = 0.15;
    tone.connect(gain).connect(audio.destination);
    tone.start(audio.currentTime + at);
    tone.stop(audio.currentTime + at + length);
  }
}

// --- charts: <div data-chart='{"x":[...],"y":[...]}' data-height="px at a root size of 14 px"> -------------

const plots = new Map(); // element -> its drawing; what is not erased keeps its listeners for ever
const follow = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    if (!plots.has(target) || plots.get(target).width === target.clientWidth) continue;
    erase(target);
    draw(target); // and not merely wider: letters grow with the window too
  }
});

function erase(el) {
  plots.get(el)?.destroy();
  plots.delete(el);
  follow.unobserve(el);
}

function draw(el) {
  if (typeof uPlot === "undefined") return;
  const data = JSON.parse(el.dataset.chart);
  const css = getComputedStyle(document.body);
  const rem = parseFloat(css.fontSize);
  const font = `${Math.round(0.85 * rem)}px sans-serif`;
  const plot = new uPlot({
    width: el.clientWidth, height: Math.round(Number(el.dataset.height || 220) * rem / 14), legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: [-0.6, Math.max(data.x.length, 1) - 0.4] }, // whole bars at both ends
      y: { range: (_, low, high) => uPlot.rangeNum(Math.min(low, 0), Math.max(high, data.scale || 1), 0.1, true) }, // a bar's length is its sum
    },
    axes: [
      { values: (_, ticks) => ticks.map((v) => data.labels[v] ?? ""), incrs: [1, 2, 3, 6], stroke: css.color, font, size: 2.6 * rem, grid: { show: false } },
      { stroke: css.color, font, size: 6 * rem, values: (_, ticks) => ticks.map((v) => (v / (data.scale || 1)).toLocaleString("en")) },
    ],
    series: [{}, { fill: "#2a6f97", stroke: "#14324a", paths: uPlot.paths.bars({ size: [0.7, 60] }), points: { show: false } }],
  }, [data.x, data.y], el);
  plots.set(el, plot);
  follow.observe(el);
}

// --- countdowns: <progress data-until="Unix ms" max="seconds"> with a <span data-seconds> in its parent ----------
function countDown() {
  for (const bar of document.querySelectorAll("[data-until]")) {
    const left = Math.max(0, Math.ceil((Number(bar.dataset.until) - Date.now()) / 1000));
    bar.value = left;
    const text = bar.parentElement.querySelector("[data-seconds]");
    if (text && text.textContent !== String(left)) text.textContent = left;
  }
}
setInterval(countDown, 250);
countDown();

for (const chart of document.querySelectorAll("[data-chart]")) draw(chart);
focusForState();
