// Draws the points without a graphics card: into an array of pixels, which a 2D canvas shows.
//
// Where a browser emulates the card, each point costs it more than a microsecond: 100,000 points take a
// fifth of a second for each frame. A loop over them that writes pixels takes a few milliseconds.

const FAINT = 40;

export class SoftRenderer {
  /** Names are drawn with the points: another canvas over this one would cost as much again. */
  drawsNames = true;
  #canvas;
  #points = null;
  #colours = null;
  #isFaint = null;
  #pixels = new Uint32Array(0);
  #width = 0;
  #height = 0;
  #ground = 0xffffffff;
  #hasFaint = false;
  #context;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
  }

  setPoints(points) { this.#points = points; }

  /** Colours as for the other renderer, here mixed with the ground for good: nothing is blended. */
  setColours(colours, ground) {
    const [red, green, blue] = ground;
    this.#ground = (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
    const n = colours.length / 4;
    this.#colours = new Uint32Array(n);
    this.#isFaint = new Uint8Array(n);
    for (let i = 0; i < n; i += 1) {
      const rest = 1 - colours[4 * i + 3] / 255;
      const [r, g, b] = [colours[4 * i] + rest * red, colours[4 * i + 1] + rest * green, colours[4 * i + 2] + rest * blue];
      this.#colours[i] = (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
      this.#isFaint[i] = colours[4 * i + 3] < FAINT ? 1 : 0;
    }
    this.#hasFaint = this.#isFaint.includes(1);
  }

  #resize(width, height) {
    if (this.#width === width && this.#height === height) return;
    [this.#width, this.#height] = [width, height];
    [this.#canvas.width, this.#canvas.height] = [width, height];
    this.#pixels = new Uint32Array(width * height);
    this.bytes = new Uint8ClampedArray(this.#pixels.buffer);
    this.image = new ImageData(this.bytes, width, height);
  }

  /** @param names [{x, y, dx, dy, picture: ImageData}] */
  draw(camera, ratio, size, names) {
    this.#resize(Math.round(camera.width * ratio), Math.round(camera.height * ratio));
    this.#pixels.fill(this.#ground);
    // What is dimmed must not lie over what is not.
    if (this.#hasFaint) this.#drawPoints(camera, ratio, size * ratio, 1);
    this.#drawPoints(camera, ratio, size * ratio, 0);
    for (const { x, y, dx, dy, picture } of names) {
      const [px, py] = camera.toScreen(x, y);
      this.#drawPicture(picture, Math.round((px + dx) * ratio), Math.round((py + dy) * ratio));
    }
    this.#context.putImageData(this.image, 0, 0);
  }

  #drawPoints(camera, ratio, size, faint) {
    const { x: xs, y: ys, n } = this.#points;
    const pixels = this.#pixels;
    const [width, height] = [this.#width, this.#height];
    const colours = this.#colours;
    const isFaint = this.#isFaint;
    const scale = camera.scale * ratio;
    const across = Math.max(2, Math.round(size));
    const half = across / 2;
    const [left, top] = [width / 2 - camera.x * scale - half, height / 2 + camera.y * scale - half];
    // For each line of a point, where it begins: of a disc, or a square where it is small.
    const begins = Int32Array.from({ length: across }, (_, k) => (across < 4 ? 0 : Math.round(half - Math.sqrt(half * half - (k + 0.5 - half) ** 2))));
    const [right, bottom] = [width - across, height - across];
    for (let i = 0; i < n; i += 1) {
      if (isFaint[i] !== faint) continue;
      const px = (xs[i] * scale + left) | 0;
      const py = (top - ys[i] * scale) | 0;
      if (px <= 0 || py <= 0 || px >= right || py >= bottom) continue;
      const colour = colours[i];
      let line = py * width + px;
      for (let k = 0; k < across; k += 1, line += width) {
        const stop = line + across - begins[k];
        for (let at = line + begins[k]; at < stop; at += 1) pixels[at] = colour;
      }
    }
  }

  #drawPicture({ width, height, data }, left, top) {
    const bytes = this.bytes;
    const [from, to] = [Math.max(0, -left), Math.min(width, this.#width - left)];
    for (let row = Math.max(0, -top); row < Math.min(height, this.#height - top); row += 1) {
      for (let column = from; column < to; column += 1) {
        const source = 4 * (row * width + column);
        const cover = data[source + 3];
        if (cover === 0) continue;
        const at = 4 * ((top + row) * this.#width + left + column);
        const rest = 255 - cover;
        for (let k = 0; k < 3; k += 1) bytes[at + k] = (data[source + k] * cover + bytes[at + k] * rest) / 255;
      }
    }
  }
}
