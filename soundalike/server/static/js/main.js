// The page's router: a URL for every view; the shell (rail, tabs, player) stays where it is.
//
// HOW TO ADD A VIEW
// 1. A line in `routes.js`, and the same URL in VIEWS of `soundalike/server/pages.py`. With `needsTracks`
//    an empty library says what to do first in place of the view.
// 2. `views/NAME.js` exports `async function show(view)`, which fills `view.root` and returns nothing,
//    or a function that is called when the view is left (stop timers, remove listeners). `view` has:
//      root      the element to fill: `fill(view.root, heading("Map"), ...)` of `parts.js`. It needs
//                one h1, which gets the focus.
//      parts     what the route's pattern caught, as text;   query   URLSearchParams of the URL
//      signal    aborted when the view is left: give it to `api` and to addEventListener
//      state     what `navigate(path, {state})` was given;   setTitle(text)   document.title
//    What it throws is shown in its place; a promise that nobody awaits shows what went wrong as a toast.
// 3. `css/NAME.css`, if the route names `styles: ["NAME"]`: only tokens of `base.css`, no colour of its own.
// Text of tags goes in by `el()` of `dom.js` alone, which knows no markup. Links are plain <a href>.
// `parts.js` has what views share (track rows, menus, facet bars, sliders, empty states), `player.js`
// plays, `draft.js` is the playlist in the making, `keys.js` has `addKeys(signal, ...)`.

import * as api from "./api.js";
import "./connection.js";
import { el, fill } from "./dom.js";
import { emptyLibrary, isEmpty } from "./first.js";
import "./keys.js";
import { isOwnClick, navigate } from "./navigation.js";
import { empty, heading } from "./parts.js";
import { routeOf } from "./routes.js";
import { mountShell, showPlace } from "./shell.js";
import "./theme.js";
import "./station.js";
import { showProblem, toast } from "./toast.js";
import "./uploads.js";
import { sentence } from "./words.js";

const main = document.getElementById("main");
let leave = () => {};
let place = 0;
let isUnreached = false;

function keepScroll() {
  history.replaceState({ ...history.state, scroll: main.scrollTop }, "");
}

/** The styles of a view, and of no other that was shown before. */
function setStyles(names) {
  for (const { dataset, sheet } of document.querySelectorAll("link[data-view]")) {
    if (sheet) sheet.disabled = !names.includes(dataset.view);
  }
  return Promise.all(
    names
      .filter((name) => !document.querySelector(`link[data-view="${name}"]`))
      .map((name) => new Promise((done) => {
        const link = el("link", { rel: "stylesheet", href: `/static/css/${name}.css`, data: { view: name }, onload: done, onerror: done });
        document.head.append(link);
      })),
  );
}

async function open({ focus = true, scroll = 0 } = {}) {
  leave();
  place += 1;
  isUnreached = false;
  const own = place;
  const gone = new AbortController();
  let end = null;
  leave = () => {
    gone.abort();
    end?.();
  };
  const found = routeOf(location.pathname);
  const setTitle = (text) => {
    if (own === place) document.title = text ? `${text} · soundalike` : "soundalike";
  };
  setTitle(found?.route.title ?? "Not found");
  showPlace(found?.route);
  const root = el("div", { class: "view" });
  const view = {
    root,
    parts: (found?.parts ?? []).map((part) => part && decodeURIComponent(part)),
    query: new URLSearchParams(location.search),
    state: history.state ?? {},
    signal: gone.signal,
    setTitle,
  };
  fill(main, root);
  main.scrollTop = 0;
  try {
    if (!found) throw new api.Problem({ status: 404, detail: "No view of the page has this address." });
    const [module] = await Promise.all([found.route.load(), setStyles(found.route.styles ?? [])]);
    if (own !== place) return;
    if (found.route.needsTracks && (await isEmpty(gone.signal))) {
      const look = async () => (await isEmpty(gone.signal)) || open({ focus: false });
      fill(root, heading(found.route.title), emptyLibrary(view, () => look().catch(showProblem)));
    }
    const ended = root.firstChild ? null : await module.show(view);
    if (own === place) end = ended ?? null;
    else ended?.();
  } catch (error) {
    if (own !== place || api.isAborted(error)) return;
    showFailure(root, error);
  }
  if (own !== place) return;
  if (scroll) main.scrollTop = scroll;
  const top = root.querySelector("h1");
  if (focus && top && !root.contains(document.activeElement)) {
    top.tabIndex = -1;
    top.focus({ preventScroll: true });
  }
}

function showFailure(root, error) {
  if (error?.status === 401) return;
  isUnreached = error?.status === 0;
  if (!(error instanceof api.Problem)) console.error(error);
  const text = error instanceof api.Problem ? error.message : "This part of the page does not work.";
  const action = error?.status === 404 ? { text: "To the library", href: "/" } : { text: "Try again", run: () => open() };
  fill(root, empty({ symbol: "warning", heading: error?.status === 404 ? "There is nothing here" : "That did not work", text: sentence(text), action, level: 1 }));
}

addEventListener("navigate", ({ detail: { path, replace, state } }) => {
  keepScroll();
  if (replace) history.replaceState(state, "", path);
  else history.pushState(state, "", path);
  open();
});
addEventListener("popstate", () => open({ scroll: history.state?.scroll ?? 0 }));
addEventListener("reconnected", () => {
  toast("The server is back.");
  if (isUnreached) open({ focus: false });
});
addEventListener("pagehide", keepScroll);
document.addEventListener("click", (event) => {
  const path = isOwnClick(event);
  if (path === null) return;
  event.preventDefault();
  if (path === location.pathname + location.search) open();
  else navigate(path);
});
addEventListener("signinneeded", () => {
  if (location.pathname === "/sign-in") return;
  navigate(`/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`, { replace: true });
});

/** `#token=...`, as `soundalike serve` prints it: taken out of the URL, whatever comes of it. */
async function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  try {
    await api.signIn(token);
  } catch (error) {
    showProblem(error);
  }
}

history.scrollRestoration = "manual";
mountShell();
await takeToken();
await open({ focus: false, scroll: history.state?.scroll ?? 0 });
