// The map of a surface with ways upon it, and their curves. Colours come from the style, which knows light and dark.

const LEVELS = 24, POWER = 4; // of contours, and how much closer they lie near the lowest point: as in flori's picture
const MARGIN = 14; // to the right of an area, for half a label
const FLOOR = 1e-10; // heights above the lowest point are drawn down to here

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const channels = (name) => colour(name).match(/[0-9a-f]{2}/gi).map((two) => parseInt(two, 16));

// What of a canvas is drawn on, beside room for labels: left, top, width, height in its own pixels.
const within = ({ clientWidth, clientHeight }, left, bottom) =>
  [left, 8, Math.max(clientWidth - left - MARGIN, 1), Math.max(clientHeight - bottom - 8, 1)];
const mapArea = (canvas) => within(canvas, 34, 22);

// A canvas as sharp as the screen, with a brush to draw on it in its own pixels.
function prepare(canvas) {
  const sharp = Math.min(window.devicePixelRatio || 1, 2), { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * sharp);
  canvas.height = Math.round(height * sharp);
  const brush = canvas.getContext("2d");
  brush.scale(sharp, sharp);
  brush.font = "12px system-ui, sans-serif";
  return { brush, sharp };
}

// Where a point of the surface is on the map in pixels; and back.
function scales(surface, [left, top, width, height]) {
  const [[x0, x1], [y0, y1]] = FLORI.surfaces[surface].box;
  return {
    place: ([x, y]) => [left + (x - x0) / (x1 - x0) * width, top + (y1 - y) / (y1 - y0) * height],
    point: ([h, v]) => [x0 + (h - left) / width * (x1 - x0), y1 - (v - top) / height * (y1 - y0)],
  };
}

// The filled contours as an image of so many pixels.
function relief(surface, width, height) {
  const [[x0, x1], [y0, y1]] = FLORI.surfaces[surface].box, { least } = FLORI.surfaces[surface];
  const above = new Float64Array(width * height);
  let most = 0;
  for (let i = 0; i < above.length; i++) {
    const x = x0 + (i % width + 0.5) / width * (x1 - x0), y = y1 - (Math.floor(i / width) + 0.5) / height * (y1 - y0);
    above[i] = SURFACES[surface].height(x, y) - least;
    most = Math.max(most, above[i]);
  }
  const level = (height) => Math.floor((LEVELS - 1) * Math.max(height / most, 0) ** (1 / POWER));
  const levels = Uint8Array.from(above, level), line = channels("line"), low = channels("low"), high = channels("high");
  const tone = (at) => low.map((from, k) => from + (high[k] - from) * at / (LEVELS - 1));
  const tones = Array.from({ length: LEVELS }, (_, at) => tone(at));
  const image = new ImageData(width, height);
  for (let i = 0; i < levels.length; i++) {
    const ends = (i % width && levels[i - 1] !== levels[i]) || (i >= width && levels[i - width] !== levels[i]);
    const rgb = ends ? line : tones[levels[i]];
    for (let k = 0; k < 4; k++) image.data[4 * i + k] = k < 3 ? rgb[k] : 255;
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

const reliefs = new Map(); // the last one drawn, by all that it depends on
function reliefOf(surface, width, height) {
  const key = [surface, width, height, colour("low")].join();
  if (!reliefs.has(key)) {
    reliefs.clear();
    reliefs.set(key, relief(surface, width, height));
  }
  return reliefs.get(key);
}

const thickness = (i) => 3 - 0.25 * i; // of ways that are one all are seen

// A line through the places as far as they are numbers; those places, or null where there is none.
function drawLine(brush, places, optimizer, width) {
  const whole = places.findIndex((place) => !place.every((value) => Math.abs(value) < 1e5));
  const shown = whole < 0 ? places : places.slice(0, whole);
  if (!shown.length) return null;
  brush.strokeStyle = brush.fillStyle = colour(optimizer);
  [brush.lineWidth, brush.lineJoin] = [width, "round"];
  brush.beginPath();
  shown.forEach((place) => brush.lineTo(...place));
  brush.stroke();
  return shown;
}

function drawMark(brush, text, place, fill, size) {
  brush.save();
  brush.font = `${size}px system-ui, sans-serif`;
  [brush.textAlign, brush.textBaseline, brush.lineWidth, brush.lineJoin] = ["center", "middle", 3, "round"];
  [brush.strokeStyle, brush.fillStyle] = [colour("ground"), fill];
  brush.strokeText(text, ...place);
  brush.fillText(text, ...place);
  brush.restore();
}

function drawLabels(brush, texts, align, baseline) {
  [brush.fillStyle, brush.textAlign, brush.textBaseline] = [colour("quiet"), align, baseline];
  texts.forEach(([text, ...place]) => brush.fillText(text, ...place));
}

// Round numbers between two, about so many.
function rounds(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((by) => by * power >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const length = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length }, (_, i) => Number(((first + i) * step).toPrecision(6)));
}

// The map: contours, the lowest points, the ways up to the step that is shown, and where they start.
function drawMap(canvas, { surface, ways, shown, start }) {
  const { brush, sharp } = prepare(canvas), area = mapArea(canvas), [left, top, width, height] = area;
  const { place } = scales(surface, area), { box, lowest } = FLORI.surfaces[surface];
  brush.drawImage(reliefOf(surface, Math.round(width * sharp), Math.round(height * sharp)), ...area);
  drawLabels(brush, rounds(...box[0], 6).map((x) => [x, place([x, 0])[0], top + height + 6]), "center", "top");
  drawLabels(brush, rounds(...box[1], 6).map((y) => [y, left - 6, place([0, y])[1]]), "right", "middle");
  brush.save();
  brush.beginPath();
  brush.rect(...area);
  brush.clip();
  const ends = ways.map((way, i) => {
    const places = drawLine(brush, way.points.slice(0, shown + 1).map(place), way.optimizer, thickness(i));
    if (places && shown <= 300) places.forEach(([x, y]) => brush.fillRect(x - 1.5, y - 1.5, 3, 3));
    return places;
  });
  lowest.forEach((point) => drawMark(brush, "★", place(point), colour("star"), 22));
  ways.forEach(({ optimizer }, i) => {
    if (ends[i]) drawMark(brush, OPTIMIZERS[optimizer].mark, ends[i].at(-1), colour(optimizer), 15);
  });
  drawMark(brush, "✕", place(start), colour("ink"), 15);
  brush.restore();
}

// The curves: height above the lowest point by step, in powers of ten.
function drawCurves(canvas, { surface, ways, shown, steps }) {
  const { brush } = prepare(canvas), [left, top, width, height] = within(canvas, 46, 36);
  const { least } = FLORI.surfaces[surface];
  const power = (value) => Math.log10(Math.max(value - least, FLOOR));
  const powers = ways.flatMap((way) => way.heights).filter(Number.isFinite).map(power);
  const first = Math.max(...ways.map((way) => power(way.heights[0])), 0); // what diverges is cut off a little above it
  const high = Math.ceil(Math.min(Math.max(...powers, -1), first + 3));
  const low = Math.min(Math.floor(Math.min(...powers, high)), high - 1);
  const place = (step, value) => [left + step / steps * width, top + (high - power(value)) / (high - low) * height];
  const grid = rounds(low, high, 5).filter(Number.isInteger);
  brush.strokeStyle = colour("rule");
  const level = (decade) => place(0, least + 10 ** decade)[1];
  grid.forEach((decade) => brush.strokeRect(left, level(decade), width, 0));
  drawLabels(brush, grid.map((decade) => [`1e${decade}`, left - 6, level(decade)]), "right", "middle");
  drawLabels(brush, rounds(0, steps, 5).map((step) => [step, place(step, 1)[0], top + height + 5]), "center", "top");
  drawLabels(brush, [["steps", left + width / 2, top + height + 20]], "center", "top");
  brush.save();
  brush.beginPath();
  brush.rect(left - 8, 0, width + 16, top + height + 2);
  brush.clip();
  ways.forEach((way, i) => {
    const places = drawLine(brush, way.heights.map((value, step) => place(step, value)), way.optimizer, thickness(i));
    const { mark } = OPTIMIZERS[way.optimizer];
    if (places && shown < places.length) drawMark(brush, mark, places[shown], colour(way.optimizer), 13);
  });
  brush.restore();
}
