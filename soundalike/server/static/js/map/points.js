// The points of the map as GET /map/points sends them (its description has the layout), and a grid to
// find them by place.
//
// They are put into an order of chance that is the same each time: what is drawn first, or named
// first, is then a fair sample of the whole, and no artist lies on top of all others.

const MAGIC = "SMAP";
const IS_NEW = 1;
const IS_UNCLEAR = 2;
const POINTS_A_CELL = 12;

function shuffled(n) {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let seed = 0x9e3779b9;
  for (let i = n - 1; i > 0; i -= 1) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((seed / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** All columns by point; `of(codes)` puts labels (in the server's order) into that of the points. */
export function readPoints(buffer) {
  const head = new DataView(buffer);
  const magic = String.fromCharCode(...new Uint8Array(buffer, 0, 4));
  const [version, start, n] = [head.getUint16(4, true), head.getUint16(6, true), head.getUint32(8, true)];
  if (magic !== MAGIC || version !== 1) throw new Error("The server sends another map than this page knows: load the page anew.");
  let at = start;
  const order = shuffled(n);
  const column = (Kind, Kept = Kind) => {
    const sent = new Kind(buffer, at, n);
    at += n * Kind.BYTES_PER_ELEMENT;
    const found = new Kept(n);
    for (let i = 0; i < n; i += 1) found[i] = sent[order[i]];
    return found;
  };
  const points = { n, state: head.getUint32(16, true), x: column(Float32Array), y: column(Float32Array), ids: column(Int32Array), trust: column(Float32Array), membership: column(Float32Array), group: column(Int16Array) };
  const flags = column(Uint8Array);
  points.isNew = (i) => (flags[i] & IS_NEW) !== 0;
  points.isUnclear = (i) => (flags[i] & IS_UNCLEAR) !== 0;
  points.of = (codes) => Int32Array.from(order, (row) => codes[row]);
  points.box = boxOf(points, points.x.keys());
  const places = new Map();
  for (let i = 0; i < n; i += 1) places.set(points.ids[i], i);
  points.at = (trackId) => places.get(trackId) ?? -1;
  return points;
}

/** What some points lie in; `top` is the smallest y. */
export function boxOf({ x, y }, some) {
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const i of some) {
    box.left = Math.min(box.left, x[i]);
    box.right = Math.max(box.right, x[i]);
    box.top = Math.min(box.top, y[i]);
    box.bottom = Math.max(box.bottom, y[i]);
  }
  return box;
}

/** Points by the cell of a grid that they lie in. */
export class Grid {
  constructor(points) {
    this.points = points;
    const { left, right, top, bottom } = points.box;
    const [width, height] = [Math.max(right - left, 1e-6), Math.max(bottom - top, 1e-6)];
    this.size = Math.max(Math.sqrt((width * height * POINTS_A_CELL) / points.n), Math.max(width, height) / 1000);
    this.columns = Math.floor(width / this.size) + 1;
    this.rows = Math.floor(height / this.size) + 1;
    const starts = new Uint32Array(this.columns * this.rows + 1);
    const cells = new Uint32Array(points.n);
    for (let i = 0; i < points.n; i += 1) {
      cells[i] = this.#row(points.y[i]) * this.columns + this.#column(points.x[i]);
      starts[cells[i] + 1] += 1;
    }
    for (let cell = 0; cell < starts.length - 1; cell += 1) starts[cell + 1] += starts[cell];
    this.starts = starts;
    this.inside = new Uint32Array(points.n);
    const next = starts.slice();
    // In the order of the points within each cell.
    for (let i = 0; i < points.n; i += 1) this.inside[next[cells[i]]++] = i;
  }

  #column(x) { return Math.max(0, Math.min(this.columns - 1, Math.floor((x - this.points.box.left) / this.size))); }
  #row(y) { return Math.max(0, Math.min(this.rows - 1, Math.floor((y - this.points.box.top) / this.size))); }

  /** Call it with each point of the cells that touch a box (map units). */
  each({ left, top, right, bottom }, call) {
    const [from, to] = [this.#column(left), this.#column(right)];
    for (let row = this.#row(top); row <= this.#row(bottom); row += 1) {
      const first = this.starts[row * this.columns + from];
      const stop = this.starts[row * this.columns + to + 1];
      for (let k = first; k < stop; k += 1) call(this.inside[k]);
    }
  }

  /** The point nearest to a place, among those within a distance and that `fits`; -1 for none. */
  nearest(x, y, distance, fits = () => true) {
    let [best, least] = [-1, distance * distance];
    this.each({ left: x - distance, right: x + distance, top: y - distance, bottom: y + distance }, (i) => {
      const apart = (this.points.x[i] - x) ** 2 + (this.points.y[i] - y) ** 2;
      if (apart <= least && fits(i)) [best, least] = [i, apart];
    });
    return best;
  }

  /** The k points nearest to a point, without itself. */
  around(i, k) {
    const [x, y] = [this.points.x[i], this.points.y[i]];
    const apart = (j) => (this.points.x[j] - x) ** 2 + (this.points.y[j] - y) ** 2;
    for (let reach = this.size; ; reach *= 2) {
      const found = [];
      this.each({ left: x - reach, right: x + reach, top: y - reach, bottom: y + reach }, (j) => j !== i && apart(j) <= reach * reach && found.push(j));
      if (found.length >= k || found.length >= this.points.n - 1 || reach > 2 * this.size * (this.columns + this.rows)) return found.sort((a, b) => apart(a) - apart(b)).slice(0, k);
    }
  }

  /** The points within a box. */
  inBox(box) {
    const found = [];
    const { x, y } = this.points;
    this.each(box, (i) => x[i] >= box.left && x[i] <= box.right && y[i] >= box.top && y[i] <= box.bottom && found.push(i));
    return found;
  }

  /** The points within a polygon [[x, y], ...] (even-odd rule). */
  inPolygon(corners) {
    const xs = corners.map(([x]) => x);
    const ys = corners.map(([, y]) => y);
    const box = { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
    return this.inBox(box).filter((i) => isInside(this.points.x[i], this.points.y[i], corners));
  }
}

function isInside(x, y, corners) {
  let inside = false;
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i, i += 1) {
    const [[ax, ay], [bx, by]] = [corners[i], corners[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}
