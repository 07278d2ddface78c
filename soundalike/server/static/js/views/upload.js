// A file that was dropped on the page: the same as for a track, but nothing of it is kept.

import * as api from "../api.js";
import { el, fill } from "../dom.js";
import { navigate, rewrite } from "../navigation.js";
import { player } from "../player.js";
import { similarPanel } from "../similar.js";
import { peaksOf, soundView } from "../sound.js";
import { toast } from "../toast.js";
import { localFile } from "../uploads.js";
import { span } from "../words.js";
import { passageOf, trackHead, weightsOf, withWeights } from "./track.js";

export async function show(view) {
  const id = view.parts[0];
  const sent = view.state.upload?.upload_id === id ? view.state.upload : null;
  const local = localFile(id);
  const analysis = sent?.analysis ?? null;
  const track = { track_id: null, title: null, path: sent?.name ?? "Your file", artist: null, album: null, duration_s: sent?.duration_s ?? null };
  // The server has no file any more: of a passage it was sent again, and has an id of its own.
  const heard = view.query.get("heard");
  const passage = heard && passageOf(view.query, track.duration_s ?? Infinity);
  const whole = `/upload/${encodeURIComponent(id)}`;
  const path = (from, to, part) => `${whole}?from=${from.toFixed(1)}&to=${to.toFixed(1)}&heard=${encodeURIComponent(part)}`;
  view.setTitle(sent?.name ?? "Your file");
  const isHere = () => player.item?.url === local?.url;
  const play = (start_s = null) => (isHere() && start_s === null ? player.toggle() : player.play([{ track, url: local.url }], 0, start_s));

  async function find(from, to) {
    const done = toast(`${span(from, to)} is being listened to …`, { kind: "busy" });
    try {
      const part = await api.upload(local.file, { start_s: from, end_s: to }, view.signal);
      navigate(path(from, to, part.upload_id), { state: { upload: sent } });
    } finally {
      done();
    }
  }

  const panel = similarPanel({
    seed: { upload_id: passage ? heard : id },
    track,
    passage,
    weights: weightsOf(view.query),
    onweights: (weights) => rewrite(withWeights(passage ? path(passage.from, passage.to, heard) : whole, weights)),
    onwhole: () => navigate(whole, { state: { upload: sent } }),
  }, view.signal);
  const head = trackHead(track, analysis, play, view.signal);
  head.querySelector(".track-title").append(el("p", { class: "track-by soft" }, "Your file: analysed here, and not kept"));
  if (!local) head.querySelector(".actions").remove();
  const sound = local && track.duration_s && soundView({
    duration: track.duration_s, analysis, peaks: peaksOf(local.file), passage, melUrl: null, onfind: find,
    isCurrent: isHere, playFrom: play, playPassage: (start_s, end_s) => player.play([{ track, url: local.url, start_s, end_s }]),
  }, view.signal);
  fill(view.root, el("div", { class: "track-view" }, head, sound || el("p", { class: "notice small" }, "To hear the file again, drop it again: it was not kept."), panel));
  await panel.ask();
  if (passage) panel.reveal();
}
