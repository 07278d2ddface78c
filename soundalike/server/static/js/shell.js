// What stays while views come and go: the rail, the tabs of a phone, the player.

import { el, fill, icon, iconButton } from "./dom.js";
import { draft } from "./draft.js";
import { openDialog, showKeys } from "./keys.js";
import { mountPlayBar } from "./playbar.js";
import { ROUTES } from "./routes.js";
import { choose, chosen, shown } from "./theme.js";

const THEMES = { auto: ["auto", "Theme: as the system"], light: ["sun", "Theme: light"], dark: ["moon", "Theme: dark"] };
const AFTER = { auto: () => (shown() === "dark" ? "light" : "dark"), light: () => "dark", dark: () => "auto" };

export function mountShell() {
  const shownRoutes = ROUTES.filter((route) => route.nav);
  const rail = document.getElementById("rail-nav");
  fill(
    rail,
    el("ul", {}, shownRoutes.filter((route) => !route.group).map(link)),
    el("ul", { class: "rail-second" }, shownRoutes.filter((route) => route.group).map(link)),
  );
  fill(document.getElementById("rail-foot"), themeButton("Theme"), tool("keyboard", "Keyboard (?)", "Keyboard", showKeys));
  const tabs = document.getElementById("tabs");
  const more = el("button", { type: "button", class: "tab", "aria-haspopup": "dialog", onclick: () => openMore(shownRoutes.filter((route) => !route.tab)) }, icon("more"), el("span", {}, "More"));
  fill(tabs, shownRoutes.filter((route) => route.tab).map((route) => navLink(route, "tab")), more);
  mountPlayBar(document.getElementById("bar"));
  draft.addEventListener("change", showCount);
  showCount();
}

const link = (route) => el("li", {}, navLink(route, "rail-link"));

const navLink = (route, kind) =>
  el("a", { class: kind, href: route.nav, data: { nav: route.nav } }, icon(route.icon), el("span", {}, route.title), route.nav === "/playlist" && el("span", { class: "count" }));

function showCount() {
  for (const each of document.querySelectorAll(".count")) {
    const count = draft.tracks.length;
    each.textContent = count || "";
    each.hidden = count === 0;
  }
}

/** Which of the links is where one is. */
export function showPlace(route) {
  const place = route?.nav ?? route?.under;
  for (const each of document.querySelectorAll("[data-nav]")) {
    if (each.dataset.nav === place) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
}

/** An icon with its name, which is left out where there is no room. */
const tool = (symbol, label, text, onclick) =>
  el("button", { type: "button", class: "rail-tool", "aria-label": label, title: label, onclick }, icon(symbol), el("span", {}, text));

function themeButton(text) {
  const made = tool("auto", "", text, () => {
    choose(AFTER[chosen()]());
    say();
  });
  const say = () => {
    const [symbol, label] = THEMES[chosen()];
    made.setAttribute("aria-label", label);
    made.title = label;
    made.firstElementChild.replaceWith(icon(symbol));
  };
  say();
  return made;
}

function openMore(routes) {
  const close = () => dialog.close();
  const dialog = el(
    "dialog",
    { class: "dialog sheet", "aria-label": "More" },
    el("ul", {}, routes.map((route) => el("li", { onclick: close }, navLink(route, "rail-link")))),
    el("div", { class: "sheet-foot" }, themeButton("Theme"), iconButton("close", "Close", close)),
  );
  openDialog(dialog);
}
