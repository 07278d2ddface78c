// What lies over the points: names, lines to neighbours, a path, the lasso. Drawn on a 2D canvas, names
// from pictures of their own, since writing them anew for each frame takes longer than all points.

import { shown } from "../theme.js";

const HALO_PX = 4;
const MOST_PICTURES = 600;
const FONTS = { group: 680, title: 520, here: 640 };
const SIZES = { group: 14, title: 12, here: 13 };

export class Overlay {
  #canvas;
  #context;
  #pictures = new Map();
  #colours = null;
  #font = "";
  #ratio = 1;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.forget();
  }

  /** Pixels of the canvas to one of the page. */
  setRatio(ratio) {
    if (this.#ratio !== ratio) this.#pictures.clear();
    this.#ratio = ratio;
  }

  /** The colour of the ground, as the theme has it. */
  get ground() { return this.#colours.ground; }

  /** Read the colours of the theme anew. */
  forget() {
    const style = getComputedStyle(document.documentElement);
    const token = (name) => style.getPropertyValue(name).trim();
    this.#colours = { ink: token("--ink"), soft: token("--soft"), ground: token("--ground"), accent: token("--accent"), onAccent: token("--on-accent"), card: token("--card") };
    this.#font = token("--font");
    this.#pictures.clear();
  }

  /** How large a name is, in pixels of the page. */
  measure(text, kind) {
    const { width, height } = this.#picture(text, kind);
    return { width: width / this.#ratio, height: height / this.#ratio };
  }

  #picture(text, kind) {
    const key = `${kind}/${text}`;
    let made = this.#pictures.get(key);
    if (made) return made;
    if (this.#pictures.size > MOST_PICTURES) this.#pictures.clear();
    made = document.createElement("canvas");
    const context = made.getContext("2d", { willReadFrequently: true });
    const font = `${FONTS[kind]} ${SIZES[kind] * this.#ratio}px ${this.#font}`;
    context.font = font;
    made.width = Math.ceil(context.measureText(text).width + 2 * HALO_PX * this.#ratio);
    made.height = Math.ceil((SIZES[kind] + 6) * this.#ratio);
    context.font = font;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = HALO_PX * this.#ratio;
    context.strokeStyle = this.#colours.ground;
    context.fillStyle = this.#colours.ink;
    context.globalAlpha = 0.9;
    context.strokeText(text, HALO_PX * this.#ratio, made.height / 2);
    context.globalAlpha = 1;
    context.fillText(text, HALO_PX * this.#ratio, made.height / 2);
    this.#pictures.set(key, made);
    return made;
  }

  /** The pixels of a name, for whoever draws it. */
  pixels(text, kind) {
    const picture = this.#picture(text, kind);
    picture.pixels ??= picture.getContext("2d").getImageData(0, 0, picture.width, picture.height);
    return picture.pixels;
  }

  /**
   * @param {object} scene
   *   names     [{x, y, dx, dy, text, kind}]: places on the map, and pixels from there
   *   here      {x, y} that is selected, or null; `aim` likewise: what the keyboard would select
   *   lines     [{from, to, isNear}] to the neighbours of that
   *   path      [{x, y}]
   *   lasso     [[px, py]]
   *   size      pixels across of a point
   */
  draw(camera, ratio, scene, withNames) {
    const isEmpty = !(scene.lines.length || scene.path.length || scene.here || scene.aim || scene.lasso.length || (withNames && scene.names.length));
    this.#canvas.hidden = isEmpty;
    const [width, height] = [Math.round(camera.width * ratio), Math.round(camera.height * ratio)];
    if (isEmpty) return;
    const context = this.#context;
    if (this.#canvas.width !== width || this.#canvas.height !== height) [this.#canvas.width, this.#canvas.height] = [width, height];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const at = ({ x, y }) => camera.toScreen(x, y);
    if (scene.lines.length) this.#drawLines(scene, at);
    if (scene.path.length) this.#drawPath(scene, at);
    if (scene.here) this.#ring(at(scene.here), scene.size / 2 + 5, this.#colours.accent, 3);
    if (scene.aim) this.#ring(at(scene.aim), scene.size / 2 + 4, this.#colours.ink, 1.5);
    context.setTransform(1, 0, 0, 1, 0, 0);
    for (const { x, y, dx, dy, text, kind } of withNames ? scene.names : []) {
      const [px, py] = camera.toScreen(x, y);
      context.drawImage(this.#picture(text, kind), Math.round((px + dx) * ratio), Math.round((py + dy) * ratio));
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (scene.lasso.length > 1) this.#drawLasso(scene.lasso);
  }

  #ring([px, py], radius, colour, width) {
    const context = this.#context;
    for (const [style, wide] of [[this.#colours.ground, width + 3], [colour, width]]) {
      context.beginPath();
      context.arc(px, py, radius, 0, 2 * Math.PI);
      context.strokeStyle = style;
      context.lineWidth = wide;
      context.stroke();
    }
  }

  #drawLines({ lines, size }, at) {
    const context = this.#context;
    context.lineCap = "round";
    for (const { from, to, isNear } of lines) {
      const [a, b] = [at(from), at(to)];
      context.beginPath();
      context.moveTo(...a);
      context.lineTo(...b);
      context.setLineDash(isNear ? [] : [6, 5]);
      context.globalAlpha = shown() === "dark" ? 0.9 : 0.75;
      context.strokeStyle = isNear ? this.#colours.ink : this.#colours.accent;
      context.lineWidth = 1.5;
      context.stroke();
      context.setLineDash([]);
      context.globalAlpha = 1;
      context.beginPath();
      context.arc(...b, size / 2 + 2.5, 0, 2 * Math.PI);
      context.lineWidth = 1.5;
      context.stroke();
    }
  }

  #drawPath({ path, size }, at) {
    const context = this.#context;
    const places = path.map(at);
    context.lineCap = context.lineJoin = "round";
    for (const [style, wide] of [[this.#colours.ground, 7], [this.#colours.accent, 3]]) {
      context.beginPath();
      places.forEach(([px, py], i) => (i ? context.lineTo(px, py) : context.moveTo(px, py)));
      context.strokeStyle = style;
      context.lineWidth = wide;
      context.stroke();
    }
    const radius = Math.max(9, size / 2 + 4);
    context.font = `650 11px ${this.#font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    places.forEach(([px, py], i) => {
      context.beginPath();
      context.arc(px, py, radius, 0, 2 * Math.PI);
      context.fillStyle = this.#colours.accent;
      context.fill();
      context.strokeStyle = this.#colours.ground;
      context.lineWidth = 2;
      context.stroke();
      context.fillStyle = this.#colours.onAccent;
      context.fillText(String(i + 1), px, py + 0.5);
    });
  }

  #drawLasso(lasso) {
    const context = this.#context;
    context.beginPath();
    lasso.forEach(([px, py], i) => (i ? context.lineTo(px, py) : context.moveTo(px, py)));
    context.closePath();
    context.globalAlpha = 0.14;
    context.fillStyle = this.#colours.accent;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = this.#colours.accent;
    context.lineWidth = 2;
    context.setLineDash([5, 4]);
    context.stroke();
    context.setLineDash([]);
  }
}
