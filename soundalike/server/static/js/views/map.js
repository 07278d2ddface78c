// The map: every track as a point, near to what sounds like it, as far as a plane can show that.

import * as api from "../api.js";
import { button, debounced, el, fill, icon, iconButton, setStyle } from "../dom.js";
import { addKeys, openDialog } from "../keys.js";
import { coloursOf, colouring, KINDS, legendOf, palette, rgb } from "../map/colours.js";
import { mapMaker } from "../map/making.js";
import { chosenPanel, pathPanel, selectedPanel, trackList } from "../map/panels.js";
import { boxOf, readPoints } from "../map/points.js";
import { Stage } from "../map/stage.js";
import { navigate, rewrite } from "../navigation.js";
import { trackPicker } from "../picker.js";
import { player } from "../player.js";
import { keep, kept } from "../storage.js";
import { showProblem } from "../toast.js";
import { capital, name, number, percent, plural, title } from "../words.js";

const NAMES_AFTER_MS = 120;
const MOST_NAMES_AT_ONCE = 200;
const CLOSE_ZOOM = 7;
const LISTED = 40;
const NEIGHBOURS = 10;

export async function show(view) {
  const about = await api.get("/map", {}, view.signal);
  if (!about.is_made) return mapMaker(view);
  const answer = await api.ask("GET", "/map/points", { signal: view.signal });
  const points = readPoints(await answer.arrayBuffer());
  const stage = new Stage(points, view.signal);
  await new MapView(view, about, points, stage).start();
}

class MapView {
  #view;
  #about;
  #points;
  #stage;
  #titles = new Map();
  #missing = new Set();
  #only = new Set();
  #chosen = null;
  #colouring = null;
  #labels = new Map();
  #open = new AbortController();
  #path = null;
  #selected = -1;

  constructor(view, about, points, stage) {
    [this.#view, this.#about, this.#points, this.#stage] = [view, about, points, stage];
  }

  async start() {
    const stage = this.#stage;
    const { signal } = this.#view;
    stage.naming.groups = this.#about.groups.map((group) => ({ name: capital(group.name), middle: group.middle }));
    stage.naming.titleOf = (i) => this.#titleOf(i);
    stage.naming.fits = (i) => this.#isLit(i);
    this.#build();
    const on = (event, run) => stage.addEventListener(event, ({ detail }) => run(detail), { signal });
    on("pick", (i) => this.#onPick(i));
    on("hover", (i) => this.#onHover(i));
    on("aim", (i) => this.#onAim(i));
    on("lasso", (found) => this.#chooseDrawn(found));
    on("wanted", (ids) => this.#want(ids));
    on("rest", () => this.#listShown());
    on("ready", () => this.#showFirst());
    addEventListener("themechange", () => this.#retheme(), { signal });
    addKeys(signal, [
      { key: "+", text: "Nearer", run: () => stage.zoom(1) },
      { key: "-", text: "Further away", run: () => stage.zoom(-1) },
      { key: "0", text: "The whole map", run: () => stage.camera.showWhole() },
      { key: "l", text: "Lasso", run: () => this.#setLasso(stage.mode !== "lasso") },
      { key: "f", text: "From here to there", run: () => this.#openPath() },
      { key: "v", text: "Choose all that is in view", run: () => this.#chooseShown() },
      { key: "Escape", text: "Close what is open", run: () => this.#close() },
      { shown: "Enter", text: "On the map: play the ringed track" },
      { shown: "← ↑ → ↓", text: "On the map: move" },
    ]);
    const by = kept("map.colour", "group");
    await this.#colourBy(by in KINDS ? by : "group");
  }

  // ---- what there is

  #build() {
    const stage = this.#stage;
    const { signal } = this.#view;
    const { n_points: n, kept: share, n_new: fresh } = this.#about;
    this.colour = el("select", { class: "field", id: "map-colour", onchange: () => this.#colourBy(this.colour.value).catch(showProblem) },
      Object.entries(KINDS).map(([value, text]) => el("option", { value }, text)));
    this.legend = el("ul", { class: "map-legend", "aria-label": "Show only" });
    this.side = el("div", { class: "map-side" });
    this.lasso = iconButton("lasso", "Lasso (l): draw around tracks", () => this.#setLasso(stage.mode !== "lasso"), { "aria-pressed": "false" });
    this.shown = el("details", { class: "map-shown", ontoggle: () => this.#listShown() }, el("summary", {}, "Tracks in view"), el("div", {}));
    this.status = el("p", { class: "hidden-text", role: "status", "aria-live": "polite" });
    const find = trackPicker({ label: "Find a track on the map", placeholder: "Find on the map", isSearch: true, onpick: (track) => this.#goTo(track.track_id) }, signal);
    const tools = el("div", { class: "map-tools", role: "toolbar", "aria-label": "Map" },
      iconButton("plus", "Nearer (+)", () => stage.zoom(1)),
      iconButton("minus", "Further away (-)", () => stage.zoom(-1)),
      iconButton("map", "The whole map (0)", () => stage.camera.showWhole()),
      this.lasso,
      iconButton("route", "From here to there (f)", () => this.#openPath()));
    this.top = el("div", { class: "map-top" },
      el("header", { class: "map-head" }, el("h1", {}, "Map"),
        el("button", { type: "button", class: "map-fidelity small", onclick: () => this.#explain() }, icon("info"), el("span", {}, `${number(n)} tracks, ${percent(share)} of neighbours kept${fresh ? `, ${number(fresh)} new` : ""}`))),
      find,
      el("details", { class: "map-more", open: innerWidth > 736 },
        el("summary", {}, "Colours"),
        el("label", { class: "map-by small", for: "map-colour" }, el("span", { class: "soft" }, "Colour by"), this.colour),
        this.legend,
        this.shown));
    this.#view.root.classList.add("map-view");
    fill(this.#view.root, stage.element, this.top, this.side, tools, this.status,
      el("p", { class: "hidden-text", id: "map-help" }, "Arrows move, plus and minus zoom, 0 shows everything, Enter plays the track nearest to the middle. The same tracks are listed under Tracks in view."));
    stage.setMode("move");
  }

  #explain() {
    const { fidelity, kept: share, n_new: fresh } = this.#about;
    const dialog = el("dialog", { class: "dialog", "aria-label": "How far to believe the map" },
      el("h2", {}, "How far to believe it"),
      el("p", {}, `A plane is too small for music. Of the ${fidelity.k} tracks that sound most like a track, ${percent(share)} are among its ${fidelity.k} nearest here; on the two main axes alone it would be ${percent(fidelity.kept_by_axes)}.`),
      el("p", {}, "A faint point is one of which the map shows little: choose it, and lines lead to its true neighbours, dashed ones to those that are far off."),
      fresh > 0 && el("p", {}, `${plural(fresh, "track")} came after the map was made, and stand amid what they sound like.`),
      el("div", { class: "actions" },
        button("Close", () => dialog.close(), { kind: "primary" }),
        button("Draw it anew", () => { dialog.close(); mapMaker(this.#view, true).catch(showProblem); }, { symbol: "refresh" })));
    openDialog(dialog);
  }

  /** What covers the stage: what is flown to has to be beside it. */
  #measureFree() {
    const stage = this.#stage.element.getBoundingClientRect();
    const isWide = stage.width > 736;
    const covers = (each) => (each.firstElementChild ? each.getBoundingClientRect() : { width: 0, height: 0 });
    const [top, side] = [covers(this.top), covers(this.side)];
    this.#stage.camera.free = isWide
      ? { left: top.width + 24, right: side.width ? side.width + 24 : 64, top: 12, bottom: 12 }
      : { left: 8, right: 52, top: 116, bottom: side.height ? side.height + 8 : 8 };
  }

  #showFirst() {
    this.#measureFree();
    this.#stage.camera.setWhole(this.#points.box);
    this.#stage.camera.showWhole(false);
    const id = Number(this.#view.query.get("track"));
    if (id) this.#goTo(id, false);
  }

  // ---- names

  #titleOf(i) {
    const track = this.#titles.get(this.#points.ids[i]);
    return track ? title(track) : null;
  }

  #want(ids) {
    for (const id of ids) this.#missing.add(id);
    this.#fetchSoon();
  }

  #fetchSoon = debounced(() => this.#fetch().catch(showProblem), NAMES_AFTER_MS);

  async #fetch() {
    const ids = [...this.#missing].filter((id) => !this.#titles.has(id)).slice(-MOST_NAMES_AT_ONCE);
    this.#missing.clear();
    if (!ids.length) return;
    this.#know(await api.tracksOf(ids, this.#view.signal));
    this.#stage.rename();
  }

  #know(tracks) {
    for (const track of tracks) this.#titles.set(track.track_id, track);
  }

  async #track(id) {
    if (!this.#titles.has(id)) this.#know(await api.tracksOf([id], this.#view.signal));
    return this.#titles.get(id) ?? null;
  }

  async #onHover(i) {
    const { element } = this.#stage;
    element.classList.toggle("is-over", i >= 0);
    this.hovered = i;
    if (i < 0) return this.#stage.showTip(-1);
    const track = await this.#track(this.#points.ids[i]);
    if (this.hovered === i && track) this.#stage.showTip(i, name(track));
  }

  async #onAim(i) {
    const track = i < 0 ? null : await this.#track(this.#points.ids[i]);
    this.status.textContent = track ? `In the middle: ${name(track)}` : "";
  }

  // ---- colours

  async #colourBy(by) {
    this.colour.value = by;
    keep("map.colour", by);
    if (!this.#labels.has(by)) {
      const labels = await api.get("/map/labels", { by }, this.#view.signal);
      if (labels.state !== this.#points.state) return navigate("/map", { replace: true });
      this.#labels.set(by, labels);
    }
    this.#colouring = colouring(by, this.#labels.get(by), this.#points);
    this.#only.clear();
    this.#showLegend();
    this.#paint();
  }

  #showLegend() {
    const { entries, others } = legendOf(this.#colouring);
    const entry = ({ code, name: text, tone, count }) => {
      const dot = el("i", { class: "dot" });
      setStyle(dot, { "--tone": rgb(tone) });
      const made = el("button", { type: "button", class: "map-entry", "aria-pressed": String(this.#only.has(code)), onclick: () => {
        if (!this.#only.delete(code)) this.#only.add(code);
        made.setAttribute("aria-pressed", String(this.#only.has(code)));
        this.legend.classList.toggle("is-chosen", this.#only.size > 0);
        this.#paint();
        this.#stage.rename();
      } }, dot, el("span", { class: "map-entry-name" }, capital(text)), el("span", { class: "soft small" }, number(count)));
      return el("li", {}, made);
    };
    this.legend.classList.toggle("is-chosen", this.#only.size > 0);
    fill(this.legend, entries.map(entry), others && el("li", { class: "map-others soft small" }, el("i", { class: "dot tone-9" }), others));
    if (entries.length === 0) fill(this.legend, el("li", { class: "soft small" }, "No track says this."));
  }

  #isLit(i) {
    return (this.#only.size === 0 || this.#only.has(this.#colouring.codes[i])) && (this.#chosen === null || this.#chosen.has(i));
  }

  #paint() {
    this.#stage.setColours(coloursOf(this.#points, this.#colouring, (i) => this.#isLit(i)));
  }

  #retheme() {
    this.#colouring.tones = palette(this.#colouring.names.length, this.#colouring.hasShades);
    this.#stage.overlay.forget();
    this.#showLegend();
    this.#paint();
    this.#stage.rename();
  }

  // ---- choosing

  async #onPick(i) {
    if (i < 0) {
      if (this.#path === null) this.#close();
      return;
    }
    const track = await this.#track(this.#points.ids[i]);
    if (track === null) return;
    if (this.#path) this.#path.choose(track);
    else {
      player.play([track]);
      await this.#select(i);
    }
  }

  /** Fly to a track, and select it. */
  async #goTo(id, fly = true) {
    const i = this.#points.at(id);
    if (i < 0) return showProblem(new api.Problem({ detail: "This track is not on the map. Draw it anew once it is analysed." }));
    await this.#select(i);
    this.#stage.camera.showPlace(this.#points.x[i], this.#points.y[i], CLOSE_ZOOM, fly);
  }

  async #select(i) {
    const id = this.#points.ids[i];
    const signal = this.#beginPanel();
    const near = new Set(this.#stage.grid.around(i, NEIGHBOURS).map((each) => this.#points.ids[each]));
    const [track, { nearest }] = await Promise.all([this.#track(id), api.get(`/map/nearest/${id}`, {}, signal)]);
    const tracks = await api.tracksOf(nearest, signal);
    if (signal.aborted) return;
    this.#know(tracks);
    this.#selected = i;
    rewrite(`/map?track=${id}`);
    const isNear = (other) => near.has(other);
    const others = tracks.map((each) => this.#points.at(each.track_id)).filter((each) => each >= 0);
    const place = (each) => ({ x: this.#points.x[each], y: this.#points.y[each] });
    const { scene, naming } = this.#stage;
    scene.here = place(i);
    scene.lines = others.map((each) => ({ from: place(i), to: place(each), isNear: isNear(this.#points.ids[each]) }));
    naming.first = [i, ...others];
    this.#showPanel(selectedPanel({
      track, nearest: { tracks, isNear }, onpick: (other) => this.#goTo(other).catch(showProblem), onclose: () => this.#close(), onpath: () => this.#openPath(),
    }, signal));
  }

  #choose(found, text) {
    this.#setLasso(false);
    if (found.length === 0) return;
    const signal = this.#beginPanel();
    this.#chosen = new Set(found);
    this.#paint();
    const ids = found.map((i) => this.#points.ids[i]);
    const group = this.#about.groups[this.#points.group[found[0]]];
    const suggested = group ? `${capital(group.name)} from the map` : "From the map";
    this.#showPanel(chosenPanel({ ids, text, suggested, onpick: (id) => this.#goTo(id).catch(showProblem), onclose: () => this.#close() }, signal));
  }

  /** What was drawn around must not lie below the panel that lists it. */
  #chooseDrawn(found) {
    this.#choose(found, `${plural(found.length, "track")} in the lasso`);
    if (found.length) this.#stage.camera.showBox(boxOf(this.#points, found));
  }

  #inView() {
    const { camera, grid } = this.#stage;
    const { free, width, height } = camera;
    const [left, top] = camera.toMap(free.left, height - free.bottom);
    const [right, bottom] = camera.toMap(width - free.right, free.top);
    return grid.inBox({ left, right, top, bottom }).filter((i) => this.#isLit(i)).sort((a, b) => a - b);
  }

  #chooseShown() {
    const found = this.#inView();
    this.#choose(found, `${plural(found.length, "track")} in view`);
  }

  async #listShown() {
    if (!this.shown.open) return;
    const found = this.#inView();
    const ids = found.slice(0, LISTED).map((i) => this.#points.ids[i]);
    const tracks = await api.tracksOf(ids, this.#view.signal);
    this.#know(tracks);
    const more = found.length - tracks.length;
    fill(this.shown.lastElementChild,
      button(`Choose all ${number(found.length)}`, () => this.#chooseShown(), { kind: "quiet", symbol: "lasso" }),
      trackList(tracks, { label: "Tracks in view", onpick: (id) => this.#goTo(id).catch(showProblem) }, this.#view.signal),
      more > 0 && el("p", { class: "soft small" }, `and ${number(more)} more: go nearer`));
  }

  #setLasso(isOn) {
    this.#stage.setMode(isOn ? "lasso" : "move");
    this.lasso.setAttribute("aria-pressed", String(isOn));
  }

  // ---- a path

  #openPath() {
    const from = this.#selected >= 0 ? this.#titles.get(this.#points.ids[this.#selected]) : null;
    const signal = this.#beginPanel();
    const { scene, naming, camera } = this.#stage;
    const onpath = (ids) => {
      const stops = ids.map((id) => this.#points.at(id)).filter((i) => i >= 0);
      scene.path = stops.map((i) => ({ x: this.#points.x[i], y: this.#points.y[i] }));
      naming.first = stops;
      if (stops.length) {
        this.#measureFree();
        camera.showBox(boxOf(this.#points, stops));
        this.#want(ids);
      }
      this.#stage.rename();
    };
    this.#path = pathPanel({ from, onpath, onpick: (id) => this.#fly(id), onclose: () => this.#close() }, signal);
    this.#showPanel(this.#path);
    this.#path.querySelector(from ? ".picker:last-child input" : "input").focus();
  }

  #fly(id) {
    const i = this.#points.at(id);
    if (i >= 0) this.#stage.camera.showPlace(this.#points.x[i], this.#points.y[i], CLOSE_ZOOM);
  }

  // ---- the panel

  /** What was marked goes; a signal for what takes its place. */
  #beginPanel() {
    this.#open.abort();
    this.#open = new AbortController();
    this.#view.signal.addEventListener("abort", () => this.#open.abort(), { once: true });
    const wasDimmed = this.#chosen !== null;
    [this.#chosen, this.#path, this.#selected] = [null, null, -1];
    Object.assign(this.#stage.scene, { here: null, lines: [], path: [] });
    this.#stage.naming.first = [];
    if (wasDimmed) this.#paint();
    return this.#open.signal;
  }

  #showPanel(panel) {
    fill(this.side, panel);
    this.#measureFree();
    this.#stage.rename();
  }

  #close() {
    const had = this.side.contains(document.activeElement);
    this.#beginPanel();
    this.#setLasso(false);
    rewrite("/map");
    this.#showPanel([]);
    if (had) this.#stage.element.focus({ preventScroll: true });
  }
}
