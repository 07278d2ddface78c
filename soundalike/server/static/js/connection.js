// Whether the server answers: a banner while it does not, which goes when it does again.

import { url } from "./api.js";
import { el } from "./dom.js";

const EVERY_MS = 2000;

let banner = null;

async function answers() {
  try {
    return (await fetch(url("/health"), { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

async function watch() {
  if (banner) return;
  banner = el("div", { class: "lost", role: "alert" }, el("span", { class: "turning" }), el("p", {}, el("b", {}, "The server does not answer."), " Is ", el("code", {}, "soundalike serve"), " still running? This page goes on as soon as it is back."));
  while (!(await answers())) {
    if (!banner.isConnected) document.body.append(banner);
    await new Promise((done) => setTimeout(done, EVERY_MS));
  }
  const wasLost = banner.isConnected;
  banner.remove();
  banner = null;
  if (wasLost) dispatchEvent(new CustomEvent("reconnected"));
}

// `api.js` tells that a request, or a stream of events, came to nothing.
addEventListener("unreachable", watch);
