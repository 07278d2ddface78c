// A field that finds a track as one types: a combobox with a list of options below it.

import * as api from "./api.js";
import { debounced, el, fill, icon } from "./dom.js";
import { cover } from "./parts.js";
import { showProblem } from "./toast.js";
import { artist, name, time, title } from "./words.js";

const SHOWN = 8;
const ASK_AFTER_MS = 110;
let made = 0;

/** The field; calls `onpick(track)`. It stays open for the next one unless `once`. */
export function trackPicker({ label, placeholder = "Search for a track …", once = false, onpick }, signal) {
  made += 1;
  const id = `picker-${made}`;
  let tracks = [];
  let at = -1;
  let asked = new AbortController();
  const field = el("input", {
    class: "field", type: "text", role: "combobox", placeholder, "aria-label": label, "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id,
    autocomplete: "off", spellcheck: "false", enterkeyhint: "search",
  });
  const list = el("ul", { class: "picker-list", id, role: "listbox", "aria-label": label, hidden: true });
  const state = el("p", { class: "hidden-text", role: "status" });
  const root = el("div", { class: "picker" }, icon("search"), field, list, state);

  const option = (track, i) => el(
    "li",
    { role: "option", id: `${id}-${i}`, "aria-selected": "false", "aria-label": name(track), onclick: () => pick(i), onpointermove: () => mark(i) },
    cover(track),
    el("span", { class: "bar-text" }, el("span", { class: "bar-title" }, title(track)), el("span", { class: "soft small" }, artist(track))),
    el("span", { class: "soft small" }, time(track.duration_s)),
  );

  function show() {
    const isOpen = field.value.trim() !== "" && document.activeElement === field;
    list.hidden = !isOpen;
    field.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) mark(-1);
  }

  function mark(index) {
    at = index;
    [...list.children].forEach((each, i) => each.setAttribute("aria-selected", String(i === index)));
    if (index < 0 || !tracks[index]) field.removeAttribute("aria-activedescendant");
    else {
      field.setAttribute("aria-activedescendant", `${id}-${index}`);
      list.children[index].scrollIntoView({ block: "nearest" });
    }
  }

  function pick(index) {
    const track = tracks[index];
    if (!track) return;
    field.value = "";
    tracks = [];
    fill(list);
    show();
    if (!once) field.focus();
    onpick(track);
  }

  const find = debounced(async () => {
    asked.abort();
    asked = new AbortController();
    const { signal: own } = asked;
    const q = field.value.trim();
    if (q === "") return show();
    try {
      const found = await api.get("/tracks", { q, status: "analysed", limit: SHOWN }, own);
      tracks = found.tracks;
      fill(list, tracks.length ? tracks.map(option) : el("li", { class: "soft picker-none", role: "option", "aria-disabled": "true" }, `Nothing is called “${q}”`));
      state.textContent = tracks.length ? `${found.total} found` : "Nothing found";
      mark(tracks.length ? 0 : -1);
      show();
    } catch (error) {
      showProblem(error);
    }
  }, ASK_AFTER_MS);

  field.addEventListener("input", find);
  field.addEventListener("focus", show);
  field.addEventListener("blur", () => setTimeout(show, 150));
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (tracks.length) mark((at + (event.key === "ArrowDown" ? 1 : tracks.length - 1)) % tracks.length);
    } else if (event.key === "Enter") pick(at);
    else if (event.key === "Escape" && field.value) {
      field.value = "";
      tracks = [];
      show();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  signal.addEventListener("abort", () => {
    asked.abort();
    find.cancel();
  });
  root.focus = () => field.focus();
  return root;
}
