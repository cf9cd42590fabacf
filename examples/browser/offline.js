/** Starts the service worker, which makes the page work offline and lets it compute with several threads. */

const PATIENCE_MS = 8000;
const RELOADED = "hqsam.reloaded";

/**
 * Returns once the service worker answers for the page; it may load the page again, since threads need that.
 * @returns {Promise<boolean>} whether it does: not where the browser has none, or the address is not https
 */
export async function startServiceWorker() {
  if (!("serviceWorker" in navigator)) return false;
  const answers = await Promise.race([registered(), new Promise((done) => setTimeout(done, PATIENCE_MS, false))]);
  if (!answers && !navigator.serviceWorker.controller) return false;
  if (crossOriginIsolated) sessionStorage.removeItem(RELOADED);
  else if (!sessionStorage.getItem(RELOADED)) {
    sessionStorage.setItem(RELOADED, "yes"); // once: a browser may have other reasons
    location.reload();
    await new Promise(() => {});
  }
  return true;
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
