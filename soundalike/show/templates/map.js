"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const data = at("data").dataset;

  const bytes = (text) => {
    const raw = atob(text);
    const found = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
    return found.buffer;
  };

  // What there is: a place, a group and so on for each track.
  const ids = new Uint32Array(bytes(data.ids));
  const raw = new Uint16Array(bytes(data.places));
  const groupOf = new Uint16Array(bytes(data.groups));
  const trust = new Uint8Array(bytes(data.trust));
  const share = new Uint8Array(bytes(data.shares));
  const near = new Int32Array(bytes(data.near));
  const n = ids.length;
  const k = n ? near.length / n : 0;
  const wide = Number(data.wide), high = Number(data.high), largest = Math.max(wide, high);
  const xs = new Float32Array(n), ys = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    xs[i] = (raw[2 * i] / 65535) * largest;
    ys[i] = (raw[2 * i + 1] / 65535) * largest;
  }
  const lines = at("names").textContent.split("\n");
  const nameOf = (i) => lines[i].split("\t")[0];
  const albumOf = (i) => lines[i].split("\t")[1];
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  let searchable = null;

  const groups = new Map();
  for (const button of document.querySelectorAll("#groups button")) {
    const number = Number(button.dataset.number);
    const name = button.querySelector("span").textContent.trim();
    groups.set(number, { number, name, button, colour: (number - 1) % 6, shape: (number - 1) % 5 });
  }
  for (const part of data.middles.split(" ").filter(Boolean)) {
    const [number, x, y] = part.split(":").map(Number);
    Object.assign(groups.get(number), { x, y });
  }

  // Tracks of one group that are trusted alike are drawn in one go.
  const LEVELS = [0.35, 0.65, 1];
  const levelOf = (i) => (trust[i] < 30 ? 0 : trust[i] < 60 ? 1 : 2);
  const batches = [];
  {
    const rows = new Map();
    for (let i = 0; i < n; i++) {
      const key = groupOf[i] * 3 + levelOf(i);
      if (!rows.has(key)) rows.set(key, []);
      rows.get(key).push(i);
    }
    for (const [key, found] of rows) {
      batches.push({ group: groups.get(Math.floor(key / 3)), level: key % 3, rows: Int32Array.from(found) });
    }
    batches.sort((a, b) => a.level - b.level);
  }

  // A grid of cells, so that the point under the pointer is found at once.
  const side = Math.max(1, Math.min(512, Math.ceil(Math.sqrt(n / 4))));
  const cellOf = (x, y) => {
    const column = Math.min(side - 1, Math.max(0, Math.floor((x / largest) * side)));
    const row = Math.min(side - 1, Math.max(0, Math.floor((y / largest) * side)));
    return row * side + column;
  };
  const firsts = new Int32Array(side * side + 1), inCells = new Int32Array(n);
  for (let i = 0; i < n; i++) firsts[cellOf(xs[i], ys[i]) + 1]++;
  for (let c = 0; c < side * side; c++) firsts[c + 1] += firsts[c];
  {
    const next = firsts.slice();
    for (let i = 0; i < n; i++) inCells[next[cellOf(xs[i], ys[i])]++] = i;
  }

  const canvas = at("canvas"), context = canvas.getContext("2d");
  const tip = at("tip"), details = at("details");
  let width = 0, height = 0, ratio = 1;
  let scale = 1, whole = 1, middleX = wide / 2, middleY = high / 2;
  let chosen = -1, hovered = -1, only = 0, found = null, isMoving = false, isKeyed = false;
  let colours = [], ink = "", soft = "", ground = "";

  const toX = (x) => (x - middleX) * scale + width / 2;
  const toY = (y) => (y - middleY) * scale + height / 2;
  const fromX = (x) => (x - width / 2) / scale + middleX;
  const fromY = (y) => (y - height / 2) / scale + middleY;

  const readColours = () => {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(name).trim();
    colours = [0, 1, 2, 3, 4, 5].map((each) => read(`--mark-${each}`));
    [ink, soft, ground] = [read("--ink"), read("--soft"), read("--card")];
  };

  const fit = () => {
    const margin = Math.min(40, 0.08 * Math.min(width, height));
    whole = Math.min((width - 2 * margin) / wide, (height - 2 * margin) / high);
    [scale, middleX, middleY] = [whole, wide / 2, high / 2];
  };

  // Points grow as one comes closer, but less than the gaps between them.
  const radius = () => {
    const base = Math.min(4.5, Math.max(0.8, 16 / Math.pow(Math.max(n, 1), 0.22)));
    const room = Math.min(1, Math.min(width, height) / 600);
    return Math.min(9, base * (0.6 + 0.4 * room) * Math.pow(scale / whole, 0.4));
  };

  const SHAPES = [
    (x, y, r) => { context.moveTo(x + r, y); context.arc(x, y, r, 0, 7); },
    (x, y, r) => context.rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r),
    (x, y, r) => corners([0, -1.15, 1.15, 0.9, -1.15, 0.9], x, y, r),
    (x, y, r) => corners([0, -1.3, 1.3, 0, 0, 1.3, -1.3, 0], x, y, r),
    (x, y, r) => corners(
      [-1.1, -0.6, -0.6, -1.1, 0, -0.5, 0.6, -1.1, 1.1, -0.6, 0.5, 0,
        1.1, 0.6, 0.6, 1.1, 0, 0.5, -0.6, 1.1, -1.1, 0.6, -0.5, 0], x, y, r),
  ];
  const corners = (points, x, y, r) => {
    context.moveTo(x + r * points[0], y + r * points[1]);
    for (let i = 2; i < points.length; i += 2) context.lineTo(x + r * points[i], y + r * points[i + 1]);
    context.closePath();
  };

  const isShown = (i) => {
    const x = toX(xs[i]), y = toY(ys[i]);
    return x > -20 && y > -20 && x < width + 20 && y < height + 20;
  };

  const drawPoints = () => {
    const r = radius();
    // Squares are drawn ten times as quickly as circles, and look no different when they are small.
    const isSmall = r < 1.8 || (isMoving && n > 20000);
    const dimmed = only || found;
    for (const batch of batches) {
      const isOut = dimmed && (found !== null || batch.group.number !== only);
      context.globalAlpha = isOut ? (n > 20000 ? 0.05 : 0.15) : LEVELS[batch.level];
      context.fillStyle = colours[batch.group.colour];
      const shape = SHAPES[batch.group.shape];
      if (!isSmall) context.beginPath();
      for (const i of batch.rows) {
        const x = toX(xs[i]), y = toY(ys[i]);
        if (x < -20 || y < -20 || x > width + 20 || y > height + 20) continue;
        if (isSmall) context.fillRect(x - r, y - r, 2 * r, 2 * r);
        else shape(x, y, r);
      }
      if (!isSmall) context.fill();
    }
    context.globalAlpha = 1;
    if (found !== null) {
      for (const i of found) {
        if (!isShown(i)) continue;
        context.fillStyle = colours[groups.get(groupOf[i]).colour];
        context.beginPath();
        SHAPES[groups.get(groupOf[i]).shape](toX(xs[i]), toY(ys[i]), Math.max(4, 1.3 * r));
        context.fill();
      }
    }
  };

  const ring = (i, size, line) => {
    context.beginPath();
    context.arc(toX(xs[i]), toY(ys[i]), size, 0, 7);
    context.lineWidth = line + 2;
    context.strokeStyle = ground;
    context.stroke();
    context.lineWidth = line;
    context.strokeStyle = ink;
    context.stroke();
  };

  const nearestOf = (i) => Array.from(near.subarray(i * k, (i + 1) * k)).filter((each) => each >= 0);

  const drawChosen = () => {
    const r = radius();
    if (chosen >= 0) {
      context.strokeStyle = ink;
      context.lineWidth = 1.2;
      context.globalAlpha = 0.55;
      context.beginPath();
      for (const other of nearestOf(chosen)) {
        context.moveTo(toX(xs[chosen]), toY(ys[chosen]));
        context.lineTo(toX(xs[other]), toY(ys[other]));
      }
      context.stroke();
      context.globalAlpha = 1;
      for (const other of nearestOf(chosen)) ring(other, r + 2, 1.2);
      ring(chosen, r + 5, 2.5);
    }
    if (hovered >= 0 && hovered !== chosen) ring(hovered, r + 3, 1.5);
  };

  // Names that would lie upon each other: the first one stays.
  const drawNames = () => {
    const taken = [];
    const write = (text, x, y, font, colour) => {
      context.font = font;
      const half = context.measureText(text).width / 2 + 3;
      if (x < 0 || x > width || y < 0 || y > height) return true;
      x = Math.max(half, Math.min(width - half, x));
      const [left, top, right, bottom] = [x - half, y - 12, x + half, y + 6];
      if (taken.some((each) => left < each[2] && right > each[0] && top < each[3] && bottom > each[1])) return false;
      taken.push([left, top, right, bottom]);
      context.lineWidth = 4;
      context.lineJoin = "round";
      context.strokeStyle = ground;
      context.strokeText(text, x, y);
      context.fillStyle = colour;
      context.fillText(text, x, y);
      return true;
    };
    const cut = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);
    const family = getComputedStyle(document.body).fontFamily;
    context.textAlign = "center";
    const small = width < 600;
    if (chosen >= 0) write(cut(nameOf(chosen), 48), toX(xs[chosen]), toY(ys[chosen]) - radius() - 10, `600 13px ${family}`, ink);
    if (groups.size > 1 && found === null) {
      for (const group of groups.values()) {
        if (group.x === undefined || (only && only !== group.number)) continue;
        const where = [toX(group.x), toY(group.y), `600 ${small ? 12 : 14}px ${family}`, ink];
        // Where there is no room for its name, its number leads to the list.
        const isNamed = !small || scale > 1.6 * whole;
        if (!isNamed || !write(cut(group.name, 40), ...where)) write(String(group.number), ...where);
      }
    }
    const rows = found !== null && found.length <= 40 ? found : inView(60);
    for (const i of rows) write(cut(nameOf(i), 34), toX(xs[i]), toY(ys[i]) - radius() - 5, `12px ${family}`, soft);
  };

  // The tracks that can be seen, if they are few.
  const inView = (most) => {
    const rows = [];
    const [left, top, right, bottom] = [fromX(0), fromY(0), fromX(width), fromY(height)];
    const first = cellOf(left, top), last = cellOf(right, bottom);
    for (let row = Math.floor(first / side); row <= Math.floor(last / side); row++) {
      for (let c = row * side + (first % side); c <= row * side + (last % side); c++) {
        for (let j = firsts[c]; j < firsts[c + 1]; j++) {
          const i = inCells[j];
          if (xs[i] < left || xs[i] > right || ys[i] < top || ys[i] > bottom) continue;
          if (rows.length === most) return [];
          rows.push(i);
        }
      }
    }
    return rows;
  };

  let asked = 0;
  const draw = () => {
    if (!asked) asked = requestAnimationFrame(() => {
      asked = 0;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      drawPoints();
      drawChosen();
      if (!(isMoving && n > 20000)) drawNames();
      if (isKeyed) {
        context.strokeStyle = ink;
        context.lineWidth = 1.5;
        context.beginPath();
        context.moveTo(width / 2 - 9, height / 2);
        context.lineTo(width / 2 + 9, height / 2);
        context.moveTo(width / 2, height / 2 - 9);
        context.lineTo(width / 2, height / 2 + 9);
        context.stroke();
      }
    });
  };
  let rest = 0;
  const move = () => {
    isMoving = true;
    clearTimeout(rest);
    rest = setTimeout(() => { isMoving = false; draw(); }, 150);
    draw();
  };

  const zoom = (factor, x = width / 2, y = height / 2) => {
    const [fixedX, fixedY] = [fromX(x), fromY(y)];
    scale = Math.min(whole * 400, Math.max(whole * 0.5, scale * factor));
    middleX = fixedX - (x - width / 2) / scale;
    middleY = fixedY - (y - height / 2) / scale;
    move();
  };
  const pan = (x, y) => {
    middleX = Math.min(wide, Math.max(0, middleX - x / scale));
    middleY = Math.min(high, Math.max(0, middleY - y / scale));
    move();
  };

  const pointAt = (x, y, reach) => {
    const [px, py] = [fromX(x), fromY(y)], away = reach / scale;
    const first = cellOf(px - away, py - away), last = cellOf(px + away, py + away);
    let best = -1, least = away * away;
    for (let row = Math.floor(first / side); row <= Math.floor(last / side); row++) {
      for (let c = row * side + (first % side); c <= row * side + (last % side); c++) {
        for (let j = firsts[c]; j < firsts[c + 1]; j++) {
          const i = inCells[j];
          if (only && groupOf[i] !== only) continue;
          const d = (xs[i] - px) ** 2 + (ys[i] - py) ** 2;
          if (d <= least) [best, least] = [i, d];
        }
      }
    }
    return best;
  };

  const groupWords = (i) => {
    const group = groups.get(groupOf[i]);
    return share[i] < 50 ? `between groups, nearest to ${group.name}` : group.name;
  };

  const showTip = (i, x, y) => {
    tip.hidden = i < 0;
    if (i < 0) return;
    tip.replaceChildren(nameOf(i));
    const more = document.createElement("small");
    more.textContent = groups.size > 1 ? groupWords(i) : albumOf(i);
    tip.append(more);
    const left = Math.min(Math.max(8, x + 14), Math.max(8, width - tip.offsetWidth - 8));
    const top = y + 18 + tip.offsetHeight > height ? y - tip.offsetHeight - 12 : y + 18;
    tip.style.left = `${left}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  };

  const listed = (rows) => rows.map((i) => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.textContent = nameOf(i);
    button.addEventListener("click", () => choose(i, true));
    item.append(button);
    return item;
  });

  const choose = (i, isToMove) => {
    chosen = i;
    details.hidden = i < 0;
    if (i >= 0) {
      at("name").textContent = nameOf(i);
      const facts = [albumOf(i), `#${ids[i]}`, groups.size > 1 ? groupWords(i) : ""];
      at("facts").textContent = facts.filter(Boolean).join(" · ");
      const others = nearestOf(i);
      const kept = Math.round((trust[i] / 100) * Math.min(k, Math.max(n - 1, 0)));
      at("trust").textContent = others.length
        ? `${kept} of the ${Math.min(k, n - 1)} tracks that sound most like it are among the nearest here.` : "";
      at("near-heading").hidden = !others.length;
      at("near").replaceChildren(...listed(others));
      if (isToMove) {
        const [x, y] = [toX(xs[i]), toY(ys[i])];
        if (scale < 2 * whole) scale = 2 * whole;
        if (scale === 2 * whole || x < 60 || y < 60 || x > width - 60 || y > height - 60) {
          [middleX, middleY] = [xs[i], ys[i]];
        }
      }
    }
    draw();
    if (isToMove) canvas.scrollIntoView({ block: "nearest" });
  };

  // Pointers: one drags, two zoom, a short press chooses.
  const pressed = new Map();
  let start = null;
  const placeOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pressed.set(event.pointerId, placeOf(event));
    start = pressed.size === 1 ? placeOf(event) : null;
    isKeyed = false;
    showTip(-1);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = placeOf(event);
    if (!pressed.has(event.pointerId)) {
      const before = hovered;
      hovered = pointAt(x, y, 14);
      showTip(hovered, x, y);
      canvas.style.cursor = hovered >= 0 ? "pointer" : "";
      if (hovered !== before) draw();
      return;
    }
    const [oldX, oldY] = pressed.get(event.pointerId);
    if (start && Math.hypot(x - start[0], y - start[1]) > 6) start = null;
    if (pressed.size === 1 && !start) pan(x - oldX, y - oldY);
    if (pressed.size === 2) {
      const [other] = [...pressed].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const before = Math.hypot(oldX - other[0], oldY - other[1]);
      const after = Math.hypot(x - other[0], y - other[1]);
      pan((x - oldX) / 2, (y - oldY) / 2);
      if (before > 0) zoom(after / before, (x + other[0]) / 2, (y + other[1]) / 2);
    }
    if (!start || pressed.size > 1) pressed.set(event.pointerId, [x, y]);
  });
  const release = (event) => {
    if (start && event.type === "pointerup") {
      choose(pointAt(...start, event.pointerType === "mouse" ? 14 : 28), false);
    }
    pressed.delete(event.pointerId);
    start = null;
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => { hovered = -1; showTip(-1); draw(); });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    zoom(Math.exp(-event.deltaY * lines * 0.0016), ...placeOf(event));
  }, { passive: false });

  const KEYS = {
    ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0),
    ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
    "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4),
    0: () => { fit(); draw(); },
    Enter: () => choose(pointAt(width / 2, height / 2, Math.max(width, height) / 4), false),
    Escape: () => choose(-1),
  };
  canvas.addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    isKeyed = event.key !== "Escape";
    act();
  });
  canvas.addEventListener("blur", () => { isKeyed = false; draw(); });
  at("in").addEventListener("click", () => zoom(1.6));
  at("out").addEventListener("click", () => zoom(1 / 1.6));
  at("all").addEventListener("click", () => { fit(); draw(); });

  // Search: all words, in any order.
  const MOST = 50;
  const input = at("search"), results = at("results"), count = at("count");
  const search = () => {
    const words = plain(input.value).split(/\s+/).filter(Boolean);
    results.hidden = !words.length;
    count.textContent = "";
    found = null;
    if (words.length) {
      if (!searchable) searchable = lines.map(plain);
      found = [];
      for (let i = 0; i < n; i++) if (words.every((word) => searchable[i].includes(word))) found.push(i);
      const more = found.length > MOST ? `, the first ${MOST} of them:` : "";
      count.textContent = `${found.length.toLocaleString("en")} found${more}`;
      results.replaceChildren(...listed(found.slice(0, MOST)));
    }
    draw();
  };
  let later = 0;
  input.addEventListener("input", () => { clearTimeout(later); later = setTimeout(search, n > 20000 ? 180 : 30); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { input.value = ""; search(); }
    if (event.key === "Enter" && found && found.length) choose(found[0], true);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== input) { event.preventDefault(); input.focus(); }
  });

  for (const group of groups.values()) {
    group.button.addEventListener("click", () => {
      only = only === group.number ? 0 : group.number;
      for (const each of groups.values()) each.button.setAttribute("aria-pressed", String(each.number === only));
      draw();
    });
  }

  const resize = () => {
    const was = [width, scale / whole];
    ratio = window.devicePixelRatio || 1;
    [width, height] = [canvas.clientWidth, canvas.clientHeight];
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const [x, y] = [middleX, middleY];
    fit();
    if (was[0]) [scale, middleX, middleY] = [whole * was[1], x, y];
    draw();
  };
  readColours();
  new ResizeObserver(resize).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); draw(); });
})();
