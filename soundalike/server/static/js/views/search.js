// The library: search as you type, and every track in one list.

import * as api from "../api.js";
import { button, debounced, el, fill, icon, iconButton } from "../dom.js";
import { VirtualList } from "../list.js";
import { navigate, rewrite } from "../navigation.js";
import { emptyLibrary } from "../first.js";
import { empty, keepMarked, markPlaying, menuButton, playCover } from "../parts.js";
import { player } from "../player.js";
import { showProblem } from "../toast.js";
import { chooseFile } from "../uploads.js";
import { artist, number, plural, time, title } from "../words.js";

const ROW_HEIGHT = 60;
const SEARCH_AFTER_MS = 90;
const QUEUED = 200;
const SORTS = { artist: "Artist", title: "Title", album: "Album", added: "Newest", path: "Folder" };

export async function show(view) {
  const query = { q: view.query.get("q") ?? "", sort: view.query.get("sort") ?? "artist" };
  if (!(query.sort in SORTS)) query.sort = "artist";
  const count = el("p", { class: "soft", role: "status" });
  const nothing = el("div", { hidden: true });
  const field = el("input", {
    class: "search-field", type: "search", placeholder: "Search title, artist, album …", value: query.q, "data-search": true,
    "aria-label": "Search the library", autocomplete: "off", spellcheck: "false", enterkeyhint: "search",
  });
  const sort = el("select", { class: "sort", "aria-label": "Sort by", onchange: () => { query.sort = sort.value; changed(); } },
    Object.entries(SORTS).map(([value, text]) => el("option", { value, selected: value === query.sort }, text)));
  const clear = iconButton("close", "Clear the search", () => { field.value = ""; typed(); field.focus(); }, { hidden: query.q === "" });
  const bar = el("div", { class: "search-bar" }, el("div", { class: "search-box" }, icon("search"), field, clear, el("kbd", { class: "search-key", "aria-hidden": "true" }, "/")), sort);
  const head = el("div", { class: "row head", role: "row" },
    ["", "Title", "Artist", "Album", "Genre", "Length", ""].map((text, i) => el("span", { role: "columnheader", class: `cell-${i}` }, text || el("span", { class: "hidden-text" }, i ? "More" : "Play"))));

  const list = new VirtualList({
    rowHeight: ROW_HEIGHT,
    scroller: document.getElementById("main"),
    label: "Tracks",
    head,
    covered: () => bar.getBoundingClientRect().height,
    fetchPage: async (offset, limit, signal) => {
      const found = await api.get("/tracks", { q: query.q, sort: query.sort, status: "analysed", offset, limit }, signal);
      return { total: found.total, items: found.tracks };
    },
    makeRow,
    onkey,
    onleave: () => field.focus(),
    ontotal: showTotal,
    onrender: () => markPlaying(list.element),
    onproblem: showProblem,
  }, view.signal);

  function play(index) {
    const tracks = list.itemsFrom(index, QUEUED);
    if (tracks.length) player.toggleTrack(tracks, 0);
  }

  function makeRow(track, index) {
    if (track === null) return el("div", { class: "row", role: "row", "aria-busy": "true" }, el("span", { role: "gridcell", class: "waiting-line" }, el("span", { class: "hidden-text" }, "Loading")));
    const cell = (i, ...inner) => el("span", { role: "gridcell", class: `cell-${i}` }, inner);
    return el(
      "div",
      { class: "row", role: "row", data: { track: track.track_id }, onclick: (event) => event.target.closest("a, button") || navigate(`/track/${track.track_id}`), ondblclick: () => play(index) },
      cell(0, playCover(track, () => play(index), { tabindex: -1 })),
      cell(1, el("a", { href: `/track/${track.track_id}`, class: "row-title", tabindex: -1 }, title(track)), el("span", { class: "row-under" }, artist(track))),
      cell(2, artist(track)),
      cell(3, track.album ?? ""),
      cell(4, track.genre ?? ""),
      cell(5, track.duration_s === null ? "" : time(track.duration_s)),
      cell(6, menuButton(track, [], { tabindex: -1 })),
    );
  }

  function onkey(event, track, index) {
    if (track === null) return false;
    if (event.key === "Enter") navigate(`/track/${track.track_id}`);
    else if (event.key === " ") play(index);
    else return false;
    return true;
  }

  function showTotal(total) {
    const isAll = query.q === "";
    count.textContent = total === 0 ? "" : isAll ? plural(total, "track") : `${number(total)} found`;
    list.element.hidden = total === 0;
    nothing.hidden = total > 0;
    if (total === 0) {
      fill(nothing, isAll
        ? welcome()
        : empty({ heading: `Nothing is called “${query.q}”`, text: "Try fewer letters, or only the beginning of a word. Or search by sound: drop an audio file here.", action: { text: "Clear the search", run: () => { field.value = ""; typed(); field.focus(); } } }));
    }
  }

  let first = null;
  const welcome = () => (first ??= emptyLibrary(view, () => list.reload().catch(showProblem)));

  const reload = debounced(() => list.reload().catch(showProblem), SEARCH_AFTER_MS);
  function changed() {
    rewrite(api.url("", { q: query.q, sort: query.sort === "artist" ? null : query.sort }).replace("/api/v1", "/"));
    view.setTitle(query.q ? `“${query.q}”` : "Library");
    clear.hidden = query.q === "";
    reload();
  }
  function typed() {
    if (field.value === query.q) return;
    query.q = field.value;
    document.getElementById("main").scrollTop = 0;
    changed();
  }
  field.addEventListener("input", typed);
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "Enter") list.focus(0);
    else if (event.key === "Escape") {
      if (field.value === "") field.blur();
      field.value = "";
      typed();
    } else return;
    event.preventDefault();
  });

  fill(
    view.root,
    el("header", { class: "view-head" }, el("div", {}, el("h1", {}, "Library"), count), el("div", { class: "actions" }, button("Search by a file", chooseFile, { symbol: "file" }))),
    bar,
    list.element,
    nothing,
  );
  if (query.q) view.setTitle(`“${query.q}”`);
  await list.reload();
  keepMarked(list.element, view.signal);
  if (view.state.search) field.focus();
}
