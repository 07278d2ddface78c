// Which names are shown: no two over one another, the same ones again while one moves.

const FIRST_TITLES = 8;
const MOST_TITLES = 42;
const TRIED = 2500;
const LONGEST = 34;
const GAP_PX = 3;

export const shortened = (text, longest = LONGEST) => (text.length > longest ? `${text.slice(0, longest - 1).trimEnd()}…` : text);

/** Boxes that are taken, by the cell of a coarse grid. */
class Room {
  #cells = new Map();
  #size = 64;

  #keys([left, top, right, bottom]) {
    const found = [];
    for (let i = Math.floor(left / this.#size); i <= Math.floor(right / this.#size); i += 1) {
      for (let j = Math.floor(top / this.#size); j <= Math.floor(bottom / this.#size); j += 1) found.push(i * 10007 + j);
    }
    return found;
  }

  /** Take a box, if it is free. */
  take(box) {
    const keys = this.#keys(box);
    const isTaken = keys.some((key) => this.#cells.get(key)?.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]));
    if (isTaken) return false;
    for (const key of keys) this.#cells.set(key, [...(this.#cells.get(key) ?? []), box]);
    return true;
  }
}

/**
 * The names to draw, and the ids of tracks whose titles would be needed.
 *
 * @param {object} options
 *   camera, grid, points
 *   groups     [{name, middle: [x, y]}], the largest first
 *   first      points whose titles come first, such as the selected one and its neighbours
 *   fits       (i) => whether a point may have a name
 *   titleOf    (i) => text, or null where it is not known yet
 *   measure    (text, kind) => {width, height}
 *   size       pixels across of a point
 */
export function chooseNames({ camera, grid, points, groups, first, fits, titleOf, measure, size }) {
  const { free } = camera;
  const room = new Room();
  const names = [];
  const wanted = [];
  const put = (x, y, text, kind, offsets) => {
    const { width, height } = measure(text, kind);
    const [px, py] = camera.toScreen(x, y);
    for (const [dx, dy] of offsets(width, height)) {
      const [left, top] = [px + dx, py + dy];
      if (left < free.left || top < free.top || left + width > camera.width - free.right || top + height > camera.height - free.bottom) continue;
      if (!room.take([left - GAP_PX, top - GAP_PX, left + width + GAP_PX, top + height + GAP_PX])) continue;
      names.push({ x, y, dx, dy, text, kind });
      return true;
    }
    return false;
  };
  const beside = (width, height) => [[size / 2 + 2, -height / 2], [-size / 2 - 2 - width, -height / 2], [-width / 2, -size / 2 - height], [-width / 2, size / 2]];
  const amid = (width, height) => [[-width / 2, -height / 2]];
  const title = (i, kind) => {
    const text = titleOf(i);
    if (text !== null) return put(points.x[i], points.y[i], shortened(text), kind, beside);
    wanted.push(points.ids[i]);
    // So that no more are asked for than have room.
    const [px, py] = camera.toScreen(points.x[i], points.y[i]);
    return room.take([px, py - 9, px + 120, py + 9]);
  };
  for (const i of first) title(i, i === first[0] ? "here" : "title");
  for (const group of groups) put(...group.middle, shortened(group.name, 30), "group", amid);
  const most = Math.max(FIRST_TITLES, Math.min(MOST_TITLES, FIRST_TITLES + 11 * Math.log2(Math.max(1, camera.zoom)))) * Math.min(1, (camera.width * camera.height) / 600_000);
  const box = camera.box();
  let shown = 0;
  for (const i of candidates(points, grid, box)) {
    if (shown >= most) break;
    if (!first.includes(i) && fits(i) && title(i, "title")) shown += 1;
  }
  return { names, wanted };
}

/** Points within a box, in their order, some of them where there are many. */
function candidates(points, grid, box) {
  const inside = (i) => points.x[i] >= box.left && points.x[i] <= box.right && points.y[i] >= box.top && points.y[i] <= box.bottom;
  const found = [];
  const many = Math.min(points.n, 8 * TRIED);
  for (let i = 0; i < many && found.length < TRIED; i += 1) if (inside(i)) found.push(i);
  if (found.length < TRIED && many < points.n) return grid.inBox(box).sort((a, b) => a - b).slice(0, TRIED);
  return found;
}
