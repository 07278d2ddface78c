// A file that is dropped anywhere, or chosen, is sent, and what is like it is shown.

import * as api from "./api.js";
import { navigate } from "./navigation.js";
import { showProblem, toast } from "./toast.js";

const drop = document.getElementById("drop");
const files = new Map();
let depth = 0;

/** The local file of an upload, to be played: {file, url}; undefined once the page was loaded anew. */
export const localFile = (uploadId) => files.get(uploadId);

/** Send a file, and go to what is found. */
export async function searchBy(file) {
  const done = toast(`“${file.name}” is being listened to …`, { kind: "busy" });
  try {
    const sent = await api.upload(file);
    files.set(sent.upload_id, { file, url: URL.createObjectURL(file) });
    navigate(`/upload/${encodeURIComponent(sent.upload_id)}`, { state: { upload: sent } });
  } catch (error) {
    showProblem(error);
  } finally {
    done();
  }
}

/** Let the user choose one. */
export function chooseFile() {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = "audio/*,video/*,.flac,.opus,.ogg,.m4a,.wv,.ape,.mpc,.aiff,.dsf";
  input.addEventListener("change", () => input.files[0] && searchBy(input.files[0]));
  input.click();
}

const hasFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

addEventListener("dragenter", (event) => {
  if (!hasFile(event)) return;
  event.preventDefault();
  depth += 1;
  drop.hidden = false;
});
addEventListener("dragleave", (event) => {
  if (!hasFile(event)) return;
  depth = Math.max(0, depth - 1);
  drop.hidden = depth === 0;
});
addEventListener("dragover", (event) => hasFile(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (!hasFile(event)) return;
  event.preventDefault();
  depth = 0;
  drop.hidden = true;
  const dropped = [...event.dataTransfer.files];
  if (dropped.length > 1) toast("One file at a time: the first is taken.");
  if (dropped[0]) searchBy(dropped[0]);
});
