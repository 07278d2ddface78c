// Draws the points with WebGL: one call for all of them, no library.

const VERTEX = `
attribute vec2 place;
attribute vec4 colour;
uniform vec4 view;
uniform mediump float size;
varying lowp vec4 tone;
void main() {
  gl_Position = vec4((place - view.xy) * view.zw, 0.0, 1.0);
  gl_PointSize = size;
  tone = colour;
}`;
// A small point is a square: a circle of three pixels is one as well.
const FRAGMENT = `
precision mediump float;
varying lowp vec4 tone;
uniform float size;
void main() {
  if (size < 3.5) { gl_FragColor = tone; return; }
  float far = length(gl_PointCoord - 0.5) * size;
  float cover = clamp(size * 0.5 - far, 0.0, 1.0);
  gl_FragColor = tone * cover;
}`;
const SMALLEST_PX = 1.6;
const LARGEST_PX = 15;

/** What draws on a canvas; null where the browser has no WebGL. */
export function rendererOf(canvas) {
  const options = { alpha: true, antialias: false, depth: false, stencil: false, premultipliedAlpha: true, powerPreference: "high-performance" };
  const gl = canvas.getContext("webgl", options);
  return gl && new Renderer(canvas, gl);
}

class Renderer {
  #gl;
  #canvas;
  #points = null;
  #colours = null;

  constructor(canvas, gl) {
    this.#canvas = canvas;
    this.#gl = gl;
    this.#prepare();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.#prepare();
      if (this.#points) this.setPoints(this.#points);
      if (this.#colours) this.setColours(this.#colours);
      canvas.dispatchEvent(new Event("restored"));
    });
  }

  #prepare() {
    const gl = this.#gl;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.bindAttribLocation(program, 0, "place");
    gl.bindAttribLocation(program, 1, "colour");
    gl.linkProgram(program);
    gl.useProgram(program);
    this.view = gl.getUniformLocation(program, "view");
    this.size = gl.getUniformLocation(program, "size");
    this.places = gl.createBuffer();
    this.colours = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.places);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.colours);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 0, 0);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  setPoints(points) {
    this.#points = points;
    const both = new Float32Array(2 * points.n);
    for (let i = 0; i < points.n; i += 1) {
      both[2 * i] = points.x[i];
      both[2 * i + 1] = points.y[i];
    }
    this.#gl.bindBuffer(this.#gl.ARRAY_BUFFER, this.places);
    this.#gl.bufferData(this.#gl.ARRAY_BUFFER, both, this.#gl.STATIC_DRAW);
  }

  /** Four bytes for each point, red, green and blue multiplied with the opacity. */
  setColours(colours) {
    this.#colours = colours;
    this.#gl.bindBuffer(this.#gl.ARRAY_BUFFER, this.colours);
    this.#gl.bufferData(this.#gl.ARRAY_BUFFER, colours, this.#gl.STATIC_DRAW);
  }

  /** Draw the first `n` points; `ratio`: pixels of the canvas to one of the page. */
  draw(camera, ratio, n = Infinity) {
    const gl = this.#gl;
    const [width, height] = [Math.round(camera.width * ratio), Math.round(camera.height * ratio)];
    if (this.#canvas.width !== width || this.#canvas.height !== height) [this.#canvas.width, this.#canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform4f(this.view, camera.x, camera.y, (2 * camera.scale) / camera.width, (2 * camera.scale) / camera.height);
    gl.uniform1f(this.size, this.pointSize(camera) * ratio);
    gl.drawArrays(gl.POINTS, 0, Math.min(n, this.#points.n));
  }

  /** Pixels across: more where there are few, and growing with the root of the zoom. */
  pointSize(camera) {
    const room = Math.sqrt((camera.width * camera.height) / this.#points.n);
    const first = Math.max(SMALLEST_PX, Math.min(7, room * 0.3));
    return Math.min(LARGEST_PX, first * Math.max(1, camera.zoom) ** 0.5);
  }
}
