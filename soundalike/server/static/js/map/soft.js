// Draws the points without a graphics card: into an array of pixels, which is shown as one texture.
//
// Where a browser emulates the card, each point costs it more than a microsecond, for 100,000 points a
// fifth of a second of a frame; a loop over them that writes pixels takes a fiftieth of that.

const VERTEX = "attribute vec2 corner; varying mediump vec2 at; void main() { at = vec2(corner.x + 1.0, 1.0 - corner.y) * 0.5; gl_Position = vec4(corner, 0.0, 1.0); }";
const FRAGMENT = "precision mediump float; varying vec2 at; uniform sampler2D picture; void main() { gl_FragColor = texture2D(picture, at); }";
const FAINT = 40;

export class SoftRenderer {
  /** Names are drawn with the points: another canvas over this one would cost as much again. */
  drawsNames = true;
  #gl;
  #canvas;
  #points = null;
  #colours = null;
  #isFaint = null;
  #pixels = new Uint32Array(0);
  #width = 0;
  #height = 0;
  #ground = 0xffffffff;
  #program;

  /** `gl`: of the canvas; null where there is none, and a 2D context is to be used. */
  constructor(canvas, gl, programOf) {
    this.#canvas = canvas;
    this.#gl = gl;
    this.#program = programOf;
    if (gl) this.prepare();
    else this.context = canvas.getContext("2d", { alpha: false });
  }

  prepare() {
    const gl = this.#gl;
    gl.useProgram(this.#program(gl, VERTEX, FRAGMENT, ["corner"]));
    gl.disable(gl.BLEND);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    // One triangle that covers everything.
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW);
    gl.disableVertexAttribArray(1);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, gl.NEAREST);
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
    this.#width = this.#height = 0;
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
  }

  #resize(width, height) {
    if (this.#width === width && this.#height === height) return;
    [this.#width, this.#height] = [width, height];
    [this.#canvas.width, this.#canvas.height] = [width, height];
    this.#pixels = new Uint32Array(width * height);
    this.bytes = new Uint8ClampedArray(this.#pixels.buffer);
    if (this.#gl) {
      const gl = this.#gl;
      gl.viewport(0, 0, width, height);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(this.#pixels.buffer));
    }
  }

  /** @param names [{x, y, dx, dy, picture: ImageData}] */
  draw(camera, ratio, size, names) {
    this.#resize(Math.round(camera.width * ratio), Math.round(camera.height * ratio));
    this.#pixels.fill(this.#ground);
    // What is dimmed must not lie over what is not.
    this.#drawPoints(camera, ratio, size * ratio, 1);
    this.#drawPoints(camera, ratio, size * ratio, 0);
    for (const { x, y, dx, dy, picture } of names) {
      const [px, py] = camera.toScreen(x, y);
      this.#drawPicture(picture, Math.round((px + dx) * ratio), Math.round((py + dy) * ratio));
    }
    this.#show();
  }

  #show() {
    if (!this.#gl) return this.context.putImageData(new ImageData(this.bytes, this.#width, this.#height), 0, 0);
    const gl = this.#gl;
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, this.#width, this.#height, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(this.#pixels.buffer));
    gl.drawArrays(gl.TRIANGLES, 0, 3);
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
