// The map itself: draws points and what lies over them, and hears mouse, fingers and keys.

import { el, setStyle } from "../dom.js";
import { Camera } from "./camera.js";
import { chooseNames, shortened } from "./names.js";
import { Overlay } from "./overlay.js";
import { Grid } from "./points.js";
import { parsed } from "./colours.js";
import { pointSize, rendererOf } from "./renderer.js";

const CLICK_PX = 5;
const NEAR_PX = 12;
const STEP_PX = 90;
const ZOOM_STEP = 1.5;
const REST_MS = 130;
const RENAME_MS = 400;

/**
 * Events: "pick" and "hover" (detail: a point, or -1), "lasso" (detail: points), "rest" (nothing moves).
 * `scene` is what the overlay draws; call `redraw()` after a change, `rename()` where names change.
 */
export class Stage extends EventTarget {
  scene = { names: [], here: null, aim: null, lines: [], path: [], lasso: [], size: 3 };
  camera = new Camera();
  /** Points whose names come first; what a point is called; which may have a name. */
  naming = { first: [], titleOf: () => null, fits: () => true, groups: [] };
  mode = "move";
  #pointers = new Map();
  #asked = 0;
  #hasColours = false;
  #rest = 0;
  #named = 0;
  #isMoving = false;
  #moved = 0;
  #aim = -1;

  constructor(points, signal) {
    super();
    this.points = points;
    this.grid = new Grid(points);
    this.canvas = el("canvas", { class: "map-points" });
    this.over = el("canvas", { class: "map-over" });
    this.tip = el("div", { class: "map-tip", hidden: true });
    this.element = el("div", {
      class: "map-stage", tabindex: 0, role: "application", "aria-label": "Map of the library", "aria-describedby": "map-help",
    }, this.canvas, this.over, this.tip);
    this.renderer = rendererOf(this.canvas);
    this.overlay = new Overlay(this.over);
    this.overlay.setRatio(this.ratio);
    this.renderer.setPoints(points);
    this.canvas.addEventListener("restored", () => this.redraw(), { signal });
    this.camera.addEventListener("move", () => this.#onMove(), { signal });
    this.#listen(signal);
    const observer = new ResizeObserver(() => this.#resize());
    observer.observe(this.element);
    signal.addEventListener("abort", () => {
      observer.disconnect();
      this.camera.stop();
      cancelAnimationFrame(this.#asked);
      clearTimeout(this.#rest);
    });
  }

  setColours(colours) {
    this.#hasColours = true;
    this.renderer.setColours(colours, parsed(this.overlay.ground));
    this.redraw();
  }

  redraw() {
    // Without colours there is nothing to draw yet.
    if (this.#asked === 0 && this.#hasColours) this.#asked = requestAnimationFrame((now) => this.#draw(now));
  }

  get ratio() { return this.renderer.drawsNames ? 1 : Math.min(2, devicePixelRatio || 1); }

  /** Choose anew which names are shown; returns the ids of tracks whose titles are wanted. */
  rename() {
    this.scene.size = pointSize(this.camera, this.points.n);
    const { names, wanted } = chooseNames({
      camera: this.camera, grid: this.grid, points: this.points, size: this.scene.size,
      measure: (text, kind) => this.overlay.measure(text, kind), ...this.naming,
    });
    this.scene.names = names;
    this.redraw();
    // While it moves, frames come before names.
    if (wanted.length && !this.#isMoving) this.dispatchEvent(new CustomEvent("wanted", { detail: wanted }));
  }

  /** "move" or "lasso": what a drag does. */
  setMode(mode) {
    this.mode = mode;
    this.element.dataset.mode = mode;
  }

  #resize() {
    const { width, height } = this.element.getBoundingClientRect();
    if (width === 0) return;
    this.overlay.setRatio(this.ratio);
    const isFirst = this.camera.width === 1;
    this.camera.resize(width, height);
    this.camera.setWhole(this.points.box);
    if (isFirst) {
      this.camera.showWhole(false);
      this.dispatchEvent(new Event("ready"));
    }
    this.#settle();
  }

  #onMove() {
    this.#isMoving = true;
    this.tip.hidden = true;
    this.redraw();
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#settle(), REST_MS);
  }

  #settle() {
    this.#isMoving = false;
    this.#showAim();
    this.rename();
    this.dispatchEvent(new Event("rest"));
  }

  #draw(now) {
    this.#asked = 0;
    if (this.#isMoving && now - this.#named > RENAME_MS) {
      this.#named = now;
      this.rename();
      cancelAnimationFrame(this.#asked);
      this.#asked = 0;
    }
    const { scene, camera, ratio, overlay } = this;
    const withNames = !this.renderer.drawsNames;
    scene.size = pointSize(camera, this.points.n);
    const names = withNames ? [] : scene.names.map((each) => ({ ...each, picture: overlay.pixels(each.text, each.kind) }));
    this.renderer.draw(camera, ratio, scene.size, names);
    overlay.draw(camera, ratio, scene, withNames);
  }

  pointAt(px, py) {
    const [x, y] = this.camera.toMap(px, py);
    return this.grid.nearest(x, y, Math.max(NEAR_PX, this.scene.size / 2 + 3) / this.camera.scale);
  }

  /** The point nearest to the middle of what is not covered. */
  middle() {
    const { free, width, height } = this.camera;
    const [x, y] = this.camera.toMap((free.left + width - free.right) / 2, (free.top + height - free.bottom) / 2);
    for (let px = 40; px < 4 * Math.max(width, height); px *= 3) {
      const found = this.grid.nearest(x, y, px / this.camera.scale);
      if (found >= 0) return found;
    }
    return -1;
  }

  #showAim() {
    const isAimed = this.element.matches(":focus-visible");
    const aim = isAimed ? this.middle() : -1;
    this.scene.aim = aim < 0 ? null : this.#place(aim);
    if (aim !== this.#aim) this.dispatchEvent(new CustomEvent("aim", { detail: aim }));
    this.#aim = aim;
    this.redraw();
  }

  #place(i) { return { x: this.points.x[i], y: this.points.y[i] }; }

  /** A name beside a point, for as long as the pointer is there. */
  showTip(i, text) {
    this.tip.hidden = i < 0 || !text;
    if (this.tip.hidden) return;
    this.tip.textContent = shortened(text, 70);
    const [px, py] = this.camera.toScreen(this.points.x[i], this.points.y[i]);
    const right = px > this.camera.width - 240;
    setStyle(this.tip, { left: `${px}px`, top: `${py}px`, translate: right ? "calc(-100% - 14px) -50%" : "14px -50%" });
  }

  #listen(signal) {
    const { element, camera } = this;
    const on = (name, run, options = {}) => element.addEventListener(name, run, { signal, ...options });
    const place = (event) => {
      const { left, top } = element.getBoundingClientRect();
      return [event.clientX - left, event.clientY - top];
    };
    on("pointerdown", (event) => {
      if (event.button !== 0) return;
      element.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, place(event));
      this.#moved = this.#pointers.size > 1 ? Infinity : 0;
      const isLasso = this.#pointers.size === 1 && (this.mode === "lasso" || event.shiftKey);
      this.scene.lasso = isLasso ? [place(event)] : [];
      camera.stop();
    });
    on("pointermove", (event) => {
      const to = place(event);
      const from = this.#pointers.get(event.pointerId);
      if (!from) {
        if (event.pointerType === "mouse") this.dispatchEvent(new CustomEvent("hover", { detail: this.pointAt(...to) }));
        return;
      }
      const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
      this.#moved += Math.hypot(dx, dy);
      if (this.#pointers.size === 1) {
        if (this.#moved < CLICK_PX && this.scene.lasso.length === 0) return;
        this.#pointers.set(event.pointerId, to);
        if (this.scene.lasso.length) {
          this.scene.lasso.push(to);
          this.redraw();
        } else camera.pan(dx, dy);
        return;
      }
      const [other] = [...this.#pointers].filter(([id]) => id !== event.pointerId).map(([, each]) => each);
      this.#pointers.set(event.pointerId, to);
      const apart = (one) => Math.max(20, Math.hypot(one[0] - other[0], one[1] - other[1]));
      camera.pan(dx / 2, dy / 2);
      camera.zoomAt(apart(to) / apart(from), (to[0] + other[0]) / 2, (to[1] + other[1]) / 2);
    });
    const end = (event) => {
      if (!this.#pointers.delete(event.pointerId)) return;
      const { lasso } = this.scene;
      if (lasso.length) {
        this.scene.lasso = [];
        this.redraw();
        if (event.type === "pointerup" && lasso.length > 3) {
          const corners = lasso.map(([px, py]) => camera.toMap(px, py));
          this.dispatchEvent(new CustomEvent("lasso", { detail: this.grid.inPolygon(corners) }));
          return;
        }
      }
      if (event.type === "pointerup" && this.#moved < CLICK_PX) this.dispatchEvent(new CustomEvent("pick", { detail: this.pointAt(...place(event)) }));
    };
    on("pointerup", end);
    on("pointercancel", end);
    on("pointerleave", () => this.dispatchEvent(new CustomEvent("hover", { detail: -1 })));
    on("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 24 : 1;
      camera.zoomAt(Math.exp(Math.max(-0.6, Math.min(0.6, -event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)))), ...place(event));
    }, { passive: false });
    on("focus", () => this.#showAim());
    on("blur", () => this.#showAim());
    on("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey && event.key.startsWith("Arrow")) return;
      const pans = { ArrowLeft: [STEP_PX, 0], ArrowRight: [-STEP_PX, 0], ArrowUp: [0, STEP_PX], ArrowDown: [0, -STEP_PX] };
      if (event.key in pans) camera.pan(...pans[event.key]);
      else if (event.key === "+" || event.key === "=") this.zoom(1);
      else if (event.key === "-") this.zoom(-1);
      else if (event.key === "0") camera.showWhole();
      else if (event.key === "Enter") this.dispatchEvent(new CustomEvent("pick", { detail: this.middle() }));
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  /** One step in or out, about the middle of what is not covered. */
  zoom(direction) {
    const { free, width, height } = this.camera;
    this.camera.zoomAt(ZOOM_STEP ** direction, (free.left + width - free.right) / 2, (free.top + height - free.bottom) / 2);
  }
}
