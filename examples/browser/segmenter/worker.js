/** The model, in a thread of its own: loads the runtime and both graphs, encodes a photo, and decodes prompts. */
import { resizedSize } from "./frame.js";
import { encoderInput } from "./resize.js";

const ROOT = new URL("../", import.meta.url);
const BOX_START = 2;
const BOX_END = 3;
const PADDING = -1;
const GPU_PATIENCE_MS = 60_000;

/** @type {import("./frame.js").About} */
let about;
let ort;
let encoder;
let decoder;
let features = null; // of the photo that was encoded last
let photo = null;

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
  if (device === "webgpu" || (device === "auto" && (await hasGpu()))) {
    try {
      await withinTime(open("webgpu", threads));
      return { about, device: "webgpu", threads };
    } catch (error) {
      if (device === "webgpu") throw error;
      console.info("WebGPU does not run the model:", error);
    }
  }
  await open("wasm", threads);
  return { about, device: "wasm", threads };
}

/** A driver that never answers is no graphics processor. @param {Promise<void>} done */
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

async function open(device, threads) {
  const module = device === "webgpu" ? "ort-wasm-simd-threaded.asyncify.wasm" : "ort-wasm-simd-threaded.wasm";
  const files = ["model/encoder.onnx", "model/decoder.onnx", `runtime/${module}`];
  const [encoderFile, decoderFile, wasm] = await Promise.all(files.map(withProgress));
  ort = await import(new URL(`runtime/ort.${device}.min.mjs`, ROOT).href);
  Object.assign(ort.env.wasm, { wasmPaths: new URL("runtime/", ROOT).href, wasmBinary: wasm.buffer, numThreads: threads });
  const options = { executionProviders: [device], graphOptimizationLevel: "all" };
  encoder = await ort.InferenceSession.create(encoderFile, options);
  decoder = await ort.InferenceSession.create(decoderFile, options);
  await warmUp();
}

/** The first run of a graph is slow, and tells whether the device can do it at all. */
async function warmUp() {
  const side = Math.min(about.imageSize, 4 * about.stride);
  await encode({ rgba: new Uint8ClampedArray(4 * side * side), width: side, height: side });
  await decode({ points: [[0, 0]], labels: [1], box: null, logits: null });
  features = null;
}

/** @param {{rgba: Uint8ClampedArray, width: number, height: number}} pixels */
async function encode({ rgba, width, height }) {
  const { data, dims } = encoderInput(rgba, { width, height }, about);
  dispose(features);
  features = null;
  const found = await encoder.run({ pixels: new ort.Tensor("float32", data, dims) });
  features = found;
  photo = { width, height };
}

/**
 * @param {import("../prompt.js").Question} question  in the photo's pixels
 * @returns {Promise<{logits: Float32Array, score: number}>}
 */
async function decode({ points, labels, box, logits }) {
  if (!features) throw new Error("there is no photo yet");
  const side = about.maskSize;
  const corners = box ? [[box[0], box[1]], [box[2], box[3]]] : [[0, 0]];
  const places = [...points, ...corners].flatMap(inModel);
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
function inModel([x, y]) {
  const { width, height } = resizedSize(photo, about);
  return [(x * width) / photo.width, (y * height) / photo.height];
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
