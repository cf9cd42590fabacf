/** The model, in a thread of its own: loads the runtime and both graphs, encodes a photo, and decodes prompts. */
import { resizedSize } from "./frame.js";
import { encoderInput } from "./resize.js";

const ROOT = new URL("../", import.meta.url);
const BOX_START = 2;
const BOX_END = 3;
const PADDING = -1;
const GPU_PATIENCE_MS = 60_000;
const MODULES = {
  webgpu: "runtime/ort-wasm-simd-threaded.asyncify.wasm",
  wasm: "runtime/ort-wasm-simd-threaded.wasm",
};

/** @type {import("./frame.js").About} */
let about;
/** @type {Runtime} */
let runtime;
let features = null; // of the photo that was encoded last
let photo = null;

/** @typedef {{ort: any, encoder: any, decoder: any}} Runtime  onnxruntime with both graphs */

const TASKS = { start, encode, decode };

let last = Promise.resolve(); // one task at a time, in order

self.onmessage = ({ data }) => {
  last = last.then(() => work(data));
};

async function work({ id, task, values }) {
  try {
    self.postMessage({ id, result: await TASKS[task](values) });
  } catch (error) {
    self.postMessage({ id, error: String(error?.message ?? error) });
  }
}

/**
 * Loads everything, by WebGPU if there is a graphics processor, else by WebAssembly.
 * @param {{device: string, threads: number}} options  The device is "auto", "webgpu" or "wasm".
 * @returns {Promise<{about: import("./frame.js").About, device: string, threads: number}>}
 */
async function start({ device, threads }) {
  about = await (await fetched("model/model.json")).json();
  const [encoder, decoder] = await Promise.all(["model/encoder.onnx", "model/decoder.onnx"].map(withProgress));
  const graphs = { encoder, decoder };
  if (device === "webgpu" || (device === "auto" && (await hasGpu()))) {
    try {
      const module = await withProgress(MODULES.webgpu);
      runtime = await withinTime(open("webgpu", threads, graphs, module));
      return { about, device: "webgpu", threads };
    } catch (error) {
      if (device === "webgpu") throw error;
      console.info("WebGPU does not run the model:", error);
    }
  }
  runtime = await open("wasm", threads, graphs, await withProgress(MODULES.wasm));
  return { about, device: "wasm", threads };
}

/**
 * A driver that never answers is no graphics processor. Files are there already: a slow network is no slow driver.
 * @param {Promise<Runtime>} done @returns {Promise<Runtime>}
 */
function withinTime(done) {
  const late = (_, fail) => setTimeout(fail, GPU_PATIENCE_MS, new Error("it did not answer in time"));
  return Promise.race([done, new Promise(late)]);
}

/** A processor that only pretends to be a graphics processor is slower than WebAssembly. */
async function hasGpu() {
  // @ts-ignore: WebGPU's types are not those of every TypeScript
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  const { isFallbackAdapter, architecture } = adapter?.info ?? {};
  return Boolean(adapter) && !isFallbackAdapter && architecture !== "swiftshader";
}

/** Makes a runtime that works. It is used only if it is there in time, so nothing outside changes here. */
async function open(device, threads, graphs, module) {
  const ort = await import(new URL(`runtime/ort.${device}.min.mjs`, ROOT).href);
  const wasmPaths = new URL("runtime/", ROOT).href;
  Object.assign(ort.env.wasm, { wasmPaths, wasmBinary: module.buffer, numThreads: threads });
  const options = { executionProviders: [device], graphOptimizationLevel: "all" };
  const encoder = await ort.InferenceSession.create(graphs.encoder, options);
  const decoder = await ort.InferenceSession.create(graphs.decoder, options);
  await warmUp({ ort, encoder, decoder });
  return { ort, encoder, decoder };
}

/** The first run of a graph is slow, and tells whether the device can do it at all. @param {Runtime} opened */
async function warmUp(opened) {
  const side = Math.min(about.imageSize, 4 * about.stride);
  const size = { width: side, height: side };
  const found = await encoded(opened, new Uint8ClampedArray(4 * side * side), size);
  await decoded(opened, found, size, { points: [[0, 0]], labels: [1], box: null, logits: null });
  dispose(found);
}

/** @param {{rgba: Uint8ClampedArray, width: number, height: number}} pixels */
async function encode({ rgba, width, height }) {
  dispose(features);
  features = null;
  features = await encoded(runtime, rgba, { width, height });
  photo = { width, height };
}

/**
 * @param {import("../prompt.js").Question} question  in the photo's pixels
 * @returns {Promise<{logits: Float32Array, score: number}>}
 */
async function decode(question) {
  if (!features) throw new Error("there is no photo yet");
  return decoded(runtime, features, photo, question);
}

function encoded({ ort, encoder }, rgba, size) {
  const { data, dims } = encoderInput(rgba, size, about);
  return encoder.run({ pixels: new ort.Tensor("float32", data, dims) });
}

async function decoded({ ort, decoder }, features, size, { points, labels, box, logits }) {
  const side = about.maskSize;
  const corners = box ? [[box[0], box[1]], [box[2], box[3]]] : [[0, 0]];
  const places = [...points, ...corners].flatMap((point) => inModel(point, size));
  const kinds = [...labels, ...(box ? [BOX_START, BOX_END] : [PADDING])].map(BigInt);
  const feeds = {
    ...features,
    points: new ort.Tensor("float32", Float32Array.from(places), [1, kinds.length, 2]),
    labels: new ort.Tensor("int64", BigInt64Array.from(kinds), [1, kinds.length]),
    mask_input: new ort.Tensor("float32", logits ?? new Float32Array(side * side), [1, 1, side, side]),
    has_mask: new ort.Tensor("float32", [logits ? 1 : 0], [1]),
    image_size: new ort.Tensor("int64", BigInt64Array.from([about.imageSize, about.imageSize].map(BigInt)), [2]),
  };
  // Some models have features that a decoder of their kind of masks has no use for.
  const found = await decoder.run(Object.fromEntries(decoder.inputNames.map((name) => [name, feeds[name]])));
  const answer = { logits: Float32Array.from(found.logits.data), score: found.scores.data[0] };
  dispose(found);
  return answer;
}

/** From the photo's pixels to the model's: here, where numbers have the precision for it. */
function inModel([x, y], size) {
  const { width, height } = resizedSize(size, about);
  return [(x * width) / size.width, (y * height) / size.height];
}

function dispose(tensors) {
  for (const tensor of Object.values(tensors ?? {})) tensor.dispose?.();
}

async function fetched(name) {
  const response = await fetch(new URL(name, ROOT)).catch(() => null);
  if (!response?.ok) throw new Error(`${name} could not be loaded${response ? ` (status ${response.status})` : ""}`);
  return response;
}

/** Fetches a large file, and tells the page how far it is. @returns {Promise<Uint8Array<ArrayBuffer>>} */
async function withProgress(name) {
  const response = await fetched(name);
  const bytes = new Uint8Array(about.bytes[name]);
  const reader = response.body.getReader();
  let loaded = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (loaded + value.length > bytes.length) throw new Error(`${name} is not the file that model.json tells of`);
    bytes.set(value, loaded);
    loaded += value.length;
    self.postMessage({ progress: { name, loaded, total: bytes.length } });
  }
  if (loaded !== bytes.length) throw new Error(`${name} was not loaded to its end`);
  return bytes;
}
