// The bar at the bottom: what plays, and the controls. It has one size, whether something plays or not.

import { el, fill, icon, iconButton, setIcon, setStyle } from "./dom.js";
import { openDialog } from "./keys.js";
import { cover } from "./parts.js";
import { player } from "./player.js";
import { artist, name, span, time, title } from "./words.js";

export function mountPlayBar(root) {
  const what = el("div", { class: "bar-what" });
  const toggle = iconButton("play", "Play", () => player.toggle(), { class: "icon-button bar-play" });
  const previous = iconButton("previous", "Previous track", () => player.previous());
  const next = iconButton("next", "Next track", () => player.next());
  const at = el("span", { class: "bar-time" }, "0:00");
  const length = el("span", { class: "bar-time" }, "–:––");
  const position = el("input", { type: "range", class: "range bar-position", min: 0, max: 1000, value: 0, "aria-label": "Position" });
  const mute = iconButton("volume", "Mute", () => player.toggleMute());
  const volume = el("input", { type: "range", class: "range", min: 0, max: 100, "aria-label": "Volume", oninput: () => player.setVolume(volume.value / 100) });
  const queue = iconButton("queue", "Queue", showQueue, { "aria-haspopup": "dialog" });
  let isSeeking = false;
  position.addEventListener("input", () => {
    isSeeking = true;
    showTime();
  });
  position.addEventListener("change", () => {
    isSeeking = false;
    player.seek((position.value / 1000) * player.duration);
  });
  fill(
    root,
    what,
    el("div", { class: "bar-middle" }, el("div", { class: "bar-controls" }, previous, toggle, next), el("div", { class: "bar-line" }, at, position, length)),
    el("div", { class: "bar-end" }, queue, mute, volume),
  );

  function showItem() {
    const { item } = player;
    for (const each of [toggle, previous, position, queue]) each.disabled = item === null;
    if (item === null) {
      fill(what, el("span", { class: "cover small quiet", "aria-hidden": "true" }, icon("mark")), el("div", { class: "bar-text" }, el("span", { class: "soft" }, "Nothing plays")));
      return;
    }
    const { track } = item;
    if (item.blind) {
      fill(what, el("span", { class: "cover small quiet", "aria-hidden": "true" }, icon("odd")), el("div", { class: "bar-text" }, el("span", { class: "bar-title" }, item.label)));
      return;
    }
    const text = item.label ?? (item.end_s ? `${span(item.start_s, item.end_s)} · ${artist(track)}` : artist(track));
    const link = track.track_id ? el("a", { class: "bar-title", href: `/track/${track.track_id}` }, title(track)) : el("span", { class: "bar-title" }, title(track));
    fill(what, cover(track), el("div", { class: "bar-text" }, link, el("span", { class: "soft small" }, text)));
  }

  function showState() {
    const { isPlaying } = player;
    setIcon(toggle.firstElementChild, isPlaying ? "pause" : "play");
    toggle.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    toggle.title = `${isPlaying ? "Pause" : "Play"} (Space)`;
    toggle.classList.toggle("is-loading", player.isLoading);
    next.disabled = player.index + 1 >= player.queue.length;
    setIcon(mute.firstElementChild, player.volume === 0 ? "muted" : "volume");
    mute.setAttribute("aria-pressed", String(player.isMuted));
    volume.value = player.volume * 100;
    setStyle(volume, { "--at": `${volume.value}%` });
  }

  function showTime() {
    const { duration } = player;
    if (!isSeeking) position.value = duration ? (player.time / duration) * 1000 : 0;
    const shown = isSeeking ? (position.value / 1000) * duration : player.time;
    at.textContent = player.item ? time(shown) : "0:00";
    length.textContent = player.item ? time(duration) : "–:––";
    position.setAttribute("aria-valuetext", `${at.textContent} of ${length.textContent}`);
    const share = `${position.value / 10}%`;
    setStyle(position, { "--at": share });
    setStyle(root, { "--at": share });
  }

  const all = () => {
    showItem();
    showState();
    showTime();
  };
  player.addEventListener("item", all);
  player.addEventListener("state", showState);
  player.addEventListener("queue", showState);
  player.addEventListener("time", showTime);
  all();
}

function showQueue() {
  const list = el("ol", { class: "queue" });
  const show = () => {
    const { queue, index } = player;
    fill(list, queue.map(({ track }, i) => el(
      "li",
      { class: i === index ? "is-current" : "" },
      el("button", { type: "button", class: "queue-play", "aria-current": i === index ? "true" : null, "aria-label": `Play ${name(track)}`, onclick: () => player.jump(i) },
        cover(track), el("span", { class: "bar-text" }, el("span", { class: "bar-title" }, title(track)), el("span", { class: "soft small" }, artist(track)))),
      i !== index && iconButton("close", `Take ${title(track)} out`, () => player.drop(i)),
    )));
  };
  const gone = new AbortController();
  for (const event of ["queue", "item"]) player.addEventListener(event, show, { signal: gone.signal });
  const dialog = el("dialog", { class: "dialog side", "aria-label": "Queue", onclose: () => gone.abort() },
    el("header", { class: "dialog-head" }, el("h2", {}, "Queue"), iconButton("close", "Close", () => dialog.close())), list);
  show();
  openDialog(dialog);
  list.querySelector(".is-current")?.scrollIntoView({ block: "center" });
}
