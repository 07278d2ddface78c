// A field that finds one track of the library by its name.

import * as api from "./api.js";
import { debounced, el, fill, icon } from "./dom.js";
import { cover } from "./parts.js";
import { showProblem } from "./toast.js";
import { artist, name, title } from "./words.js";

const AFTER_MS = 120;
const SHOWN = 8;
let made = 0;

/**
 * @param {object} options
 *   label    what it is for;   placeholder   in the empty field
 *   onpick   (track) => ...
 *   keeps    the field goes on showing what was picked
 *   isSearch `/` leads to it
 */
export function trackPicker({ label, placeholder = "Search title or artist", onpick, keeps = false, isSearch = false }, signal) {
  made += 1;
  const id = `picker-${made}`;
  let found = [];
  let at = -1;
  let asked = new AbortController();
  const list = el("ul", { class: "picker-list", role: "listbox", id, "aria-label": label, hidden: true });
  const field = el("input", {
    class: "picker-field", type: "search", placeholder, role: "combobox", "aria-label": label, "aria-autocomplete": "list",
    "aria-expanded": "false", "aria-controls": id, autocomplete: "off", spellcheck: "false", data: isSearch ? { search: true } : {},
  });
  const close = () => {
    soon.cancel();
    asked.abort();
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const pick = (track) => {
    close();
    field.value = keeps ? name(track) : "";
    onpick(track);
  };
  const mark = (to) => {
    at = to;
    [...list.children].forEach((each, i) => each.setAttribute("aria-selected", String(i === at)));
    const option = list.children[at];
    if (!option?.id) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  };
  const option = (track, i) =>
    el("li", { role: "option", id: `${id}-${i}`, class: "picker-option", onpointerdown: (event) => { event.preventDefault(); pick(track); } },
      cover(track, { picture: false }), el("span", { class: "picker-text" }, el("span", {}, title(track)), el("span", { class: "soft small" }, artist(track))));
  const ask = async () => {
    asked.abort();
    asked = new AbortController();
    const q = field.value.trim();
    if (!q) return close();
    try {
      found = (await api.get("/tracks", { q, status: "analysed", limit: SHOWN }, asked.signal)).tracks;
    } catch (error) {
      return showProblem(error);
    }
    fill(list, found.length ? found.map(option) : el("li", { class: "picker-none soft", role: "option", "aria-disabled": "true" }, "Nothing found"));
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    mark(found.length ? 0 : -1);
  };
  const soon = debounced(ask, AFTER_MS);
  field.addEventListener("input", soon);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    const isOpen = !list.hidden;
    if (event.key === "ArrowDown" && isOpen) mark(Math.min(at + 1, found.length - 1));
    else if (event.key === "ArrowUp" && isOpen) mark(Math.max(at - 1, 0));
    else if (event.key === "Enter" && isOpen && found[at]) pick(found[at]);
    else if (event.key === "Escape" && (isOpen || field.value)) {
      if (!isOpen) field.value = "";
      close();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  signal.addEventListener("abort", close);
  const element = el("div", { class: "picker" }, icon("search"), field, list);
  element.set = (track) => { field.value = track ? name(track) : ""; };
  return element;
}
