// Draws the points with WebGL: one call for all of them, no library.

import { SoftRenderer } from "./soft.js";

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

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** What draws on a canvas: with the graphics card, or without where there is none. */
export function rendererOf(canvas) {
  if (!hasCard()) return new SoftRenderer(canvas);
  const options = { alpha: false, antialias: false, depth: false, stencil: false, powerPreference: "high-performance" };
  const made = new CardRenderer(canvas, canvas.getContext("webgl", options));
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => {
    made.prepare();
    canvas.dispatchEvent(new Event("restored"));
  });
  return made;
}

/** Whether WebGL is there, and not emulated; asked of another canvas, since one has but one context. */
function hasCard() {
  const gl = document.createElement("canvas").getContext("webgl");
  if (!gl) return false;
  const known = gl.getExtension("WEBGL_debug_renderer_info");
  const name = gl.getParameter(known ? known.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return !SOFTWARE.test(name);
}

/** Pixels across of a point: more where there are few, and growing with the root of the zoom. */
export function pointSize(camera, n) {
  const room = Math.sqrt((camera.width * camera.height) / n);
  const first = Math.max(SMALLEST_PX, Math.min(7, room * 0.3));
  return Math.min(LARGEST_PX, first * Math.max(1, camera.zoom) ** 0.5);
}

function programOf(gl, vertex, fragment, attributes) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  attributes.forEach((name, i) => gl.bindAttribLocation(program, i, name));
  gl.linkProgram(program);
  return program;
}

class CardRenderer {
  drawsNames = false;
  #gl;
  #canvas;
  #n = 0;
  #places = null;
  #colours = null;
  #ground = [255, 255, 255];

  constructor(canvas, gl) {
    this.#canvas = canvas;
    this.#gl = gl;
    this.prepare();
  }

  prepare() {
    const gl = this.#gl;
    const program = programOf(gl, VERTEX, FRAGMENT, ["place", "colour"]);
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
    this.#send(this.places, this.#places);
    this.#send(this.colours, this.#colours);
  }

  #send(buffer, data) {
    if (!data) return;
    this.#gl.bindBuffer(this.#gl.ARRAY_BUFFER, buffer);
    this.#gl.bufferData(this.#gl.ARRAY_BUFFER, data, this.#gl.STATIC_DRAW);
  }

  setPoints({ n, x, y }) {
    this.#n = n;
    this.#places = new Float32Array(2 * n);
    for (let i = 0; i < n; i += 1) {
      this.#places[2 * i] = x[i];
      this.#places[2 * i + 1] = y[i];
    }
    this.#send(this.places, this.#places);
  }

  /** Four bytes for each point, red, green and blue multiplied with the opacity; the ground [r, g, b]. */
  setColours(colours, ground) {
    this.#ground = ground;
    this.#colours = colours;
    this.#send(this.colours, colours);
  }

  /** `ratio`: pixels of the canvas to one of the page; `size`: of a point, in those of the page. */
  draw(camera, ratio, size) {
    const gl = this.#gl;
    const [width, height] = [Math.round(camera.width * ratio), Math.round(camera.height * ratio)];
    if (this.#canvas.width !== width || this.#canvas.height !== height) [this.#canvas.width, this.#canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    gl.clearColor(...this.#ground.map((each) => each / 255), 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform4f(this.view, camera.x, camera.y, (2 * camera.scale) / camera.width, (2 * camera.scale) / camera.height);
    gl.uniform1f(this.size, size * ratio);
    gl.drawArrays(gl.POINTS, 0, this.#n);
  }
}
