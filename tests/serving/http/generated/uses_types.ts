/** Uses the types that openapi-typescript generated: `node uses_types.js ADDRESS TOKEN`. */
import type { components, operations } from "./hqsam_api.js";

type Schemas = components["schemas"];
type Json<Operation extends keyof operations, Status extends number> = operations[Operation]["responses"] extends {
  [status in Status]: { content: { "application/json": infer Body } };
}
  ? Body
  : never;

declare const process: { argv: string[] };
const [, , address, token] = process.argv;

async function send<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const response = await fetch(address + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (!response.ok) throw new Error(((await response.json()) as Schemas["ErrorResponse"]).error.message);
  return (await response.json()) as Answer;
}

const list = await send<Json<"list_images", 200>>("GET", "/v1/images");
const image: Schemas["Image"] = list.images[0];
const box: Schemas["Prompt"] = { box: [170, 15, 412, 210] }; // neither points nor labels
const request: Schemas["MasksRequest"] = { prompts: [box] };
const found = await send<Json<"predict_masks", 200>>("POST", `/v1/images/${image.id}/masks`, request);
const rle = found.masks[0].rle;
if (!rle) throw new Error("no mask");
const cup: Schemas["AnnotationCreate"] = { rle, class_name: "cup" };
const kept = await send<Schemas["Annotation"]>("POST", `/v1/images/${image.id}/annotations`, cup);
const update: Schemas["AnnotationUpdate"] = { version: kept.version, class_name: "mug" };
const changed = await send<Json<"change_annotation", 200>>("PATCH", `/v1/annotations/${kept.id}`, update);
if (changed.class_name !== "mug" || changed.version !== 2) throw new Error(JSON.stringify(changed));
console.log("done");
