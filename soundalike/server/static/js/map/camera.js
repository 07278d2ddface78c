// Which part of the map is shown: its middle, and how many pixels a unit of the map takes.

import { isCalm } from "../dom.js";

const FLIGHT_MS = 420;
const DEEPEST_PX = 260;

/** `y` grows upwards on the map, and downwards on the screen. Event "move". */
export class Camera extends EventTarget {
  x = 0;
  y = 0;
  scale = 1;
  width = 1;
  height = 1;
  /** Where things are covered at the edges: what is flown to lies in the middle of what is free. */
  free = { left: 0, right: 0, top: 0, bottom: 0 };
  #frame = 0;
  #whole = 1;

  /** How far one is zoomed in; 1 shows everything. */
  get zoom() { return this.scale / this.#whole; }

  toScreen(x, y) { return [(x - this.x) * this.scale + this.width / 2, (this.y - y) * this.scale + this.height / 2]; }
  toMap(px, py) { return [(px - this.width / 2) / this.scale + this.x, this.y - (py - this.height / 2) / this.scale]; }

  /** The part of the map that is shown, with so many pixels around it. */
  box(around = 0) {
    const [left, bottom] = this.toMap(-around, this.height + around);
    const [right, top] = this.toMap(this.width + around, -around);
    return { left, right, top: bottom, bottom: top };
  }

  resize(width, height) {
    [this.width, this.height] = [Math.max(1, width), Math.max(1, height)];
    this.#tell();
  }

  /** Scale and middle that show a box of the map. */
  #showing(box, deepest) {
    const { left, right, top, bottom } = this.free;
    const [wide, high] = [Math.max(50, this.width - left - right), Math.max(50, this.height - top - bottom)];
    const [width, height] = [box.right - box.left, box.bottom - box.top];
    const scale = Math.min(deepest, 0.94 * Math.min(wide / Math.max(width, 1e-6), high / Math.max(height, 1e-6)));
    return {
      scale,
      x: (box.left + box.right) / 2 + (right - left) / 2 / scale,
      y: (box.top + box.bottom) / 2 - (bottom - top) / 2 / scale,
    };
  }

  /** The whole of it, from now on the furthest that one can zoom out. */
  setWhole(box) {
    this.whole = box;
    this.#whole = this.#showing(box, DEEPEST_PX).scale;
    this.scale = this.#clamped(this.scale);
  }

  showWhole(fly = true) { this.#go(this.#showing(this.whole, DEEPEST_PX), fly); }
  showBox(box, fly = true) { this.#go(this.#showing(box, Math.min(DEEPEST_PX, 24 * this.#whole)), fly); }

  /** Fly to a place; zooms in to at least `zoom`. */
  showPlace(x, y, zoom, fly = true) {
    const scale = Math.min(DEEPEST_PX, Math.max(this.scale, zoom * this.#whole));
    const { left, right, top, bottom } = this.free;
    this.#go({ scale, x: x + (right - left) / 2 / scale, y: y - (bottom - top) / 2 / scale }, fly);
  }

  pan(px, py) {
    this.stop();
    this.x -= px / this.scale;
    this.y += py / this.scale;
    this.#keepInside();
    this.#tell();
  }

  /** Zoom by a factor, so that what is at a pixel stays there. */
  zoomAt(factor, px = this.width / 2, py = this.height / 2) {
    this.stop();
    const [x, y] = this.toMap(px, py);
    this.scale = this.#clamped(this.scale * factor);
    this.x = x - (px - this.width / 2) / this.scale;
    this.y = y + (py - this.height / 2) / this.scale;
    this.#keepInside();
    this.#tell();
  }

  stop() { cancelAnimationFrame(this.#frame); }

  #clamped(scale) { return Math.max(this.#whole * 0.7, Math.min(DEEPEST_PX, scale)); }

  #keepInside() {
    const { left, right, top, bottom } = this.whole;
    this.x = Math.max(left, Math.min(right, this.x));
    this.y = Math.max(top, Math.min(bottom, this.y));
  }

  #go(to, fly) {
    this.stop();
    const from = { x: this.x, y: this.y, scale: this.scale };
    const began = performance.now();
    const step = (now) => {
      const part = fly && !isCalm() ? Math.max(0, Math.min(1, (now - began) / FLIGHT_MS)) : 1;
      const eased = 1 - (1 - part) ** 3;
      this.scale = from.scale * (to.scale / from.scale) ** eased;
      this.x = from.x + (to.x - from.x) * eased;
      this.y = from.y + (to.y - from.y) * eased;
      this.#tell();
      if (part < 1) this.#frame = requestAnimationFrame(step);
    };
    step(began);
  }

  #tell() { this.dispatchEvent(new Event("move")); }
}
