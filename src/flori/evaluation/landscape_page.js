// What the controls do. All that is chosen is in `state`; whatever changes it calls `renew`, which draws all anew.

const RANGES = { // of settings beside the rate: from, to, by, and their names
  momentum: [0, 0.99, 0.01, "momentum"],
  rho: [0.5, 0.999, 0.001, "ρ, memory of squares"],
  beta1: [0, 0.99, 0.01, "β₁, memory of slopes"],
  beta2: [0.9, 0.9999, 0.0001, "β₂, memory of squares"],
  decay: [0, 1, 0.01, "weight decay λ"],
};
const NAMES = () => Object.keys(OPTIMIZERS);
const PLAYED = 5000; // milliseconds that all steps take

const state = {};
const $ = (id) => document.getElementById(id);
const short = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "no number");

function asAtFirst() {
  Object.assign(state, { best: true, settings: {}, chosen: {} });
  for (const name of NAMES()) {
    state.settings[name] = { rate: FLORI.rates[0], ...OPTIMIZERS[name].settings };
    state.chosen[name] = true;
  }
}

function goTo(surface) {
  Object.assign(state, { surface, start: [...FLORI.surfaces[surface].start] });
}

// A new element: its properties, its attributes, and what is in it.
function made(tag, properties = {}, attributes = {}, inside = []) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  element.append(...inside);
  return element;
}

// A slider under its name and value; `show` sets both from the state.
function slider(text, name, [min, max, step], set, show) {
  const value = made("b");
  const input = made("input", { type: "range", min, max, step }, { "aria-label": `${name}: ${text}` });
  input.addEventListener("input", () => { set(Number(input.value)); renew(); });
  const label = made("label", {}, {}, [made("span", { className: "name" }, {}, [text, value]), input]);
  return { label, show: () => show(input, value) };
}

function show(input, value, position, text) {
  input.value = position;
  value.textContent = text;
  input.setAttribute("aria-valuetext", text);
}

const asRate = (power) => Number((10 ** power).toPrecision(2)); // sliders of rates stand at powers of ten
const mark = (name) => {
  const element = made("span", { className: "mark", textContent: OPTIMIZERS[name].mark }, { "aria-hidden": "true" });
  element.style.color = `var(--${name})`;
  return element;
};

// The fieldset of an optimiser, and what shows the state in it.
function card(name) {
  const own = () => state.settings[name], { label } = OPTIMIZERS[name];
  const box = made("input", { type: "checkbox" });
  box.addEventListener("change", () => { state.chosen[name] = box.checked; renew(); });
  const setRate = (power) => { state.best = false; own().rate = asRate(power); };
  const showRate = (...at) => show(...at, Math.log10(own().rate), short(own().rate));
  const sliders = [slider("rate", label, [-5, 2, 0.05], setRate, showRate)];
  for (const key of Object.keys(OPTIMIZERS[name].settings)) {
    const set = (value) => { own()[key] = value; };
    const showIt = (...at) => show(...at, own()[key], String(own()[key]));
    sliders.push(slider(RANGES[key][3], label, RANGES[key], set, showIt));
  }
  const legend = made("legend", {}, {}, [made("label", {}, {}, [box, mark(name), label])]);
  $("optimizers").append(made("fieldset", {}, {}, [legend, ...sliders.map((one) => one.label)]));
  return () => { box.checked = state.chosen[name]; sliders.forEach((one) => one.show()); };
}

// Takes all ways anew, at the best rates where those are wished for, and shows them whole.
function renew() {
  const { surface, start, steps, settings } = state;
  for (const name of NAMES()) {
    if (state.best) settings[name].rate = bestRate(surface, name, settings[name], start, steps);
  }
  const chosen = NAMES().filter((name) => state.chosen[name]);
  state.ways = chosen.map((name) => walk(surface, name, settings[name], start, steps));
  stop();
  state.shown = steps;
  showControls();
  draw();
  tell();
}

function showControls() {
  const { surface, start, steps } = state, { formula, about, box } = FLORI.surfaces[surface];
  $("formula").textContent = `${formula}:`;
  $("about").textContent = `${about}.`;
  $("surface").value = surface;
  ["x", "y"].forEach((id, i) => {
    [$(id).min, $(id).max] = box[i];
    if (document.activeElement !== $(id)) $(id).value = Number(start[i].toFixed(3));
  });
  show($("steps"), $("steps-value"), steps, String(steps));
  $("best").checked = state.best;
  const rates = new Set(Object.values(state.settings).map((own) => own.rate)), [rate] = rates;
  const [position, text] = rates.size === 1 ? [Math.log10(rate), short(rate)] : [$("rate").value, "each its own"];
  show($("rate"), $("rate-value"), position, text);
  state.cards.forEach((showCard) => showCard());
}

// The pictures and the table, up to the step that is shown.
function draw() {
  const { surface, ways, shown, steps } = state;
  $("shown").max = steps;
  show($("shown"), $("shown-value"), shown, `${shown} of ${steps}`);
  const walkers = ways.map((way) => way.optimizer).join(", ") || "no optimiser";
  $("map").setAttribute("aria-label", `Map of ${surface} with the ways of ${walkers}`);
  $("caption").textContent = `Height after ${shown} steps`;
  $("results").replaceChildren(...ways.map((way) => made("tr", {}, {}, [
    made("th", {}, { scope: "row" }, [mark(way.optimizer), OPTIMIZERS[way.optimizer].label]),
    made("td", { className: "number", textContent: short(way.settings.rate) }),
    made("td", { className: "number", textContent: short(way.heights[shown]) }),
    made("td", { textContent: outcome(surface, way) }),
  ])));
  drawMap($("map"), state);
  drawCurves($("curves"), state);
}

// One sentence for those who do not see the pictures, once nothing has changed for a moment.
function tell() {
  clearTimeout(state.telling);
  state.telling = setTimeout(() => {
    const { surface, ways, steps, start } = state;
    const ended = ways.filter((way) => Number.isFinite(way.heights.at(-1)));
    const lowest = ended.sort((a, b) => a.heights.at(-1) - b.heights.at(-1))[0];
    const lost = ways.filter((way) => outcome(surface, way) === "diverged").map((way) => way.optimizer);
    $("summary").textContent = [
      `${surface}, from (${start.map(short).join(", ")}), ${steps} steps.`,
      ways.length ? "" : "No optimiser is chosen.",
      lowest ? `${lowest.optimizer} ended lowest: ${short(lowest.heights.at(-1))}.` : "",
      lost.length ? `${lost.join(", ")} diverged.` : "",
    ].join(" ");
  }, 400);
}

function play() {
  const began = performance.now();
  $("play").textContent = "Stop";
  const frame = (now) => {
    state.shown = Math.max(0, Math.min(state.steps, Math.floor((now - began) / PLAYED * state.steps)));
    draw();
    if (state.shown === state.steps) stop();
    else state.playing = requestAnimationFrame(frame);
  };
  state.playing = requestAnimationFrame(frame);
}

function stop() {
  cancelAnimationFrame(state.playing);
  state.playing = null;
  $("play").textContent = "Play";
}

function startAt(event) {
  const { left, top } = $("map").getBoundingClientRect();
  setStart(scales(state.surface, mapArea($("map"))).point([event.clientX - left, event.clientY - top]));
}

function setStart(point) {
  state.start = FLORI.surfaces[state.surface].box.map(([low, high], i) => Math.min(high, Math.max(low, point[i])));
  renew();
}

function begin() {
  $("surface").append(...Object.keys(SURFACES).map((name) => made("option", { textContent: name })));
  asAtFirst();
  goTo(FLORI.first);
  state.steps = FLORI.steps;
  state.cards = NAMES().map(card);
  const on = (id, kind, act) => $(id).addEventListener(kind, act);
  on("surface", "change", () => { goTo($("surface").value); renew(); });
  ["x", "y"].forEach((id, i) => {
    on(id, "input", () => {
      if ($(id).value !== "") setStart(state.start.map((old, k) => (k === i ? Number($(id).value) : old)));
    });
    on(id, "blur", showControls); // what was typed as it was taken
  });
  on("restart", "click", () => { goTo(state.surface); renew(); });
  on("steps", "input", () => { state.steps = Number($("steps").value); renew(); });
  on("map", "click", startAt);
  on("map", "pointermove", (event) => { if (event.pointerType === "mouse" && event.buttons === 1) startAt(event); });
  on("play", "click", () => (state.playing ? stop() : play()));
  on("shown", "input", () => { stop(); state.shown = Number($("shown").value); draw(); });
  on("best", "change", () => { state.best = $("best").checked; renew(); });
  on("rate", "input", () => {
    state.best = false;
    NAMES().forEach((name) => { state.settings[name].rate = asRate(Number($("rate").value)); });
    renew();
  });
  on("defaults", "click", () => { asAtFirst(); renew(); });
  window.addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  check();
  renew();
}

function check() {
  const wrong = mismatches().map(({ surface, optimizer }) => `${optimizer} on ${surface}`);
  const count = `${FLORI.witnesses.length} ways were compared with those of flori on opening`;
  $("warning").hidden = !wrong.length;
  $("warning").textContent = `The steps here are not those of flori; do not rely on ${wrong.join(", ")}.`;
  $("checked").textContent = `${count}: ${wrong.length || "none"} differed by more than 1e-9.`;
}

if (typeof document !== "undefined") begin();
