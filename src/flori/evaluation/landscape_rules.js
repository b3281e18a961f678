// Surfaces, the rules of the optimisers, and ways: the numbers of the page, which need no page.
// They are those of flori.training.surfaces and flori.reference.optimisers. `mismatches` compares them, wherever the
// page is opened, with ways that flori took itself: FLORI holds those, and all that is said of the surfaces.

const LAST = 10; // steps whose highest point a way is judged by: it must have come to rest
const NEAR = 1e-3; // above the lowest point: arrived
const REST = 1e-6; // between the heights of its last steps: at rest
const EXACT = 1e-9;

const SURFACES = {
  rosenbrock: {
    height: (x, y) => (1 - x) ** 2 + 100 * (y - x * x) ** 2,
    slope: (x, y) => [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)],
  },
  saddle: {
    height: (x, y) => x * x - y * y + y ** 4 / 4,
    slope: (x, y) => [2 * x, -2 * y + y ** 3],
  },
  beale: {
    height: (x, y) => (1.5 - x + x * y) ** 2 + (2.25 - x + x * y ** 2) ** 2 + (2.625 - x + x * y ** 3) ** 2,
    slope: (x, y) => {
      const a = 1.5 - x + x * y, b = 2.25 - x + x * y ** 2, c = 2.625 - x + x * y ** 3;
      return [2 * (a * (y - 1) + b * (y ** 2 - 1) + c * (y ** 3 - 1)), 2 * x * (a + 2 * b * y + 3 * c * y ** 2)];
    },
  },
  himmelblau: {
    height: (x, y) => (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2,
    slope: (x, y) => {
      const a = x * x + y - 11, b = x + y * y - 7;
      return [4 * x * a + 2 * b, 2 * a + 4 * y * b];
    },
  },
  quadratic: {
    height: (x, y) => 0.5 * (x * x + 100 * y * y),
    slope: (x, y) => [x, 100 * y],
  },
  rastrigin: {
    height: (x, y) => 20 + x * x + y * y - 10 * (Math.cos(2 * Math.PI * x) + Math.cos(2 * Math.PI * y)),
    slope: (...w) => w.map((value) => 2 * value + 20 * Math.PI * Math.sin(2 * Math.PI * value)),
  },
};

// A rule for one weight w of slope g at step t, which keeps what it remembers in m, for both weights.
const each = (rule) => (settings) => {
  const memories = [{ v: 0, r: 0, u: 0, s: 0 }, { v: 0, r: 0, u: 0, s: 0 }];
  return (w, g, t) => memories.map((m, i) => rule(w[i], g[i], m, settings, t));
};

const adamw = (w, g, m, { rate, beta1, beta2, decay = 0 }, t) => {
  m.v = beta1 * m.v + (1 - beta1) * g;
  m.s = beta2 * m.s + (1 - beta2) * g * g;
  const v = m.v / (1 - beta1 ** t), s = m.s / (1 - beta2 ** t);
  return (1 - rate * decay) * w - rate * v / (Math.sqrt(s) + 1e-8);
};

// X/‖X‖, then five times X ← aX + b(XXᵀ)X + c(XXᵀ)²X, of one row: XXᵀ is a number.
const orthogonal = (row) => {
  const norm = Math.sqrt(row[0] ** 2 + row[1] ** 2) + 1e-7;
  let [x, y] = [row[0] / norm, row[1] / norm];
  for (let i = 0; i < 5; i++) {
    const a = x * x + y * y, scale = 3.4445 - 4.775 * a + 2.0315 * a * a;
    [x, y] = [scale * x, scale * y];
  }
  return [x, y];
};

// Every optimiser with the mark of its ways, its rule, and its settings beside the rate, as they are by default.
const OPTIMIZERS = {
  gd: { label: "gd (sgd)", mark: "●", settings: {}, rule: each((w, g, m, { rate }) => w - rate * g) },
  momentum: {
    label: "momentum", mark: "■", settings: { momentum: 0.9 },
    rule: each((w, g, m, { rate, momentum }) => {
      m.v = momentum * m.v + g;
      return w - rate * m.v;
    }),
  },
  nesterov: {
    label: "nesterov", mark: "▲", settings: { momentum: 0.9 },
    rule: each((w, g, m, { rate, momentum }) => {
      m.v = momentum * m.v + g;
      return w - rate * (g + momentum * m.v);
    }),
  },
  adagrad: {
    label: "adagrad", mark: "▼", settings: {},
    rule: each((w, g, m, { rate }) => {
      m.r += g * g;
      return w - rate * g / (Math.sqrt(m.r) + 1e-10);
    }),
  },
  rmsprop: {
    label: "rmsprop", mark: "◆", settings: { rho: 0.99, momentum: 0 },
    rule: each((w, g, m, { rate, rho, momentum }) => {
      m.r = rho * m.r + (1 - rho) * g * g;
      m.u = momentum * m.u + g / (Math.sqrt(m.r) + 1e-8);
      return w - rate * m.u;
    }),
  },
  adam: { label: "adam", mark: "◀", settings: { beta1: 0.9, beta2: 0.999 }, rule: each(adamw) },
  adamw: { label: "adamw", mark: "▶", settings: { beta1: 0.9, beta2: 0.999, decay: 0.01 }, rule: each(adamw) },
  muon: {
    label: "muon", mark: "◉", settings: { momentum: 0.95 },
    rule: ({ rate, momentum }) => {
      let m = [0, 0];
      return (w, g) => {
        m = m.map((old, i) => momentum * old + (1 - momentum) * g[i]);
        const move = orthogonal(m.map((now, i) => momentum * now + (1 - momentum) * g[i]));
        return w.map((old, i) => old - rate * 0.2 * Math.sqrt(2) * move[i]);
      };
    },
  },
};

// The way of an optimiser from a start: its points, the start among them, and the height at each.
function walk(surface, optimizer, settings, start, steps) {
  const { height, slope } = SURFACES[surface];
  const step = OPTIMIZERS[optimizer].rule(settings);
  const points = [[...start]];
  for (let t = 1; t <= steps; t++) {
    const w = points[t - 1];
    points.push(step(w, slope(...w), t));
  }
  return { optimizer, settings, points, heights: points.map((point) => height(...point)) };
}

// The first step from which on a way stays near the lowest height; null where it does not.
function arrived(surface, { heights }) {
  const away = heights.findLastIndex((height) => !(height <= FLORI.surfaces[surface].least + NEAR));
  return away + 1 < heights.length ? away + 1 : null;
}

const seen = (surface, point) =>
  FLORI.surfaces[surface].box.every(([low, high], i) => point[i] >= low && point[i] <= high);

// What became of a way, in words.
function outcome(surface, way) {
  const there = arrived(surface, way), last = way.heights.slice(-LAST), end = last.at(-1);
  const off = !seen(surface, way.points.at(-1));
  if (there !== null) return `at the lowest since step ${there}`;
  if (!Number.isFinite(end) || (off && end > way.heights[0])) return "diverged";
  if (off) return "off the map";
  return last.length === LAST && Math.max(...last) - Math.min(...last) < REST ? "at rest, not lowest" : "on its way";
}

// As flori.training.trajectories.ways: of the rates by which it stays on the map the one that is first at the lowest
// point, or else ends lowest; the smallest rate where it stays by none.
function bestRate(surface, optimizer, settings, start, steps) {
  let best = { rate: FLORI.rates[0], when: Infinity, last: Infinity };
  for (const rate of FLORI.rates) {
    const way = walk(surface, optimizer, { ...settings, rate }, start, steps);
    if (!way.points.every((point) => seen(surface, point))) continue;
    const when = arrived(surface, way) ?? Infinity, last = Math.max(...way.heights.slice(-LAST));
    if (when < best.when || (when === best.when && last < best.last)) best = { rate, when, last };
  }
  return best.rate;
}

// Of the ways that flori took itself those which the rules here do not take alike, to within 1e-9.
function mismatches() {
  const alike = (a, b) => Math.abs(a - b) <= EXACT * Math.max(1, Math.abs(b));
  return FLORI.witnesses.filter(({ surface, optimizer, rate, points }) => {
    const { settings } = OPTIMIZERS[optimizer], steps = Math.max(...Object.keys(points));
    const way = walk(surface, optimizer, { ...settings, rate }, FLORI.surfaces[surface].start, steps);
    const same = ([step, point]) => point.every((value, i) => alike(way.points[step][i], value));
    return !Object.entries(points).every(same);
  });
}
