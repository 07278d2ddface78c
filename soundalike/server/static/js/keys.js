// The keyboard: one listener, and the list of keys that `?` shows.
//
// Views add theirs with `addKeys(signal, [{key, shown?, text, run}])`. `key` is that of the event, with
// "Shift+" before it where that matters; what an element handles itself (and stops) comes first.

import { button, el } from "./dom.js";
import { navigate } from "./navigation.js";
import { player } from "./player.js";

const SKIP_S = 10;
const own = [];

const global = [
  { key: "/", text: "Search the library", run: search },
  { key: " ", shown: "Space", text: "Play or pause", run: () => player.toggle() },
  { key: "Shift+ArrowRight", shown: "Shift →", text: "10 seconds on", run: () => player.seek(player.time + SKIP_S) },
  { key: "Shift+ArrowLeft", shown: "Shift ←", text: "10 seconds back", run: () => player.seek(player.time - SKIP_S) },
  { key: "n", text: "Next track", run: () => player.next() },
  { key: "p", text: "Previous track", run: () => player.previous() },
  { key: "m", text: "Mute", run: () => player.toggleMute() },
  { key: "?", text: "Show this list", run: help },
];
const lists = [
  { shown: "↑ ↓", text: "Move in a list" },
  { shown: "Enter", text: "Similar tracks" },
  { shown: "Space", text: "Play the track of the row" },
  { shown: "→", text: "To the buttons of the row" },
  { shown: "Esc", text: "Close, or leave the search" },
];

/** Keys of a view, until the signal is aborted. */
export function addKeys(signal, keys) {
  own.push(keys);
  signal.addEventListener("abort", () => own.splice(own.indexOf(keys), 1));
}

function search() {
  const field = document.querySelector("[data-search]");
  if (field) {
    field.focus();
    field.select();
  } else navigate("/", { state: { search: true } });
}

function help() {
  const row = ({ key, shown, text }) => [el("dt", {}, ...(shown ?? key).split(" ").map((each) => el("kbd", {}, each))), el("dd", {}, text)];
  const part = (heading, keys) => el("section", {}, el("h3", {}, heading), el("dl", { class: "keys" }, keys.map(row)));
  const dialog = el(
    "dialog",
    { class: "dialog", "aria-label": "Keyboard" },
    el("h2", {}, "Keyboard"),
    own.length > 0 && part("Here", own.flat().filter((each) => each.text)),
    part("Everywhere", global),
    part("Lists", lists),
    button("Close", () => dialog.close(), { kind: "primary" }),
  );
  openDialog(dialog);
}

/** Show a dialog that goes away when it is closed, or when one clicks beside it. */
export function openDialog(dialog) {
  document.querySelector("dialog[open]")?.close();
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.showModal();
}

export const showKeys = help;

function isTyping(target) {
  return target.matches?.("input:not([type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open], [role=menu]")) return;
  // Space and Enter belong to whatever has the focus, if it does something with them.
  if (event.key === " " && event.target.matches("button, a, summary, input")) return;
  const name = (event.shiftKey && event.key.length > 1 ? "Shift+" : "") + event.key;
  const found = [...own.flat().reverse(), ...global].find((each) => each.key === name);
  if (!found?.run) return;
  event.preventDefault();
  found.run(event);
});
