/**
 * Keeps all files of the page, so that it works offline, and adds the headers with which browsers allow threads.
 *
 * `files.js` has the list and a version that changes with any file: then the browser starts this worker anew.
 */
importScripts("files.js");

const SCOPE = self.registration.scope;
const CACHE = `hqsam ${self.HQSAM_FILES.version} ${SCOPE}`;
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keepPage());
});

self.addEventListener("activate", (event) => event.waitUntil(dropOldVersions().then(() => self.clients.claim())));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(SCOPE)) event.respondWith(answer(request));
});

async function keepPage() {
  const cache = await caches.open(CACHE);
  await cache.addAll(self.HQSAM_FILES.page.map((file) => new Request(file, { cache: "no-cache" })));
}

async function dropOldVersions() {
  for (const name of await caches.keys()) {
    if (name.startsWith("hqsam ") && name.endsWith(` ${SCOPE}`) && name !== CACHE) await caches.delete(name);
  }
}

/** From the cache; else from the host, and then it is kept. */
async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept) return withHeaders(kept);
  const found = await fetch(request);
  // Without room for it the page works all the same, but not offline.
  if (found.status === 200) await cache.put(request.url, found.clone()).catch((error) => console.info(error.message));
  return withHeaders(found);
}

function withHeaders(response) {
  if (response.type === "opaque" || response.type === "opaqueredirect") return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
