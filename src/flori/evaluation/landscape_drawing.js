// The map of a surface with ways upon it, and their curves. Colours come from the style, which knows light and dark.

const LEVELS = 24, POWER = 4; // of contours, and how much closer they lie near the lowest point: as in flori's picture
const MARGIN = 14; // to the right of an area, for half a label
const FLOOR = 1e-10; // heights above the lowest point are drawn down to here

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const channels = (name) => colour(name).match(/[0-9a-f]{2}/gi).map((two) => parseInt(two, 16));

// What of a canvas is drawn on, beside room for labels: left, top, width, height in its own pixels.
const within = ({ clientWidth, clientHeight }, left, bottom) => [left, 8, Math.max(clientWidth - left - MARGIN, 1), Math.max(clientHeight - bottom - 8, 1)];
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
  const level = (i) => Math.floor((LEVELS - 1) * Math.max(above[i] / most, 0) ** (1 / POWER));
  const low = channels("low"), high = channels("high"), line = channels("line");
  const image = new ImageData(width, height);
  for (let i = 0; i < above.length; i++) {
    const here = level(i), ends = (i % width && level(i - 1) !== here) || (i >= width && level(i - width) !== here);
    const rgb = ends ? line : low.map((from, k) => from + (high[k] - from) * here / (LEVELS - 1));
    image.data.set([...rgb, 255], 4 * i);
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

// A line through the places as far as they are numbers; it ends with the way's mark.
function drawLine(brush, places, optimizer, width) {
  const whole = places.findIndex((place) => !place.every((value) => Math.abs(value) < 1e5));
  const shown = whole < 0 ? places : places.slice(0, whole);
  if (!shown.length) return;
  [brush.strokeStyle, brush.fillStyle, brush.lineWidth, brush.lineJoin] = [colour(optimizer), colour(optimizer), width, "round"];
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
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(6)));
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
    const places = drawLine(brush, way.points.slice(0, shown + 1).map(place), way.optimizer, 3 - 0.25 * i); // of ways that are one all are seen
    if (places && shown <= 300) places.forEach(([x, y]) => brush.fillRect(x - 1.5, y - 1.5, 3, 3));
    return places;
  });
  lowest.forEach((point) => drawMark(brush, "★", place(point), colour("star"), 22));
  ends.forEach((places, i) => places && drawMark(brush, OPTIMIZERS[ways[i].optimizer].mark, places.at(-1), colour(ways[i].optimizer), 15));
  drawMark(brush, "✕", place(start), colour("ink"), 15);
  brush.restore();
}

// The curves: height above the lowest point by step, in powers of ten.
function drawCurves(canvas, { surface, ways, shown, steps }) {
  const { brush } = prepare(canvas), [left, top, width, height] = within(canvas, 46, 36);
  const { least } = FLORI.surfaces[surface];
  const power = (value) => Math.log10(Math.max(value - least, FLOOR));
  const powers = ways.flatMap((way) => way.heights).filter(Number.isFinite).map(power);
  const high = Math.min(Math.ceil(Math.max(...powers, -1)), Math.max(...ways.map((way) => Math.ceil(power(way.heights[0]))), 0) + 3);
  const low = Math.min(Math.floor(Math.min(...powers, high)), high - 1);
  const place = (step, value) => [left + step / steps * width, top + (high - power(value)) / (high - low) * height];
  const grid = rounds(low, high, 5).filter(Number.isInteger);
  brush.strokeStyle = colour("rule");
  for (const decade of grid) brush.strokeRect(left, place(0, least + 10 ** decade)[1], width, 0);
  drawLabels(brush, grid.map((decade) => [`1e${decade}`, left - 6, place(0, least + 10 ** decade)[1]]), "right", "middle");
  drawLabels(brush, rounds(0, steps, 5).filter(Number.isInteger).map((step) => [step, place(step, 1)[0], top + height + 5]), "center", "top");
  drawLabels(brush, [["steps", left + width / 2, top + height + 20]], "center", "top");
  brush.save();
  brush.beginPath();
  brush.rect(left - 8, 0, width + 16, top + height + 2);
  brush.clip();
  ways.forEach((way, i) => {
    const places = drawLine(brush, way.heights.map((value, step) => (Number.isFinite(value) ? place(step, value) : [NaN, NaN])), way.optimizer, 3 - 0.25 * i);
    if (places && shown < places.length) drawMark(brush, OPTIMIZERS[way.optimizer].mark, places[shown], colour(way.optimizer), 13);
  });
  brush.restore();
}
