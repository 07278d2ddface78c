// The playlist builder: what it is to be like at one side, the list that was made at the other.

import * as api from "../api.js";
import { button, el, fill, icon, iconButton } from "../dom.js";
import { draft } from "../draft.js";
import { exportButton, saveDraft } from "../keeping.js";
import { addKeys } from "../keys.js";
import { empty, heading, keepMarked, markPlaying, menuButton, playCover, waiting } from "../parts.js";
import { player } from "../player.js";
import { reorderable } from "../reorder.js";
import { showProblem, toast } from "../toast.js";
import { countsText, reasonOf, whyDetails, whyLine } from "../why.js";
import { bodyOf, limitsLength, seedBody, wishes, wishesForm } from "../wishes.js";
import { artist, cosine, plural, sentence, time, title } from "../words.js";

export async function show(view) {
  const rows = new Map();
  let isBusy = false;
  const form = wishesForm(make, view.signal);
  const list = el("ol", { class: "tracks", "aria-label": "Tracks of the playlist" });
  const order = reorderable(list, { nameOf: (row) => row.dataset.name, onmove: moved }, view.signal);
  const told = el("div", { class: "told", role: "status" });
  const body = el("div", { class: "playlist-body" });
  const sum = el("p", { class: "soft small" });
  const called = el("input", {
    class: "playlist-name", value: draft.name, placeholder: "Untitled playlist", "aria-label": "Name of the playlist", maxlength: 300, autocomplete: "off", spellcheck: "false",
    oninput: () => draft.saved({ name: called.value, playlistId: draft.playlistId }),
  });
  const play = button("Play", () => player.play(draft.tracks), { kind: "primary", symbol: "play" });
  const save = button("Save", () => saveDraft().catch(showProblem), { symbol: "check" });
  const smooth = button("Order smoothly", putInOrder, { symbol: "route" });
  const more = button("Go on", extend, { symbol: "plus", title: "Add more in the spirit of the list" });
  const anew = button("New list", startAnew, { kind: "quiet", symbol: "plus" });
  const take = exportButton(() => ({ name: draft.name.trim() || "Playlist", track_ids: draft.ids, recipe: draft.recipe }));
  const tools = el("div", { class: "actions playlist-tools" }, play, save, smooth, more, take);
  const panel = el("section", { class: "playlist-list", "aria-label": "The playlist" }, el("div", { class: "playlist-head" }, called, sum, tools), told, body, order.element);

  function showList() {
    const { tracks } = draft;
    const duration = tracks.reduce((all, each) => all + (each.duration_s ?? 0), 0);
    if (document.activeElement !== called) called.value = draft.name;
    const saved = draft.playlistId === null ? "" : draft.isChanged ? " · changed since it was saved" : " · saved";
    sum.textContent = tracks.length ? `${plural(tracks.length, "track")} · ${time(duration)}${saved}` : "";
    tools.hidden = tracks.length === 0;
    anew.hidden = tracks.length === 0;
    called.hidden = tracks.length === 0;
    if (tracks.length === 0) {
      rows.clear();
      fill(body, nothingYet());
      return;
    }
    if (!body.contains(list)) fill(body, list);
    const here = new Set(draft.ids);
    for (const id of rows.keys()) if (!here.has(id)) rows.delete(id);
    const wanted = tracks.map((track, i) => rowOf(track, i));
    // Only what is elsewhere is moved, so that the focus stays where it is.
    wanted.forEach((row, i) => { if (list.children[i] !== row) list.insertBefore(row, list.children[i] ?? null); });
    while (list.children.length > wanted.length) list.lastElementChild.remove();
    smooth.disabled = tracks.length < 3;
    markPlaying(list);
  }

  function nothingYet() {
    if (draft.seeds.length) return empty({ symbol: "playlist", heading: "Ready to be made", text: `What sounds like ${plural(draft.seeds.length, "seed")}, within the limits at the side. Each track comes with the reason for it.`, action: { text: "Make the playlist", run: make } });
    return empty({ symbol: "playlist", heading: "Begin with a track", text: "Choose one or more seeds: the playlist is made of what sounds like them. Or add tracks from anywhere with “Add to playlist”." });
  }

  function rowOf(track, index) {
    const id = track.track_id;
    const reason = draft.reason(id);
    const old = rows.get(id);
    if (old && old.reason === reason) {
      old.number.textContent = String(index + 1);
      return old;
    }
    const number = el("span", { class: "track-number" }, String(index + 1));
    const details = el("div", { class: "why-place", id: `why-${id}`, hidden: true });
    const canTell = reason !== null;
    const toggle = () => {
      details.hidden = !details.hidden;
      line.setAttribute("aria-expanded", String(!details.hidden));
      if (!details.firstChild) fill(details, whyDetails(track, reason));
    };
    const line = canTell
      ? el("button", { type: "button", class: "why-line", "aria-expanded": "false", "aria-controls": `why-${id}`, onclick: toggle }, icon("right"), el("span", {}, whyLine(reason)))
      : el("p", { class: "why-line" }, el("span", {}, whyLine(reason)));
    const row = el(
      "li",
      { class: "track-row", data: { track: id, name: title(track) } },
      el("div", { class: "track-line" },
        order.handle(title(track)),
        number,
        playCover(track, () => playFrom(id)),
        el("div", { class: "track-text" }, el("a", { class: "row-title", href: `/track/${id}` }, title(track)), el("p", { class: "match-artist" }, artist(track)), line),
        el("span", { class: "track-time" }, time(track.duration_s)),
        iconButton("close", `Remove ${title(track)}`, () => remove(id), { class: "icon-button track-remove" }),
        menuButton(track)),
      details,
    );
    row.number = number;
    row.reason = reason;
    rows.set(id, row);
    return row;
  }

  function playFrom(id) {
    player.toggleTrack(draft.tracks, draft.ids.indexOf(id));
  }

  function moved(from, to) {
    const { tracks } = draft;
    tracks.splice(to, 0, ...tracks.splice(from, 1));
    draft.set(tracks);
  }

  function remove(id) {
    const before = draft.state;
    const at = draft.ids.indexOf(id);
    const gone = draft.tracks[at];
    draft.set(draft.tracks.filter((each) => each.track_id !== id));
    const next = list.children[Math.min(at, list.children.length - 1)];
    next?.querySelector(".track-remove").focus();
    toast(`“${title(gone)}” is out`, { action: { text: "Undo", run: () => draft.restore(before) } });
  }

  function startAnew() {
    const before = draft.state;
    draft.clear();
    fill(told);
    toast("A new playlist", { action: { text: "Bring the old one back", run: () => draft.restore(before) } });
  }

  /** Ask for something, and say what came of it; one thing at a time. */
  async function busy(work) {
    if (isBusy) return;
    isBusy = true;
    form.classList.add("is-busy");
    panel.setAttribute("aria-busy", "true");
    try {
      await work();
    } catch (error) {
      if (!api.isAborted(error)) tellProblem(error);
    } finally {
      isBusy = false;
      form.classList.remove("is-busy");
      panel.removeAttribute("aria-busy");
    }
  }

  function make() {
    if (!form.check()) return;
    const asked = wishes();
    if (draft.seeds.length === 0) {
      form.querySelector(".picker input").focus();
      tell("Choose a seed first: what the playlist is to sound like.", { isBad: true });
      return;
    }
    busy(async () => {
      if (draft.tracks.length === 0) fill(body, waiting(8, "Making the playlist"));
      const before = draft.state;
      const found = await api.post("/playlists/make", { ...bodyOf(asked), seeds: draft.seeds.map(seedBody), with_seeds: asked.withSeeds }, view.signal);
      taken(found, { isMore: false });
      if (before.tracks.length && before.isChanged) toast("Made anew", { action: { text: "Bring the old one back", run: () => draft.restore(before) } });
      if (innerWidth < 900) panel.scrollIntoView({ block: "start" });
    });
  }

  function extend() {
    if (!form.check()) return;
    busy(async () => {
      const asked = bodyOf(wishes());
      const found = await api.post("/playlists/extend", { ...asked, track_ids: draft.ids }, view.signal);
      const n = draft.tracks.length;
      taken(found, { isMore: true });
      list.children[n]?.scrollIntoView({ block: "nearest" });
    });
  }

  function taken(found, { isMore }) {
    const { items, seeds, stopped_by, tracks, minutes, passed_counts, searched, is_poor, is_unfamiliar, outside, taste } = found;
    if (items.length === 0 && !isMore) throw new api.Problem({ status: 422, detail: `the limits leave nothing of ${searched} tracks` });
    draft.setMade(items.map((each) => each.track), Object.fromEntries(items.map((each) => [each.track.track_id, reasonOf(each, seeds)])), {
      made: { n: items.length, isMore, stopped_by, tracks, minutes, passed_counts, searched, is_poor, is_unfamiliar, outside: outside.length, isTaste: taste !== null },
      recipe: found.recipe,
      isMore,
    });
    tellMade();
  }

  function tell(text, { isBad = false, action = null } = {}) {
    fill(told, el("div", { class: `notice ${isBad ? "is-bad" : "is-plain"}` }, el("p", {}, text), action && button(action.text, action.run)));
  }

  const lift = () => ({ text: "Allow any length", run: () => { form.unlimited(); make(); } });

  /** What went wrong; where the limit on the length may be why, it can be lifted. */
  function tellProblem(error) {
    showList();
    if (!(error instanceof api.Problem)) throw error;
    const isLength = limitsLength() && /length/.test(error.message);
    const hint = isLength ? ` Only tracks of ${wishes().minLength || "any length"} to ${wishes().maxLength || "any length"} may come now.` : "";
    tell(`${sentence(error.message)}.${hint}`.replace("..", "."), { isBad: true, action: isLength ? lift() : null });
    told.scrollIntoView({ block: "nearest" });
  }

  function tellMade() {
    const { made } = draft;
    if (made === null || draft.tracks.length === 0) return fill(told);
    const said = [];
    if (made.is_unfamiliar) said.push("The seeds are unlike all music that the model knows, so this means little.");
    else if (made.is_poor) said.push("Nothing in the library is really like the seeds: these are the nearest.");
    const isShort = made.stopped_by === "limits" || made.stopped_by === "library";
    if (isShort) said.push(made.n === 0 ? "There is nothing more to add." : `Only ${plural(made.n, "track")}: ${made.stopped_by === "limits" ? "the limits leave no more" : "the library has no more"}.`);
    const passed = countsText(made.passed_counts);
    const line = `${plural(made.searched, "track")} compared${passed ? `; passed over: ${passed}` : ""}${made.isTaste ? "; by your taste" : ""}.`;
    const action = isShort && limitsLength() && made.passed_counts.length ? lift() : null;
    fill(told, said.length > 0 && el("div", { class: "notice" }, el("p", {}, said.join(" ")), action && button(action.text, action.run)), el("p", { class: "small soft" }, line));
    return null;
  }

  function putInOrder() {
    busy(async () => {
      const before = draft.state;
      const gap = Number(wishes().artistGap || 1);
      const found = await api.post("/playlists/order", { track_ids: draft.ids, artist_gap: gap, weights: wishes().weights, use_taste: wishes().useTaste }, view.signal);
      const placed = new Set(found.tracks.map((each) => each.track_id));
      draft.set([...found.tracks, ...draft.tracks.filter((each) => !placed.has(each.track_id))]);
      const by = Math.round(found.smoother_percent);
      const largest = `The largest step is ${cosine(found.largest_step)} now, and was ${cosine(found.given_largest_step)}.`;
      const detail = found.n_too_close ? `${largest} ${plural(found.n_too_close, "pair")} of one artist could not be kept apart.` : largest;
      const text = by > 0 ? `${by} % smoother than it was` : by < 0 ? `Artists are kept apart now; that costs ${-by} % of the smoothness` : "It was as smooth as can be";
      tell(`${text}. ${detail}`, { action: { text: "As it was", run: () => { draft.restore(before); fill(told); } } });
    });
  }

  draft.addEventListener("change", showList, { signal: view.signal });
  draft.addEventListener("asked", () => { if (draft.tracks.length === 0 && !isBusy) showList(); }, { signal: view.signal });
  addKeys(view.signal, [
    { shown: "Space", text: "On a handle: lift a track, arrows move it, Space drops it" },
    { key: "s", text: "Search for a seed", run: () => form.querySelector(".picker input").focus() },
  ]);
  fill(
    view.root,
    heading("Playlist", { line: "Made of what sounds like the tracks you choose, with the reason for each.", actions: [anew, el("a", { class: "button", href: "/playlists" }, icon("library"), el("span", {}, "Kept playlists"))] }),
    el("div", { class: "builder" }, form, panel),
  );
  showList();
  tellMade();
  keepMarked(list, view.signal);
}
