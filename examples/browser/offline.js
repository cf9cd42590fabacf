/** Starts the service worker, which makes the page work offline and lets it compute with several threads. */

const PATIENCE_MS = 8000;
const RELOADED = "hqsam.reloaded";

/**
 * Returns once the service worker answers for the page, or never will: where the browser has none, or the address is
 * not https. It may load the page again, since threads need that.
 */
export async function startServiceWorker() {
  if (!("serviceWorker" in navigator)) return;
  const answers = await Promise.race([registered(), new Promise((done) => setTimeout(done, PATIENCE_MS, false))]);
  if (!answers && !navigator.serviceWorker.controller) return;
  if (crossOriginIsolated) sessionStorage.removeItem(RELOADED);
  else if (!sessionStorage.getItem(RELOADED)) {
    sessionStorage.setItem(RELOADED, "yes"); // once: a browser may have other reasons
    location.reload();
    await new Promise(() => {});
  }
}

/**
 * Whether the page works without a network: not yet, where its files came past the service worker or found no room.
 * @param {string[]} files  what was loaded, relative to the page
 * @returns {Promise<"kept" | "not yet" | "never">}
 */
export async function offline(files) {
  if (!("serviceWorker" in navigator) || !(await navigator.serviceWorker.getRegistration())) return "never";
  const kept = await Promise.all(files.map((file) => caches.match(new URL(file, document.baseURI).href)));
  return kept.every(Boolean) ? "kept" : "not yet";
}

async function registered() {
  try {
    await navigator.serviceWorker.register("service_worker.js");
    const { active } = await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller && active?.state === "activating") await controlled();
    return true;
  } catch (error) {
    console.info("no service worker:", error.message);
    return false;
  }
}

function controlled() {
  return new Promise((done) => navigator.serviceWorker.addEventListener("controllerchange", done, { once: true }));
}
