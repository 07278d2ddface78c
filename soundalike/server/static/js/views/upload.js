// A file that was dropped on the page: the same as for a track, but nothing of it is kept.

import { el, fill } from "../dom.js";
import { rewrite } from "../navigation.js";
import { player } from "../player.js";
import { similarPanel } from "../similar.js";
import { peaksOf, soundView } from "../sound.js";
import { localFile } from "../uploads.js";
import { trackHead, weightsOf, withWeights } from "./track.js";

export async function show(view) {
  const id = view.parts[0];
  const sent = view.state.upload?.upload_id === id ? view.state.upload : null;
  const local = localFile(id);
  const analysis = sent?.analysis ?? null;
  const track = { track_id: null, title: null, path: sent?.name ?? "Your file", artist: null, album: null, duration_s: sent?.duration_s ?? null };
  view.setTitle(sent?.name ?? "Your file");
  const isHere = () => player.item?.url === local?.url;
  const play = (start_s = null) => (isHere() && start_s === null ? player.toggle() : player.play([{ track, url: local.url }], 0, start_s));
  const panel = similarPanel({
    seed: { upload_id: id },
    track,
    passage: null,
    weights: weightsOf(view.query),
    onweights: (weights) => rewrite(withWeights(`/upload/${id}`, weights)),
  }, view.signal);
  const head = trackHead(track, analysis, play, view.signal);
  head.querySelector(".track-title").append(el("p", { class: "track-by soft" }, "Your file: analysed here, and not kept"));
  if (!local) head.querySelector(".actions").remove();
  const sound = local && track.duration_s && soundView({
    duration: track.duration_s, analysis, peaks: peaksOf(local.file), passage: null, melUrl: null, onfind: null,
    isCurrent: isHere, playFrom: play, playPassage: () => {},
  }, view.signal);
  fill(view.root, el("div", { class: "track-view" }, head, sound || el("p", { class: "notice small" }, "To hear the file again, drop it again: it was not kept."), panel));
  await panel.ask();
}
